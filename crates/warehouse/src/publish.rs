//! Publishes one snapshot of several tables at once.
//!
//! # Promise
//! A reader that takes its paths from one reading of the catalog sees the previous snapshot of all tables or the new
//! one of all tables: never a mixture, never nothing, never half a file. That holds whenever the publishing process
//! is killed, and when the machine loses power.
//!
//! # Protocol
//! 1. *Lock.* One publication at a time per warehouse. The operating system releases the lock with the process.
//! 2. *Tables.* Missing ones are created, present ones are held against their definition.
//! 3. *Sweep.* What killed runs left is removed, and what was replaced long enough ago (`publish/sweep.rs`).
//! 4. *Write.* Each table's files go to `<table>/_runs/<run id>/`, a directory that this run alone writes. Each file,
//!    then `_SUCCESS`, then the directory is brought to the disk.
//! 5. *Publish.* The partitions are pointed at these directories and the views at the newest snapshot, in one atomic
//!    replacement of the catalog file.
//! 6. *Retire.* The directories that the partitions pointed to before are marked, and removed by a later run.
//!
//! # Why it holds
//! - Steps 1 to 4 change nothing that a reader can reach: no partition points into a new run directory, and readers
//!   go by the catalog, not by what lies in a folder (`_runs` is hidden from Hive, Spark and `MSCK REPAIR`, which skip
//!   names that start with an underscore). So a death there leaves the previous snapshot, and a directory that either
//!   lacks `_SUCCESS` or is complete but unreferenced; step 3 of the next run deals with both.
//! - Step 5 is one rename. Everything it refers to has reached the disk before it, so after a loss of power the
//!   catalog is the old one, whose files step 6 has not touched, or the new one, whose files are all there.
//! - Step 6 and later sweeps take away only directories that no partition points to, and give readers that read
//!   the catalog earlier the configured time to finish. A reader slower than that gets an error, not wrong rows.
//! - Re-running a date is the same with a new run id; nothing is ever overwritten. No two partitions share a
//!   directory, because a directory has the run's id in its name and a run publishes one date.
//! - Views are pointed at the newest date for which *all* tables have a snapshot, so re-running an old date does not
//!   move them back, and they never show different dates.

mod sweep;
mod table_writer;

use std::time::{Duration, SystemTime};

use store::{Location, StoreError};

use crate::catalog::{Catalog, CatalogError, CatalogLock, PartitionChange, ViewChange};
use crate::catalog_state::{CatalogState, CatalogView, Partition};
use crate::ddl::{TableDef, ViewDef};
use crate::fault;
use crate::parquet_file::{ParquetFileError, WriteOptions};
use crate::partition_path::partition_name;
use crate::run_id::RunId;
use crate::snapshot_date::SnapshotDate;

pub use self::table_writer::{ROWS_PER_FILE, TableWriter, WrittenTable};

/// Limits of a publication.
#[derive(Clone, Debug)]
pub struct PublicationOptions {
    /// How long to wait for another run to finish publishing.
    pub lock_wait: Duration,
    /// How long the files of a replaced snapshot are kept for readers that are still at them.
    pub keep_old_runs: Duration,
}

/// A publication under way. Dropped before [`Publication::publish`], it removes what it wrote.
#[derive(Debug)]
pub struct Publication<'c> {
    catalog: &'c dyn Catalog,
    lock: Box<dyn CatalogLock>,
    tables: Vec<TableDef>,
    views: Vec<ViewDef>,
    run_id: RunId,
    snapshot_date: SnapshotDate,
    published: bool,
    /// Whether it may be published later although that has failed.
    is_uncertain: bool,
}

/// What a publication has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// The snapshot that the views show now: the one published, or a newer one.
    pub current_snapshot: SnapshotDate,
    /// Version of the catalog, if it counts its changes.
    pub catalog_version: Option<u64>,
    /// Run directories, relative to the warehouse, in the order of the tables.
    pub locations: Vec<String>,
}

