//! Order runs -> one row a customer, by DataFusion: in parallel, in bounded memory, spilling to disk beyond it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use customer_totals::{by_customer, by_invoice, latest};
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::TryStreamExt;
use job_kit::progress::Step;
use job_kit::units::ByteSize;
use order_csv::{OrderScan, split_last_seen_key};
use order_model::Money;
use store::chain;

use crate::customers::Customers;
use crate::read_orders::order_runs;

/// What the aggregation may use.
#[derive(Debug)]
pub(crate) struct Resources<'a> {
    pub threads: usize,
    pub memory: ByteSize,
    pub temp_folder: Option<&'a Path>,
}

/// One row a customer, sorted by id, and the order lines in them.
pub(crate) struct Aggregated {
    pub customers: Customers,
    pub lines: u64,
    /// Bytes that did not fit the memory and went to disk; `None` where that is not known.
    pub spilled_bytes: Option<u64>,
}

/// Reads the whole scan and adds it up. With `whole_lines` (see [`order_csv::ScanOptions`]) equal lines count once.
pub(crate) async fn aggregate(
    scan: &Arc<OrderScan>,
    whole_lines: bool,
    resources: &Resources<'_>,
    step: &Step,
) -> anyhow::Result<Aggregated> {
    let latest = latest();
    let runs = Arc::new(order_runs(scan, whole_lines, resources.threads, step)?);
    let invoices = by_invoice(runs, whole_lines, &latest, resources.threads)?;
    let plan = by_customer(invoices, &latest)?;
    let task_context = Arc::new(task_context(resources)?);
    let streams = execute_stream_partitioned(Arc::clone(&plan), task_context)?;
    let mut tasks = Vec::with_capacity(streams.len());
    for stream in streams {
        tasks.push(tokio::spawn(stream.try_collect::<Vec<RecordBatch>>()));
    }
    let mut customers = Customers::default();
    let mut lines = 0;
    for task in tasks {
        let batches = task.await.context("an aggregation thread died")?;
        for batch in batches.map_err(root_cause)? {
            lines += append(&batch, &mut customers)?;
        }
    }
    customers.sort_by_id();
    let spilled_bytes = Some(spilled_bytes(plan.as_ref()));
    Ok(Aggregated { customers, lines, spilled_bytes })
}

/// Bytes that the operators of a plan wrote to disk.
fn spilled_bytes(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().into_iter().map(|child| spilled_bytes(child.as_ref())).sum::<u64>()
}

fn task_context(resources: &Resources<'_>) -> anyhow::Result<TaskContext> {
    let mode = match resources.temp_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.to_owned()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let memory = usize::try_from(resources.memory.bytes()).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
        .build_arc()?;
    Ok(TaskContext::default().with_runtime(runtime))
}

/// Appends a batch of the plan's result; how many order lines it stands for.
pub(crate) fn append(batch: &RecordBatch, customers: &mut Customers) -> anyhow::Result<u64> {
    let wrong = |name: &str| format!("the aggregation's column {name} has an unexpected type");
    let integers = |name: &str| {
        let array = batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
        array.with_context(|| wrong(name))
    };
    let ids = integers("customer_id")?;
    let frequencies = integers("frequency")?;
    let lines = integers("lines")?;
    let monetary = batch.column_by_name("monetary");
    let monetary = monetary
        .and_then(|column| column.as_primitive_opt::<Decimal128Type>())
        .with_context(|| wrong("monetary"))?;
    let last_seen = batch.column_by_name("last_seen");
    let last_seen = last_seen
        .and_then(|column| column.as_binary_opt::<i32>())
        .with_context(|| wrong("last_seen"))?;
    let mut total = 0;
    for row in 0..batch.num_rows() {
        let (last_order, country) = split_last_seen_key(last_seen.value(row))
            .context("the aggregation gave a key that it was not given")?;
        let amount = Money::from_ten_thousandths(monetary.value(row));
        customers.push(ids.value(row), frequencies.value(row), amount, last_order, country);
        total += lines.value(row) as u64;
    }
    Ok(total)
}

/// The scan's own error, if that is what ended the plan: it says more than the layers around it.
fn root_cause(error: datafusion::error::DataFusionError) -> anyhow::Error {
    use datafusion::error::DataFusionError as E;
    match error {
        E::External(source) => anyhow::Error::from_boxed(source),
        E::Context(_, inner) => root_cause(*inner),
        E::Shared(inner) => match inner.find_root() {
            E::External(source) => anyhow::anyhow!("{}", chain(source.as_ref())),
            other => anyhow::anyhow!("{other}"),
        },
        E::ResourcesExhausted(message) => anyhow::anyhow!(
            "the aggregation does not fit its memory; raise batch.memory or free room in batch.temp_folder: {message}"
        ),
        other => anyhow::Error::new(other).context("aggregating the orders"),
    }
}
