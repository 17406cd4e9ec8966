//! The engine for several nodes: input files -> customers on a Ballista cluster. How, and why each row counts once, stands at the top of
//! the crate `ballista_engine`.

use std::sync::Arc;

use anyhow::Context as _;
use ballista_engine::{
    ClusterError, Job, Piece, PieceOptions, SchedulerAddress, StatisticsReader, wait_for_executors,
};
use job_kit::exit::UsageError;
use job_kit::progress::{Step, Steps};
use order_csv::{OrderScan, ScanOptions, ScannedParts};
use store::{Location, Stores};

use crate::aggregate::{Aggregated, append};
use crate::cluster_process::explain;
use crate::config::Settings;
use crate::customers::Customers;
use crate::pipeline::Read;
use crate::rejects;

/// Folder of the pieces' rejects files in the folder of the run's, until they are put together.
const PARTS: &str = "_parts";

const LEAST_PIECE: u64 = 8 << 20;
const LARGEST_PIECE: u64 = 128 << 20;
/// So many, that executors of different speed end at about the same time. Each costs some milliseconds.
const PIECES: u64 = 32;

/// Waits for the cluster and has it read the scan's files. `scan` is open, and nothing of it is read here.
pub(crate) fn read(
    stores: &Stores,
    scan: Arc<OrderScan>,
    options: &ScanOptions,
    settings: &Settings,
    steps: &Steps,
) -> anyhow::Result<(Step, Read)> {
    let ballista = &settings.batch.ballista;
    let scheduler = ballista.scheduler.as_deref().ok_or_else(|| {
        UsageError(
            "no cluster: give --scheduler HOST:PORT or set batch.ballista.scheduler; `emr/submit batch --engine ballista` starts one for the run".to_owned(),
        )
    })?;
    let scheduler = SchedulerAddress::parse(scheduler, stores)
        .map_err(|error| UsageError(format!("batch.ballista.scheduler: {error}")))?;
    let step = steps.start("wait for executors", None);
    let cluster = wait_for_executors(&scheduler, ballista.wait.get()).map_err(explain)?;
    step.finish("");

    let step = steps.start("read and aggregate", None);
    let automatic = (scan.total_bytes() / PIECES).clamp(LEAST_PIECE, LARGEST_PIECE);
    let piece_bytes = ballista.piece.map_or(automatic, |piece| piece.bytes());
    let parts = scan.parts(piece_bytes);
    let parts_folder = options.rejects_folder.as_ref().map(|folder| folder.join(PARTS));
    let job = Job {
        pieces: Piece::all(&parts),
        options: PieceOptions::new(options, parts_folder.as_ref()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting threads")?;
    let found = runtime.block_on(cluster.run(&job, Found::default, Found::take)).map_err(|e| e.0);
    let collected = found.and_then(|found| {
        let Found { mut customers, lines, statistics } = found;
        customers.sort_by_id();
        let parts = statistics.finish(parts, stores).map_err(explain)?;
        Ok((Aggregated { customers, lines, spilled_bytes: None }, parts))
    });
    let (aggregated, parts) = collected.inspect_err(|_| remove_rejects(options))?;
    let scanned = ScannedParts::new(scan, parts);
    let summary = scanned.summary();
    let rejects = rejects::Completion::begin(move || {
        scanned.complete_rejects()?;
        if let Some(folder) = &parts_folder {
            remove(folder);
        }
        Ok(())
    });
    Ok((step, Read { aggregated, scanned: summary, rejects }))
}

/// What has come back so far.
#[derive(Default)]
struct Found {
    customers: Customers,
    lines: u64,
    statistics: StatisticsReader,
}

impl Found {
    fn take(&mut self, batch: arrow::array::RecordBatch) -> Result<(), Explained> {
        let batch = self.statistics.take(batch)?;
        self.lines += append(&batch, &mut self.customers).map_err(Explained)?;
        Ok(())
    }
}

/// An error with its exit code.
struct Explained(anyhow::Error);

impl From<ClusterError> for Explained {
    fn from(error: ClusterError) -> Self {
        Self(explain(error))
    }
}

/// Of a job that did not end nobody needs them. Those of an attempt that goes on somewhere are removed with the old ones.
fn remove_rejects(options: &ScanOptions) {
    if let Some(folder) = &options.rejects_folder {
        remove(folder);
    }
}

fn remove(folder: &Location) {
    if let Err(error) = folder.remove_tree() {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "cannot remove parts of rejects files");
    }
}
