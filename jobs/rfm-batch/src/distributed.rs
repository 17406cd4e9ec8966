//! The engine for several nodes: input files -> customers on a Ballista cluster. How, and why each row counts once, stands at the top of
//! the crate `ballista_engine`.

use std::sync::Arc;

use anyhow::Context as _;
use ballista_engine::{
    ClusterError, Job, Piece, PieceOptions, SchedulerAddress, StatisticsReader, wait_for_executors,
};
use job_kit::exit::UsageError;
use job_kit::progress::{Step, Steps};
use order_csv::{FilePart, OrderScan, ScanOptions, ScannedParts, continued_parts, number_lines};
use store::Stores;

use crate::aggregate::{Aggregated, append};
use crate::cluster_process::explain;
use crate::config::Settings;
use crate::customers::Customers;
use crate::pipeline::Read;
use crate::rejects;

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
    let mut parts = scan.parts(piece_bytes);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting threads")?;
    let run = |pieces: &[Vec<FilePart>], options: PieceOptions| {
        let job = Job { pieces: Piece::all(pieces), options };
        let found = cluster.run(&job, Found::default, Found::take);
        let Found { customers, lines, statistics } = runtime.block_on(found).map_err(|e| e.0)?;
        let parts = statistics.finish(pieces.to_vec(), stores).map_err(explain)?;
        anyhow::Ok((customers, lines, parts))
    };
    let rejects_folder = options.kept_rejects_folder().cloned();
    if rejects_folder.is_some() {
        // What is rejected has its line number in the file, and comes from those who read parts of it.
        let counted: Vec<_> = continued_parts(&parts).into_iter().map(|part| vec![part]).collect();
        if !counted.is_empty() {
            let (_, _, counted) = run(&counted, PieceOptions::to_count())?;
            let lines: Vec<_> =
                counted.into_iter().map(|(part, found)| (part, found.lines)).collect();
            number_lines(&mut parts, &lines);
        }
    }
    let found = run(&parts, PieceOptions::new(options));
    let (mut customers, lines, parts) = found.inspect_err(|_| remove_rejects(options))?;
    customers.sort_by_id();
    let aggregated = Aggregated { customers, lines, spilled_bytes: None };
    let scanned = ScannedParts::new(scan, parts);
    let summary = scanned.summary();
    let rejects = rejects::Completion::begin(move || {
        rejects_folder.map_or(Ok(()), |folder| scanned.complete_rejects(&folder))
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
    if let Some(folder) = &options.rejects_folder
        && let Err(error) = folder.remove_tree()
    {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "cannot remove rejects files");
    }
}
