//! The plan: order runs -> sums by invoice -> sums by customer, with one shuffle.
//!
//! Two levels: first by customer and invoice, so that an invoice that is cut into several runs counts once; then by customer. Rows are
//! sent to where their customer is added up, and there all the invoices are, so the second level needs no shuffle of its own. All sums are
//! exact: neither the number of partitions nor the order of rows changes a digit.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{col, lit};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::repartition::RepartitionExec;

/// Sums by customer and invoice of order runs, in `partitions` partitions, each with all rows of its customers.
///
/// `runs` has the columns of `order_csv::schema`. With `whole_lines` it has those with the line, and equal lines count once. `latest`
/// finds the greatest `last_seen`: [`latest`](crate::latest()), or DataFusion's `max`, which is slower and which every process that
/// is sent a plan knows.
///
/// # Errors
/// Of DataFusion, if a column is missing or of another type.
pub fn by_invoice(
    runs: Arc<dyn ExecutionPlan>,
    whole_lines: bool,
    latest: &Arc<AggregateUDF>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let keys = ["customer_id", "invoice"];
    let schema = runs.schema();
    if whole_lines {
        // The columns before the line's bytes follow from them; grouping by all of them leaves one of equal lines.
        let columns: Vec<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).collect();
        let lines = shuffled(runs, &columns, vec![], partitions)?;
        let sums = sums(&lines.schema(), latest)?;
        aggregate(AggregateMode::SinglePartitioned, &keys, sums, lines)
    } else {
        let sums = sums(&schema, latest)?;
        shuffled(runs, &keys, sums, partitions)
    }
}

/// One row a customer, of rows as [`by_invoice`] gives them: `customer_id`, `frequency` (invoices), `monetary`, `lines`, `last_seen`.
///
/// # Errors
/// Of DataFusion, if a column is missing or of another type.
pub fn by_customer(
    invoices: Arc<dyn ExecutionPlan>,
    latest: &Arc<AggregateUDF>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = invoices.schema();
    let frequency = function(&count_udaf(), lit(1_i64), "frequency", &schema)?;
    let monetary = function(&sum_udaf(), col("amount", &schema)?, "monetary", &schema)?;
    let mut functions = vec![frequency, monetary];
    functions.extend(sums(&schema, latest)?.into_iter().skip(1));
    aggregate(AggregateMode::SinglePartitioned, &["customer_id"], functions, invoices)
}

/// Amount, lines and last order.
fn sums(schema: &SchemaRef, latest: &Arc<AggregateUDF>) -> Result<Vec<Arc<AggregateFunctionExpr>>> {
    Ok(vec![
        function(&sum_udaf(), col("amount", schema)?, "amount", schema)?,
        function(&sum_udaf(), col("lines", schema)?, "lines", schema)?,
        function(latest, col("last_seen", schema)?, "last_seen", schema)?,
    ])
}

fn function(
    function: &Arc<AggregateUDF>,
    argument: Arc<dyn PhysicalExpr>,
    name: &str,
    schema: &SchemaRef,
) -> Result<Arc<AggregateFunctionExpr>> {
    let builder = AggregateExprBuilder::new(Arc::clone(function), vec![argument]);
    Ok(Arc::new(builder.schema(Arc::clone(schema)).alias(name).build()?))
}

/// Aggregates where the rows are, sends what is left to where its customer is, and aggregates there.
fn shuffled(
    input: Arc<dyn ExecutionPlan>,
    keys: &[&str],
    functions: Vec<Arc<AggregateFunctionExpr>>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let partial = aggregate(AggregateMode::Partial, keys, functions.clone(), input)?;
    let by_customer = vec![col("customer_id", &partial.schema())?];
    let partitioning = Partitioning::Hash(by_customer, partitions);
    let sent: Arc<dyn ExecutionPlan> = Arc::new(RepartitionExec::try_new(partial, partitioning)?);
    let group = group(keys, &schema)?.as_final();
    let filters = vec![None; functions.len()];
    let mode = AggregateMode::FinalPartitioned;
    Ok(Arc::new(AggregateExec::try_new(mode, group, functions, filters, sent, schema)?))
}

fn aggregate(
    mode: AggregateMode,
    keys: &[&str],
    functions: Vec<Arc<AggregateFunctionExpr>>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let filters = vec![None; functions.len()];
    let group = group(keys, &schema)?;
    Ok(Arc::new(AggregateExec::try_new(mode, group, functions, filters, input, schema)?))
}

