//! CSV -> order runs: the scan of `order-csv` as the leaf of a DataFusion plan.
//!
//! Each partition of the leaf is one worker of the scan. Workers take blocks from the same files as they come, so all
//! partitions end at about the same time however the input is cut.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;
use job_kit::progress::Step;
use order_csv::OrderScan;

/// The scan as a leaf of `partitions` partitions, which can be read once. `step` learns how many bytes are read.
pub(crate) fn order_runs(
    scan: &Arc<OrderScan>,
    whole_lines: bool,
    partitions: usize,
    step: &Step,
) -> Result<StreamingTableExec> {
    let schema = order_csv::schema(whole_lines);
    let progress = Arc::new(Progress { step: step.clone(), shown: AtomicU64::new(0) });
    let partition = || {
        let (scan, progress) = (Arc::clone(scan), Arc::clone(&progress));
        Arc::new(Worker { schema: Arc::clone(&schema), scan, progress }) as Arc<dyn PartitionStream>
    };
    let partitions = (0..partitions).map(|_| partition()).collect();
    StreamingTableExec::try_new(Arc::clone(&schema), partitions, None, [], false, None)
}

struct Progress {
    step: Step,
    shown: AtomicU64,
}

impl Progress {
    fn update(&self, bytes_read: u64) {
        let before = self.shown.fetch_max(bytes_read, Ordering::Relaxed);
        self.step.advance(bytes_read.saturating_sub(before));
    }
}

struct Worker {
    schema: SchemaRef,
    scan: Arc<OrderScan>,
    progress: Arc<Progress>,
}

impl PartitionStream for Worker {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (scan, progress) = (Arc::clone(&self.scan), Arc::clone(&self.progress));
        let mut worker = self.scan.worker();
        // Reading blocks the thread that polls, which is what that thread is for: there is one a core, and nothing else runs.
        let batches = std::iter::from_fn(move || {
            let batch = worker.next_batch().transpose();
            progress.update(scan.bytes_read());
            batch.map(|batch| batch.map_err(|error| DataFusionError::External(Box::new(error))))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(batches)))
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("order runs of a CSV scan")
    }
}
