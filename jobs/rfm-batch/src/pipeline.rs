//! A run of the batch layer, from CSV to published tables.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, bail};
use job_kit::exit::{RetryLater, UsageError};
use job_kit::format::thousands;
use job_kit::progress::{Step, Steps};
use order_csv::{CsvError, OrderScan, ScanOptions, ScanSummary, resolve};
use order_model::{Date, Money};
use segmentation::Segmentation;
use store::{Location, StoreErrorKind, Stores};
use warehouse::run_id::RunId;

use crate::aggregate::{Aggregated, Resources, aggregate};
use crate::cli::Cli;
use crate::cluster::{self, Profile};
use crate::config::{Engine, Place, Settings};
use crate::customers::Customers;
use crate::publish::{PublishedSnapshot, publish};
use crate::run_report::{self, RunReport};
use crate::{distributed, rejects, summary, tables};

/// Folder of run reports in the warehouse.
const REPORTS: &str = "_reports";

/// Runs the job: read, clean, aggregate -> score -> cluster -> write -> publish -> report.
pub(crate) fn run(cli: &Cli, settings: &Settings) -> anyhow::Result<()> {
    let begun = Instant::now();
    let now = SystemTime::now();
    let run_id = RunId::new(now);
    let steps = cli.common.steps();
    let writes = !cli.run.dry_run && !cli.run.choose_k;
    let input = settings.input()?;
    let place = Place::open(settings)?;
    let (stores, warehouse) = (&place.stores, &place.warehouse);
    let report_file = settings.batch.report.as_deref();
    let report_file = report_file.map(|file| stores.locate(&file.to_string_lossy())).transpose();
    let report_file = report_file.map_err(|error| explain(error.into()))?;
    // The pool of k-means and of the Parquet encoders. A second call in one process would be refused, and harmless.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(settings.threads()).build_global();

    let rejects_folder = writes.then(|| rejects::folder(warehouse, &run_id));
    let read = read(stores, input, rejects_folder, settings, &steps)?;
    let Read { aggregated, scanned, rejects } = read;
    let customers = &aggregated.customers;
    let snapshot = snapshot_date(customers, settings, now)?;

    let step = steps.start("score", None);
    let scores = customers.score(snapshot);
    step.finish(format_args!("{} customers", thousands(customers.len())));

    if cli.run.choose_k {
        let step = steps.start("try k = 2 to 10", None);
        let qualities = cluster::choose_k(customers, &scores, &settings.clustering())?;
        step.finish("");
        return Ok(summary::print_ks(&qualities)?);
    }

    let step = steps.start("cluster", None);
    let (segmentation, profiles) = cluster::cluster(customers, &scores, &settings.clustering())?;
    step.finish(format_args!("silhouette {:.3}", segmentation.silhouette));

    let result = tables::Result {
        customers,
        scores: &scores,
        segmentation: &segmentation,
        profiles: &profiles,
        run_id: run_id.as_str(),
    };
    rejects.wait().map_err(explain)?;
    let published = if writes {
        Some(publish(&result, snapshot, &run_id, settings, &place, &steps)?)
    } else {
        None
    };

    let mut report = report(&run_id, input, &scanned, &aggregated, snapshot);
    report.engine = settings.batch.engine.name();
    add_segments(&mut report, &segmentation, &profiles, settings);
    if let Some(published) = published {
        add_tables(&mut report, published, warehouse);
        rejects::remove_old(warehouse, settings.batch.keep_old_runs.get(), now);
    }
    let seconds = steps.seconds().into_iter();
    report.seconds = seconds.map(|(step, seconds)| run_report::Seconds { step, seconds }).collect();
    report.total_seconds = begun.elapsed().as_secs_f64();
    if writes {
        report.write(&warehouse.join(REPORTS).join(&format!("{run_id}.json")))?;
    }
    if let Some(file) = &report_file {
        report.write(file)?;
    }
    Ok(summary::print_run(&report)?)
}

