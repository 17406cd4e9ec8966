//! Rows -> Parquet files -> visible snapshot.

use anyhow::Context as _;
use arrow::array::RecordBatch;
use job_kit::exit::RetryLater;
use job_kit::progress::Steps;
use order_model::Date;
use warehouse::ddl::{Ddl, SEGMENT_PROFILES, TableDef, USER_RFM_BATCH, USER_SEGMENTS};
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, WrittenTable};
use warehouse::read::CUSTOMER_ID;
use warehouse::run_id::RunId;
use warehouse::snapshot_date::SnapshotDate;

use crate::config::{Place, Settings};
use crate::tables::Result as Tables;

/// Rows that are turned into a batch at a time.
const BATCH_ROWS: usize = 64 * 1024;

/// A table as it was published.
#[derive(Debug)]
pub(crate) struct PublishedTable {
    pub name: String,
    /// Relative to the warehouse.
    pub location: String,
    pub rows: u64,
    pub bytes: u64,
}

/// What was published.
#[derive(Debug)]
pub(crate) struct PublishedSnapshot {
    pub tables: Vec<PublishedTable>,
    pub views: Vec<String>,
    /// What the views show now: this run's snapshot or a newer one.
    pub current: String,
}

/// Writes the three tables and makes them visible, all at once.
pub(crate) fn publish(
    tables: &Tables<'_>,
    snapshot: Date,
    run_id: &RunId,
    settings: &Settings,
    place: &Place,
    steps: &Steps,
) -> anyhow::Result<PublishedSnapshot> {
    let step = steps.start("write tables", None);
    let ddl = &place.ddl;
    let defs = [USER_RFM_BATCH, USER_SEGMENTS, SEGMENT_PROFILES];
    let defs = defs.map(|name| ddl.table(name).cloned());
    let defs = defs.into_iter().collect::<Result<Vec<TableDef>, _>>()?;
    let views = views_of(ddl, &defs);
    let date: SnapshotDate = snapshot.to_string().parse().context("the snapshot date")?;
    let options = PublicationOptions {
        lock_wait: settings.batch.lock_wait.get(),
        keep_old_runs: settings.batch.keep_old_runs.get(),
    };
    let catalog = place.catalog.as_ref();
    let publication = Publication::begin(catalog, &defs, &views, run_id.clone(), date, &options)
        .map_err(explain)?;
    let n = tables.customers.len();
    let [rfm, segments, profiles] = defs.as_slice() else {
        anyhow::bail!("three tables are written");
    };
    let written = std::thread::scope(|scope| {
        // The two tables of customers side by side; the third has a handful of rows.
        let rfm_rows = scope.spawn(|| {
            let by_customer = (0..n).step_by(BATCH_ROWS);
            let batches = by_customer
                .map(|start| tables.rfm(start..n.min(start + BATCH_ROWS), rfm.arrow_schema()));
            write(&publication, rfm, Some(CUSTOMER_ID), batches)
        });
        let by_customer = (0..n).step_by(BATCH_ROWS);
        let batches = by_customer.map(|start| {
            tables.segments(start..n.min(start + BATCH_ROWS), segments.arrow_schema())
        });
        let segments = write(&publication, segments, Some(CUSTOMER_ID), batches);
        let batches = std::iter::once_with(|| tables.profiles(profiles.arrow_schema()));
        let profiles = write(&publication, profiles, None, batches);
        let rfm = rfm_rows.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        anyhow::Ok(vec![rfm?, segments?, profiles?])
    })?;
    let figures: Vec<(u64, u64)> = written.iter().map(|t| (t.rows(), t.bytes())).collect();
    let bytes = figures.iter().map(|(_, bytes)| bytes).sum();
    step.finish(job_kit::format::megabytes(bytes));
    let step = steps.start("publish", None);
    let published = publication.publish(written).map_err(explain)?;
    let current = published.current_snapshot.as_str().to_owned();
    step.finish(format_args!("snapshot {snapshot}; the views show {current}"));
    let tables = defs.iter().zip(published.locations).zip(figures);
    let tables = tables.map(|((def, location), (rows, bytes))| PublishedTable {
        name: def.qualified_name(),
        location,
        rows,
        bytes,
    });
    let views = views.iter().map(|view| view.qualified_name()).collect();
    Ok(PublishedSnapshot { tables: tables.collect(), views, current })
}

fn views_of(ddl: &Ddl, tables: &[TableDef]) -> Vec<warehouse::ddl::ViewDef> {
    let shown = |view: &&warehouse::ddl::ViewDef| tables.iter().any(|t| t.name == view.table);
    ddl.views.iter().filter(shown).cloned().collect()
}

fn write(
    publication: &Publication<'_>,
    table: &TableDef,
    sorted_by: Option<&str>,
    batches: impl Iterator<Item = anyhow::Result<RecordBatch>>,
) -> anyhow::Result<WrittenTable> {
    // A look-up reads a page of each column, and half of its time goes into decompressing them.
    let options = WriteOptions {
        sorted_by: sorted_by.map(str::to_owned),
        rows_per_page: 1_024,
        ..Default::default()
    };
    let mut writer = publication.table_writer(table, options).map_err(explain)?;
    for batch in batches {
        writer.write(&batch?).map_err(explain)?;
    }
    writer.finish().map_err(explain)
}

fn explain(error: PublishError) -> anyhow::Error {
    let retryable = error.is_retryable();
    let error = anyhow::Error::new(error);
    if retryable {
        error.context(RetryLater("the snapshot was not published".to_owned()))
    } else {
        error.context("the snapshot was not published; the one before is unchanged")
    }
}
