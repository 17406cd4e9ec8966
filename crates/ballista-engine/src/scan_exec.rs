//! The operator that reads pieces: a row that describes a piece in, its order runs and a row of statistics out.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use order_csv::{OrderScan, PartSummary, ScanWorker};
use store::Stores;

use crate::failure::{failed, scan_failed};
use crate::pieces::{Piece, PieceOptions};
use crate::statistics;

/// Reads the pieces that its input describes.
#[derive(Debug)]
pub(crate) struct OrderRunsExec {
    input: Arc<dyn ExecutionPlan>,
    pub(crate) options: PieceOptions,
    /// Those of this machine; only an executor has them.
    stores: Option<Arc<Stores>>,
    properties: Arc<PlanProperties>,
}

impl OrderRunsExec {
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        options: PieceOptions,
        stores: Option<Arc<Stores>>,
    ) -> OrderRunsExec {
        let schema = statistics::sent_schema(options.whole_lines);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        OrderRunsExec { input, options, stores, properties: Arc::new(properties) }
    }
}

impl DisplayAs for OrderRunsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderRunsExec: whole_lines={}", self.options.whole_lines)
    }
}

impl ExecutionPlan for OrderRunsExec {
    fn name(&self) -> &str {
        "OrderRunsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return Err(DataFusionError::Internal("OrderRunsExec has one child".to_owned()));
        };
        Ok(Arc::new(Self::new(input, self.options.clone(), self.stores.clone())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mode = datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(stores) = self.stores.clone() else {
            return Err(DataFusionError::Internal("only executors read orders".to_owned()));
        };
        let (options, schema) = (self.options.clone(), self.schema());
        let batches = self.input.execute(partition, context)?.map(move |pieces| {
            // Reading blocks the thread that polls, which is one of those that Ballista keeps for computing.
            let readers = open(&pieces?, &options, &stores, &schema)?;
            Ok::<_, DataFusionError>(stream::iter(readers.into_iter().flatten()))
        });
        let batches = batches.try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

/// The pieces of a batch, each as its batches. They are opened one after the other, as they come.
fn open(
    pieces: &RecordBatch,
    options: &PieceOptions,
    stores: &Arc<Stores>,
    schema: &SchemaRef,
) -> Result<Vec<PieceReader>> {
    let wrong = || DataFusionError::Internal("a piece of the input is not described".to_owned());
    let texts = pieces.columns().first().and_then(|column| column.as_string_opt::<i32>());
    let reader = |text: Option<&str>| {
        let piece: Piece = serde_json::from_str(text.ok_or_else(wrong)?).map_err(|_| wrong())?;
        let (options, stores) = (options.clone(), Arc::clone(stores));
        let schema = Arc::clone(schema);
        Ok(PieceReader { piece, options, stores, schema, state: State::Unopened })
    };
    texts.ok_or_else(wrong)?.iter().map(reader).collect()
}

/// The batches of a piece: runs, then the row of statistics.
struct PieceReader {
    piece: Piece,
    options: PieceOptions,
    stores: Arc<Stores>,
    schema: SchemaRef,
    state: State,
}

enum State {
    Unopened,
    Reading(Arc<OrderScan>, Box<ScanWorker>),
    Ended,
}

impl PieceReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let State::Unopened = self.state {
            let scan = Arc::new(self.open_scan()?);
            if self.options.only_count {
                self.state = State::Ended;
                let lines = scan.count_lines().map_err(scan_failed)?;
                let parts =
                    lines.into_iter().map(|lines| PartSummary { lines, ..Default::default() });
                let parts: Vec<_> = parts.collect();
                return Ok(Some(statistics::row(self.piece.number, &parts, false)?));
            }
            let worker = Box::new(scan.worker());
            self.state = State::Reading(scan, worker);
        }
        let State::Reading(scan, worker) = &mut self.state else { return Ok(None) };
        if let Some(runs) = worker.next_batch().map_err(scan_failed)? {
            return Ok(Some(statistics::to_sent(&runs, &self.schema)?));
        }
        // The statistics name the rejects files, so those are complete before.
        scan.complete_rejects().map_err(scan_failed)?;
        let (number, parts) = (self.piece.number, scan.part_summaries());
        self.state = State::Ended;
        Ok(Some(statistics::row(number, &parts, self.options.whole_lines)?))
    }

    fn open_scan(&self) -> Result<OrderScan> {
        // No other attempt at the piece has this name, wherever it runs.
        let attempt = format!("{:06}-{}", self.piece.number, crate::unique());
        let options = self.options.scan_options(&self.stores);
        let options = options.map_err(|message| failed(false, &message))?;
        let parts =
            self.piece.file_parts(&self.stores).map_err(|error| scan_failed(error.into()))?;
        OrderScan::open_parts(&parts, &attempt, options).map_err(scan_failed)
    }
}

impl Iterator for PieceReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        if batch.is_err() {
            self.state = State::Ended;
        }
        batch.transpose()
    }
}