/// Input files -> customers.
fn read(
    stores: &Stores,
    input: &str,
    rejects_folder: Option<Location>,
    settings: &Settings,
    steps: &Steps,
) -> anyhow::Result<Read> {
    let options = ScanOptions {
        date_format: settings.date_format().map_err(UsageError)?,
        until: settings.snapshot_date().map_err(UsageError)?.map(Date::midnight),
        whole_lines: settings.batch.drop_duplicates,
        rejects_folder,
        keep_rejects: settings.keep_rejects(),
    };
    let inputs = resolve(stores, input).map_err(explain)?;
    let scan = OrderScan::open(inputs, options.clone()).map_err(explain)?;
    let drop_duplicates = settings.batch.drop_duplicates;
    let (step, read) = match settings.batch.engine {
        Engine::Local => {
            let step = steps.start("read and aggregate", Some(scan.total_bytes()));
            let read = read_here(Arc::new(scan), settings, &step)?;
            (step, read)
        }
        Engine::Ballista => distributed::read(stores, Arc::new(scan), &options, settings, steps)?,
    };
    let Read { aggregated, scanned, .. } = &read;
    check(aggregated, scanned, input, drop_duplicates)?;
    let customers = aggregated.customers.len();
    step.finish(format_args!(
        "{} rows, {} customers",
        thousands(scanned.rows),
        thousands(customers)
    ));
    Ok(read)
}

/// What came of the input.
pub(crate) struct Read {
    pub aggregated: Aggregated,
    pub scanned: ScanSummary,
    pub rejects: rejects::Completion,
}

/// The local engine: all cores of this machine.
fn read_here(scan: Arc<OrderScan>, settings: &Settings, step: &Step) -> anyhow::Result<Read> {
    let threads = settings.threads();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("starting threads")?;
    let batch = &settings.batch;
    let temp_folder = batch.temp_folder.as_deref();
    let resources = Resources { threads, memory: batch.memory, temp_folder };
    let aggregated = runtime.block_on(aggregate(&scan, batch.drop_duplicates, &resources, step));
    let aggregated = aggregated.map_err(|error| {
        if scan.failed_retryably() { error.context(not_read_yet()) } else { error }
    })?;
    let scanned = scan.summary();
    let rejects = rejects::Completion::begin(move || scan.complete_rejects());
    Ok(Read { aggregated, scanned, rejects })
}

/// What must hold before anything is computed from the customers.
fn check(
    aggregated: &Aggregated,
    scanned: &ScanSummary,
    input: &str,
    drop_duplicates: bool,
) -> anyhow::Result<()> {
    if scanned.kept == 0 {
        let counts = scanned.rejected.iter().filter(|(_, rows)| *rows > 0);
        let mut counts: Vec<_> =
            counts.map(|(reason, rows)| format!("{reason} {}", thousands(rows))).collect();
        if scanned.after_snapshot > 0 {
            counts.push(format!(
                "on or after the snapshot date {}",
                thousands(scanned.after_snapshot)
            ));
        }
        let rejects = scanned.files.iter().find_map(|file| file.rejects_files.first());
        let rejects = rejects.map(|path| format!("; see {path}")).unwrap_or_default();
        let counts =
            if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        let rows = thousands(scanned.rows);
        bail!("no purchase is left of the {rows} rows of {input}{counts}{rejects}");
    }
    let lines_missing = aggregated.lines != scanned.kept && !drop_duplicates;
    if lines_missing || aggregated.lines > scanned.kept {
        bail!(
            "the aggregation gave {} lines for the {} that were read; this is a fault of the program, nothing was written",
            aggregated.lines,
            scanned.kept
        );
    }
    if let Some(customer) = aggregated.customers.beyond_decimal() {
        bail!(
            "customer {customer} has a monetary value of 10^16 or more, which DECIMAL(20,4) cannot hold; look for a wrong quantity or price in its rows"
        );
    }
    Ok(())
}

/// The snapshot date asked for, or the day after the last order.
fn snapshot_date(
    customers: &Customers,
    settings: &Settings,
    now: SystemTime,
) -> anyhow::Result<Date> {
    if let Some(date) = settings.snapshot_date().map_err(UsageError)? {
        return Ok(date);
    }
    let last = customers.last_order.iter().max().context("no customer is left")?;
    let micros =
        now.duration_since(SystemTime::UNIX_EPOCH).map_or(i64::MAX, |d| d.as_micros() as i64);
    if last.micros() > micros {
        tracing::warn!(
            last_order = %last,
            "the last order lies in the future, and the snapshot date follows it; if that is a typing error, give --snapshot-date"
        );
    }
    Ok(rfm::default_snapshot(*last))
}