fn group(keys: &[&str], schema: &SchemaRef) -> Result<PhysicalGroupBy> {
    let key = |name: &&str| Ok((col(name, schema)?, (*name).to_owned()));
    Ok(PhysicalGroupBy::new_single(keys.iter().map(key).collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use arrow::array::{
        AsArray, BinaryArray, Decimal128Array, Int64Array, RecordBatch, StringViewArray,
    };
    use arrow::datatypes::{Decimal128Type, Int64Type};
    use datafusion::catalog::memory::MemorySourceConfig;
    use datafusion::execution::TaskContext;
    use datafusion::functions_aggregate::min_max::max_udaf;
    use datafusion::physical_plan::{collect, displayable};
    use proptest::prelude::*;

    use super::*;

    /// Customer, invoice, amount, instant.
    type Line = (i64, String, i128, u8);
    /// Invoices, amount, lines, last instant.
    type Totals = (i64, i128, i64, Vec<u8>);

    fn line() -> impl Strategy<Value = Line> {
        (1_i64..6, 0_u8..5, -3_i128..4, 0_u8..4).prop_map(|(customer, invoice, amount, at)| {
            (customer, format!("I{invoice}"), amount, at)
        })
    }

    fn key(at: u8) -> Vec<u8> {
        [&[0, 0, 0, 0, 0, 0, 0, at][..], b"EIRE"].concat()
    }

    fn text(line: &Line) -> Vec<u8> {
        format!("{line:?}").into_bytes()
    }

    /// A run a line.
    fn batch(lines: &[Line], whole_lines: bool) -> RecordBatch {
        let amounts = Decimal128Array::from_iter_values(lines.iter().map(|line| line.2));
        let mut columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(lines.iter().map(|line| line.0))),
            Arc::new(StringViewArray::from_iter_values(lines.iter().map(|line| &line.1))),
            Arc::new(amounts.with_precision_and_scale(28, 4).unwrap()),
            Arc::new(Int64Array::from_iter_values(lines.iter().map(|_| 1))),
            Arc::new(BinaryArray::from_iter_values(lines.iter().map(|line| key(line.3)))),
        ];
        if whole_lines {
            columns.push(Arc::new(BinaryArray::from_iter_values(lines.iter().map(text))));
        }
        RecordBatch::try_new(order_csv::schema(whole_lines), columns).unwrap()
    }

    fn expected(lines: &[Line], whole_lines: bool) -> BTreeMap<i64, Totals> {
        let once: BTreeSet<&Line> = lines.iter().collect();
        let lines =
            if whole_lines { once.into_iter().collect() } else { lines.iter().collect::<Vec<_>>() };
        let mut invoices = BTreeMap::<i64, BTreeSet<&str>>::new();
        let mut totals = BTreeMap::<i64, Totals>::new();
        for (customer, invoice, amount, at) in lines {
            invoices.entry(*customer).or_default().insert(invoice);
            let total = totals.entry(*customer).or_default();
            total.0 = invoices[customer].len() as i64;
            total.1 += amount;
            total.2 += 1;
            total.3 = key(*at).max(std::mem::take(&mut total.3));
        }
        totals
    }

    fn found(batches: &[RecordBatch]) -> BTreeMap<i64, Totals> {
        let mut found = BTreeMap::new();
        for batch in batches {
            let integers =
                |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
            let amounts =
                batch.column_by_name("monetary").unwrap().as_primitive::<Decimal128Type>();
            let last = batch.column_by_name("last_seen").unwrap().as_binary::<i32>();
            for row in 0..batch.num_rows() {
                let total = (
                    integers("frequency").value(row),
                    amounts.value(row),
                    integers("lines").value(row),
                    last.value(row).to_vec(),
                );
                let twice = found.insert(integers("customer_id").value(row), total);
                assert_eq!(twice, None, "a customer is in two rows");
            }
        }
        found
    }

    fn plan(
        inputs: &[Vec<RecordBatch>],
        whole_lines: bool,
        latest: &Arc<AggregateUDF>,
    ) -> Arc<dyn ExecutionPlan> {
        let schema = order_csv::schema(whole_lines);
        let runs = MemorySourceConfig::try_new_exec(inputs, schema, None).unwrap();
        let invoices = by_invoice(runs, whole_lines, latest, 3).unwrap();
        by_customer(invoices, latest).unwrap()
    }

    #[test]
    fn rows_are_sent_once() {
        for whole_lines in [false, true] {
            let plan = plan(&[vec![]], whole_lines, &crate::latest());
            let text = displayable(plan.as_ref()).indent(false).to_string();
            assert_eq!(text.matches("RepartitionExec").count(), 1, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_adds_up(
            partitions in prop::collection::vec(prop::collection::vec(prop::collection::vec(line(), 1..12), 0..4), 1..4),
            whole_lines: bool,
            with_max: bool,
        ) {
            let batches = |lines: &Vec<Vec<Line>>| lines.iter().map(|lines| batch(lines, whole_lines)).collect();
            let inputs: Vec<Vec<RecordBatch>> = partitions.iter().map(batches).collect();
            let latest = if with_max { max_udaf() } else { crate::latest() };
            let plan = plan(&inputs, whole_lines, &latest);
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
            let batches = runtime.block_on(collect(plan, Arc::new(TaskContext::default()))).unwrap();
            let lines: Vec<Line> = partitions.into_iter().flatten().flatten().collect();
            prop_assert_eq!(found(&batches), expected(&lines, whole_lines));
        }
    }
}