/// Why a snapshot could not be published. The previous one is intact then.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The catalog could not be locked, read or changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A data file could not be written.
    #[error(transparent)]
    File(#[from] ParquetFileError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program has given a definition or a set of files that makes no publication.
    #[error("cannot publish {table}: {problem}")]
    Misuse {
        /// Qualified name of the table or view.
        table: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl PublishError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_retryable(),
            Self::File(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Misuse { .. } => false,
        }
    }
}

impl<'c> Publication<'c> {
    /// Steps 1 to 3: takes the lock, creates missing tables, removes leftovers.
    ///
    /// Each table must be partitioned by one key, the snapshot date, and each view must show one of the tables.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] (retryable) when another run holds the lock for longer than
    /// [`PublicationOptions::lock_wait`], [`CatalogError::TableDiffers`] when a table has other columns.
    pub fn begin(
        catalog: &'c dyn Catalog,
        tables: &[TableDef],
        views: &[ViewDef],
        run_id: RunId,
        snapshot_date: SnapshotDate,
        options: &PublicationOptions,
    ) -> Result<Self, PublishError> {
        check_definitions(tables, views)?;
        let mut lock = catalog.acquire(run_id.as_str(), options.lock_wait)?;
        lock.create_tables(tables)?;
        fault::reach(fault::TABLES_CREATED);
        let state = catalog.load()?;
        let now = SystemTime::now();
        for table in tables {
            let runs = runs_folder(table);
            sweep::sweep(catalog.warehouse(), &runs, &state, options.keep_old_runs, now)?;
        }
        fault::reach(fault::LEFTOVERS_SWEPT);
        Ok(Self {
            catalog,
            lock,
            tables: tables.to_vec(),
            views: views.to_vec(),
            run_id,
            snapshot_date,
            published: false,
            is_uncertain: false,
        })
    }

    /// Step 4: a writer for the files of one of the tables. Writers of different tables may be used side by side,
    /// also on different threads; each table has one.
    ///
    /// # Errors
    /// [`PublishError::Misuse`] when the table is not part of the publication; [`PublishError::Store`], also when the
    /// table has been written already.
    pub fn table_writer(
        &self,
        table: &TableDef,
        options: WriteOptions,
    ) -> Result<TableWriter, PublishError> {
        let name = table.qualified_name();
        if !self.tables.contains(table) {
            let problem = "it is not among the tables of the publication";
            return Err(PublishError::Misuse { table: name, problem });
        }
        TableWriter::create(name, self.run_dir(table), table.arrow_schema(), options)
    }

    /// Steps 5 and 6: makes the snapshot visible, all tables and views at once.
    ///
    /// # Errors
    /// [`PublishError::Misuse`] unless `written` has each table once. After any error readers see the previous
    /// snapshot, with one exception: when the catalog's folder cannot be brought to the disk after the rename, the
    /// new snapshot is visible, but may be gone after a loss of power.
    pub fn publish(mut self, written: Vec<WrittenTable>) -> Result<Published, PublishError> {
        fault::reach(fault::PUBLISH_STARTED);
        let before = self.catalog.load()?;
        let mut changes = Vec::new();
        let mut replaced = Vec::new();
        for table in &self.tables {
            let qualified = table.qualified_name();
            let mut of_table = written.iter().filter(|w| w.table == qualified);
            let (Some(files), None) = (of_table.next(), of_table.next()) else {
                let problem = "its files were not written, or written twice";
                return Err(PublishError::Misuse { table: qualified, problem });
            };
            let name = self.partition_of(table);
            let old = before.table(&qualified).and_then(|t| t.partitions.get(&name));
            replaced.extend(old.map(|partition| self.folder(&partition.location)));
            let partition = Partition {
                values: vec![Some(self.snapshot_date.as_str().to_owned())],
                location: self.location(table),
                run_id: self.run_id.to_string(),
                files: files.files.clone(),
                known_rows: None,
            };
            changes.push(PartitionChange { table: qualified, name, partition });
        }
        let current = newest_common_snapshot(&before, &self.tables, &self.snapshot_date);
        let views = self.views.iter().map(|view| {
            let shown = CatalogView {
                table: view.qualified_table(),
                snapshot_date: current.clone(),
                text: view.text_for(&current),
                comment: view.comment.clone(),
            };
            ViewChange { name: view.qualified_name(), view: shown }
        });
        let views = views.collect();
        let catalog_version = match self.lock.publish(changes, views) {
            Ok(version) => version,
            Err(error) => {
                self.is_uncertain = matches!(error, CatalogError::Server { retryable: true, .. });
                return Err(error.into());
            }
        };
        self.published = true;
        fault::reach(fault::PUBLISHED);
        for run_dir in replaced {
            // The snapshot is published: a mark that cannot be set now is set by the next sweep.
            if let Err(error) = sweep::retire(&run_dir) {
                tracing::warn!(%error, "cannot mark a replaced run");
            }
        }
        fault::reach(fault::OLD_RUNS_RETIRED);
        Ok(Published {
            current_snapshot: current,
            catalog_version,
            locations: self.tables.iter().map(|table| self.location(table)).collect(),
        })
    }

