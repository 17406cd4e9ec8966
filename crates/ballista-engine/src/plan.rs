//! The plan of a job: pieces -> order runs -> sums by invoice -> sums by customer, with one shuffle.
//!
//! What is added up where stands in the crate `customer_totals`.
//!
//! A job that only counts lines has the sums by customer alone, and no shuffle.
//!
//! The pieces are the rows of a table in the plan, one a partition, because that is what Ballista's scheduler knows how to divide among
//! tasks: a leaf of our own would be read whole by every task.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use customer_totals::{by_customer, by_invoice};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::physical_plan::ExecutionPlan;

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
    // Executors know it by name.
    let latest = max_udaf();
    let invoices = if options.only_count {
        // A row a piece, which nothing is to be added to.
        runs
    } else {
        by_invoice(runs, options.whole_lines, &latest, partitions)?
    };
    by_customer(invoices, &latest)
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
