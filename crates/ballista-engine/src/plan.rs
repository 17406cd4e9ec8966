//! The plan of a job: pieces -> order runs -> sums by invoice -> sums by customer, with one shuffle.
//!
//! The local engine leaves the plan to DataFusion, which shuffles twice: by customer and invoice, then by customer. Within a
//! process that costs next to nothing. Between nodes it would cost the traffic again, so here the rows are sent to where their customer is
//! added up, and there all its invoices are. The sums are the same, for they are exact.
//!
//! A job that only counts lines has the last of these alone, and no shuffle.
//!
//! The pieces are the rows of a table in the plan, one a partition, because that is what Ballista's scheduler knows how to divide among
//! tasks: a leaf of our own would be read whole by every task.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{col, lit};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::repartition::RepartitionExec;

use crate::pieces::{Piece, PieceOptions};
use crate::scan_exec::OrderRunsExec;

/// The column of a piece.
const PIECE: &str = "piece";

/// The plan that gives a row a customer, and a row of statistics a piece, in `partitions` partitions.
pub(crate) fn customers(
    pieces: &[Piece],
    options: &PieceOptions,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let runs: Arc<dyn ExecutionPlan> =
        Arc::new(OrderRunsExec::new(table_of(pieces)?, options.clone(), None));
    let keys = ["customer_id", "invoice"];
    let invoices = if options.only_count {
        // A row a piece, which nothing is to be added to.
        runs
    } else if options.whole_lines {
        let columns: Vec<_> = runs.schema().fields().iter().map(|f| f.name().clone()).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let lines = shuffled(runs, &columns, vec![], partitions)?;
        let sums = sums(&lines.schema())?;
        aggregate(AggregateMode::SinglePartitioned, &keys, sums, lines)?
    } else {
        let sums = sums(&runs.schema())?;
        shuffled(runs, &keys, sums, partitions)?
    };
    let schema = invoices.schema();
    let frequency = function(count_udaf(), lit(1_i64), "frequency", &schema)?;
    let monetary = function(sum_udaf(), col("amount", &schema)?, "monetary", &schema)?;
    let mut columns = vec![frequency, monetary];
    columns.extend(sums(&schema)?.into_iter().skip(1));
    aggregate(AggregateMode::SinglePartitioned, &["customer_id"], columns, invoices)
}

/// The pieces as a table of as many partitions.
fn table_of(pieces: &[Piece]) -> Result<Arc<dyn ExecutionPlan>> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new(PIECE, DataType::Utf8, false)]));
    let row = |piece: &Piece| {
        let text = serde_json::to_string(piece)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let column = Arc::new(StringArray::from(vec![text]));
        Ok(vec![RecordBatch::try_new(Arc::clone(&schema), vec![column])?])
    };
    let partitions = pieces.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(MemorySourceConfig::try_new_exec(&partitions, schema, None)?)
}

/// Amount, lines and last order.
fn sums(schema: &SchemaRef) -> Result<Vec<Arc<AggregateFunctionExpr>>> {
    Ok(vec![
        function(sum_udaf(), col("amount", schema)?, "amount", schema)?,
        function(sum_udaf(), col("lines", schema)?, "lines", schema)?,
        function(max_udaf(), col("last_seen", schema)?, "last_seen", schema)?,
    ])
}

fn function(
    function: Arc<AggregateUDF>,
    argument: Arc<dyn PhysicalExpr>,
    name: &str,
    schema: &SchemaRef,
) -> Result<Arc<AggregateFunctionExpr>> {
    let builder = AggregateExprBuilder::new(function, vec![argument]);
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