    fn partition_of(&self, table: &TableDef) -> String {
        let date = Some(self.snapshot_date.as_str());
        partition_name(table.partition_keys.iter().map(|key| (key.name.as_str(), date)))
    }

    fn location(&self, table: &TableDef) -> String {
        format!("{}/{}", runs_folder(table), self.run_id)
    }

    fn run_dir(&self, table: &TableDef) -> Location {
        self.folder(&self.location(table))
    }

    fn folder(&self, location: &str) -> Location {
        self.catalog.warehouse().join(location)
    }
}

impl Drop for Publication<'_> {
    fn drop(&mut self) {
        // A call that a server did not answer in time may still be carried out, after the catalog has been asked.
        if self.published || self.is_uncertain {
            return;
        }
        // A failed replacement of the catalog may have happened all the same, so the catalog is asked. While it cannot
        // be read, nothing is removed; the next run's sweep will know.
        let Ok(state) = self.catalog.load() else { return };
        for table in &self.tables {
            let location = self.location(table);
            let in_use = state
                .tables
                .values()
                .flat_map(|t| t.partitions.values())
                .any(|partition| partition.location == location);
            if !in_use && let Err(error) = self.run_dir(table).remove_tree() {
                tracing::warn!(%error, "cannot remove what this run wrote; the next run will");
            }
        }
    }
}

/// The newest date for which all tables have a snapshot once `published` is one. With tables that are always published
/// together that is simply the newest date.
fn newest_common_snapshot(
    before: &CatalogState,
    tables: &[TableDef],
    published: &SnapshotDate,
) -> SnapshotDate {
    let has = |table: &TableDef, date: &SnapshotDate| {
        before.table(&table.qualified_name()).is_some_and(|t| t.snapshot(date).is_some())
    };
    let dates = tables
        .first()
        .and_then(|table| before.table(&table.qualified_name()))
        .map(|table| table.snapshot_dates())
        .unwrap_or_default();
    dates
        .into_iter()
        .rev()
        .find(|date| date > published && tables.iter().all(|table| has(table, date)))
        .unwrap_or_else(|| published.clone())
}

fn runs_folder(table: &TableDef) -> String {
    format!("{}/_runs", table.directory)
}

fn check_definitions(tables: &[TableDef], views: &[ViewDef]) -> Result<(), PublishError> {
    for table in tables {
        if table.partition_keys.len() != 1 {
            let problem = "it must have one partition key, the snapshot date";
            return Err(PublishError::Misuse { table: table.qualified_name(), problem });
        }
    }
    for view in views {
        if !tables.iter().any(|table| table.qualified_name() == view.qualified_table()) {
            let problem = "the table behind this view is not published with it";
            return Err(PublishError::Misuse { table: view.qualified_name(), problem });
        }
    }
    Ok(())
}