/// Gives an error the exit code that fits what the user can do.
fn explain(error: CsvError) -> anyhow::Error {
    let is_usage = match &error {
        CsvError::Glob { .. } => true,
        CsvError::Store(error) => error.kind() == StoreErrorKind::Address,
        _ => false,
    };
    let retryable = error.is_retryable();
    let error = anyhow::Error::new(error);
    if is_usage {
        anyhow::Error::new(UsageError(format!("{error:#}")))
    } else if retryable {
        error.context(not_read_yet())
    } else {
        error
    }
}

fn not_read_yet() -> RetryLater {
    RetryLater("the orders could not be read, or their rejects not be kept".to_owned())
}

fn report(
    run_id: &RunId,
    input: &str,
    scanned: &ScanSummary,
    aggregated: &Aggregated,
    snapshot: Date,
) -> RunReport {
    let files = scanned.files.iter().map(|file| run_report::File {
        path: file.location.to_string(),
        bytes: file.bytes,
        rows: file.rows,
        rejected: file.rejected,
        date_format: file.date_format.map(|format| format.name()),
        rejects_files: file.rejects_files.iter().map(|file| file.to_string().into()).collect(),
    });
    let rejected = scanned
        .rejected
        .iter()
        .map(|&(reason, rows)| run_report::Rejected { reason: reason.name(), rows });
    RunReport {
        run_id: run_id.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        input: input.to_owned(),
        files: files.collect(),
        snapshot_date: snapshot.to_string(),
        rows: run_report::Rows {
            read: scanned.rows,
            kept: aggregated.lines,
            duplicates: scanned.kept - aggregated.lines,
            after_snapshot: scanned.after_snapshot,
            rejected: rejected.collect(),
        },
        customers: aggregated.customers.len() as u64,
        orders: aggregated.customers.orders() as u64,
        revenue: aggregated.customers.revenue().to_string(),
        clustering: run_report::Clustering { k: 0, seed: 0, inertia: 0.0, silhouette: 0.0 },
        segments: Vec::new(),
        warehouse: None,
        tables: Vec::new(),
        views: Vec::new(),
        current_snapshot: None,
        engine: Engine::Local.name(),
        spilled_bytes: aggregated.spilled_bytes,
        seconds: Vec::new(),
        total_seconds: 0.0,
    }
}

fn add_segments(
    report: &mut RunReport,
    segmentation: &Segmentation,
    profiles: &[Profile],
    settings: &Settings,
) {
    let Segmentation { inertia, silhouette, segments, .. } = segmentation;
    let (k, seed) = (segments.len(), settings.batch.clustering.seed);
    report.clustering =
        run_report::Clustering { k, seed, inertia: *inertia, silhouette: *silhouette };
    let revenue: Money = profiles.iter().map(|profile| profile.revenue).sum();
    let segments = segments.iter().zip(profiles).enumerate();
    report.segments = segments
        .map(|(segment_id, (segment, profile))| run_report::Segment {
            segment_id,
            segment: segment.name.clone(),
            customers: profile.customers,
            share: profile.customers as f64 / report.customers.max(1) as f64,
            revenue: profile.revenue.to_string(),
            revenue_share: profile.revenue.to_f64() / revenue.to_f64(),
            avg_recency_days: profile.avg_recency_days(),
            avg_frequency: profile.avg_frequency(),
            avg_monetary: profile.avg_monetary().to_string(),
        })
        .collect();
}

fn add_tables(report: &mut RunReport, published: PublishedSnapshot, warehouse: &Location) {
    report.warehouse = Some(warehouse.to_string());
    let tables = published.tables.into_iter();
    report.tables = tables
        .map(|t| run_report::Table {
            name: t.name,
            location: t.location,
            rows: t.rows,
            bytes: t.bytes,
        })
        .collect();
    report.views = published.views;
    report.current_snapshot = Some(published.current);
}
