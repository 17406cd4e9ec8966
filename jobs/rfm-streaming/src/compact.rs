//! `rfm-streaming compact`: small files of past days into large ones, and what is past its time away.

use std::io;
use std::time::{Instant, SystemTime};

use anyhow::Context;
use job_kit::exit::RetryLater;
use job_kit::format::{megabytes, thousands};
use service_kit::signals::Stop;
use stream_sink::compact::{CompactOptions, CompactReport, compact};

use crate::config::{Place, Settings};
use crate::console::say;

/// Compacts once, and prints what was done. It may be run at any time, beside the stream and beside readers.
pub(crate) fn run(
    settings: &Settings,
    place: &Place,
    dry_run: bool,
    stop: &Stop,
) -> anyhow::Result<()> {
    let own = &settings.streaming.compact;
    let options = CompactOptions {
        min_files: own.min_files,
        target_bytes: own.target_size.bytes(),
        quiet: own.quiet.get(),
        older_than_days: own.older_than_days,
        keep_old: own.keep_old.get(),
        retain_days: own.retain_days,
        lease: settings.catalog.lease.get(),
        dry_run,
        ..CompactOptions::default()
    };
    let started = Instant::now();
    let catalog = place.catalog.as_ref();
    let report = compact(catalog, &place.tables, &options, SystemTime::now(), &|| stop.is_set());
    let report = report.map_err(|error| {
        let retryable = error.is_retryable();
        let error = anyhow::Error::new(error);
        match retryable {
            true => error.context(RetryLater("compaction has to wait".to_owned())),
            false => error,
        }
    })?;
    print(&report, dry_run, started).context("cannot print what was done")
}

fn print(report: &CompactReport, dry_run: bool, started: Instant) -> io::Result<()> {
    let CompactReport { partitions, files_before, files_after, rows, .. } = report;
    for (partition, reason) in &report.skipped {
        say(&format!("left alone: {partition}: {reason}"));
    }
    for partition in &report.dropped_partitions {
        say(&format!("{}: {partition}", if dry_run { "would be removed" } else { "removed" }));
    }
    if dry_run {
        say(&format!(
            "would compact {} files ({}) of {} partitions",
            thousands(files_before),
            megabytes(report.bytes_before),
            thousands(partitions),
        ));
        return Ok(());
    }
    say(&format!(
        "compacted {} partitions: {} files ({}) into {} ({}), {} rows; removed {} old files; {:.1} s",
        thousands(partitions),
        thousands(files_before),
        megabytes(report.bytes_before),
        thousands(files_after),
        megabytes(report.bytes_after),
        thousands(rows),
        thousands(report.removed_old_files),
        started.elapsed().as_secs_f64(),
    ));
    Ok(())
}
