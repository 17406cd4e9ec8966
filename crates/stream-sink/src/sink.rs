//! The rows of a process's Kafka partitions on their way into committed files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use store::Location;
use warehouse::catalog::Catalog;
use warehouse::ddl::TableDef;
use warehouse::fault::reach;
use warehouse::partition_path::parse_partition_name;

use crate::entry::Entry;
use crate::error::SinkError;
use crate::fault;
use crate::layout::Layout;
use crate::log::CommitLog;
use crate::open_files::{OpenFiles, Staging};
use crate::source::Source;
use crate::staged;

/// How files are made.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Rows of a row group, unless memory is short.
    pub rows_per_row_group: usize,
    /// Commits that are under way at the same time; each waits for the store most of the time.
    pub parallel_commits: usize,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { rows_per_row_group: 65_536, parallel_commits: 8 }
    }
}

/// Opens Kafka partitions for writing, and commits them.
#[derive(Debug)]
pub struct Sink {
    layout: Layout,
    schemas: Arc<[SchemaRef]>,
    writer: String,
    options: SinkOptions,
    pool: rayon::ThreadPool,
}

/// A Kafka partition that this process has taken over, and its rows that are not committed.
pub struct SourceWriter {
    source: Source,
    log: CommitLog,
    open: OpenFiles,
    schemas: Arc<[SchemaRef]>,
    rows_per_row_group: usize,
    /// Rows of it may be lost in a file that was not completed.
    failed: bool,
}

impl Sink {
    /// A sink into `tables`, which are there. `writer` names this process to people.
    ///
    /// # Errors
    /// When no threads can be started.
    pub fn new(
        catalog: &dyn Catalog,
        tables: &[TableDef],
        writer: &str,
        options: SinkOptions,
    ) -> Result<Self, std::io::Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.parallel_commits.max(1))
            .thread_name(|n| format!("commit-{n}"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            layout: Layout::new(catalog.warehouse(), &tables[0]),
            schemas: tables.iter().map(TableDef::arrow_schema).collect(),
            writer: writer.to_owned(),
            options,
            pool,
        })
    }

    /// Takes `source` over, and removes what earlier writers have left of it that was not committed.
    ///
    /// What they have committed, but not made visible, is in [`SourceWriter::unfinished`]. `first_offset` says where to
    /// start when nobody ever wrote it.
    ///
    /// # Errors
    /// [`SinkError::Store`], [`SinkError::Damaged`], and what `first_offset` gives.
    pub fn take_over<E: From<SinkError>>(
        &self,
        source: &Source,
        first_offset: impl FnOnce() -> Result<i64, E>,
    ) -> Result<SourceWriter, E> {
        let (folder, staged) = (self.layout.log(source), self.layout.staged(source));
        let mut log = CommitLog::take_over(&folder, &staged, source, &self.writer, first_offset)?;
        remove_leftovers(&staged, &log)?;
        log.prune()?;
        reach(fault::RECOVERED);
        Ok(SourceWriter {
            source: source.clone(),
            log,
            open: OpenFiles::default(),
            schemas: self.schemas.clone(),
            rows_per_row_group: self.options.rows_per_row_group,
            failed: false,
        })
    }

    /// Takes several over at once: see [`Self::take_over`].
    ///
    /// # Errors
    /// As there; then some may have been taken over.
    pub fn take_over_all<E: From<SinkError> + Send>(
        &self,
        sources: &[Source],
        first_offset: impl Fn(&Source) -> Result<i64, E> + Sync,
    ) -> Result<Vec<SourceWriter>, E> {
        self.pool.install(|| {
            let take = |source| self.take_over(source, || first_offset(source));
            sources.par_iter().map(take).collect()
        })
    }

    /// Commits what has been written of each Kafka partition, up to and without the given offset. Gives the new
    /// entries, which no reader sees before they are published.
    ///
    /// # Errors
    /// [`SinkError::Fenced`], [`SinkError::Store`], [`SinkError::File`]. After any of them it is not known which Kafka
    /// partitions were committed: drop all writers, and take over again.
    pub fn commit(&self, writers: Vec<(&mut SourceWriter, i64)>) -> Result<Vec<Entry>, SinkError> {
        let entries: Vec<Option<Entry>> = self.pool.install(|| {
            writers
                .into_par_iter()
                .map(|(writer, end)| writer.commit(end))
                .collect::<Result<_, _>>()
        })?;
        reach(fault::ALL_COMMITTED);
        Ok(entries.into_iter().flatten().collect())
    }
}

/// Only what earlier writers left: somebody may have taken over again meanwhile, and be writing.
fn remove_leftovers(folder: &Location, log: &CommitLog) -> Result<(), SinkError> {
    let listed: BTreeSet<&String> =
        log.unfinished().iter().flat_map(|entry| &entry.files).map(|file| &file.name).collect();
    let mut removed = 0;
    for entry in folder.list_if_exists()? {
        if staged::is_leftover(&entry.name, log.newest().epoch) && !listed.contains(&entry.name) {
            tracing::debug!(file = %folder.join(&entry.name), "removing what was not committed");
            folder.join(&entry.name).remove_file()?;
            removed += 1;
        }
    }
    if removed > 0 {
        tracing::info!(%folder, files = removed, "removed what was not committed");
    }
    Ok(())
}

impl SourceWriter {
    /// The Kafka partition.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The first offset that is not committed.
    pub fn end_offset(&self) -> i64 {
        self.log.end_offset()
    }

    /// What is committed, but may not be visible yet.
    pub fn unfinished(&self) -> &[Entry] {
        self.log.unfinished()
    }

    /// The epoch that the take-over began.
    pub fn epoch(&self) -> u64 {
        self.log.newest().epoch
    }

    /// Whether nobody else has taken over so far.
    ///
    /// # Errors
    /// [`SinkError::Fenced`], [`SinkError::Store`].
    pub fn check(&self) -> Result<(), SinkError> {
        self.log.check()
    }

    /// Adds rows of the partition `partition` (`dt=2011-12-09`) of the table with this number.
    ///
    /// # Errors
    /// [`SinkError::File`]; [`SinkError::Refused`] for what is no partition of one of the tables; [`SinkError::Fenced`]. The
    /// writer is of no use then: drop it, and take over again.
    pub fn write(
        &mut self,
        table: usize,
        partition: &str,
        rows: RecordBatch,
    ) -> Result<(), SinkError> {
        if table >= self.schemas.len() || parse_partition_name(partition).is_err() {
            return Err(self.refused(format!("table {table} has no partition {partition}")));
        }
        self.with_staging(|open, staging| open.write(table, partition, rows, staging))
    }

    /// Bytes of rows that wait in memory.
    pub fn waiting_bytes(&self) -> usize {
        self.open.waiting_bytes()
    }

    /// Writes the rows that take up most memory to their file.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn spill_largest(&mut self) -> Result<(), SinkError> {
        self.with_staging(|open, staging| open.spill_largest(staging))
    }

    /// Goes on at `offset`, although the log ends at another one: what is between is gone from Kafka, or the topic was
    /// created anew.
    ///
    /// # Errors
    /// As [`Sink::commit`]; [`SinkError::Refused`] when rows have been written that are not committed.
    pub fn skip_to(&mut self, offset: i64) -> Result<(), SinkError> {
        if !self.open.is_empty() {
            // They would be committed as if they were beyond it.
            return Err(self.refused(format!("there are rows to commit before offset {offset}")));
        }
        self.log.skip_to(offset)
    }

    /// Notes that everything up to the entry `sequence` is visible, and removes old entries.
    ///
    /// # Errors
    /// [`SinkError::Store`] from the removal, which the next call tries again.
    pub fn finished(&mut self, sequence: u64) -> Result<(), SinkError> {
        self.log.finished(sequence)
    }

    fn commit(&mut self, end_offset: i64) -> Result<Option<Entry>, SinkError> {
        if end_offset == self.log.end_offset() {
            return Ok(None);
        }
        let files = self.with_staging(|open, staging| open.finish(staging))?;
        reach(fault::FILES_FINISHED);
        // Its files are no longer at hand, so after an error there is nothing to try again with.
        self.failed = true;
        self.log.commit(end_offset, files)?;
        self.failed = false;
        let newest = self.log.newest();
        Ok((!newest.files.is_empty()).then(|| newest.clone()))
    }

    fn refused(&self, problem: String) -> SinkError {
        SinkError::Refused { source_name: self.source.clone(), problem }
    }

    fn with_staging<T, E: Into<SinkError>>(
        &mut self,
        act: impl FnOnce(&mut OpenFiles, &Staging<'_>) -> Result<T, E>,
    ) -> Result<T, SinkError> {
        if self.failed {
            let problem = "a file failed before, and its rows are lost; take it over again";
            return Err(self.refused(problem.to_owned()));
        }
        let stem =
            staged::data_file_stem(&self.source, self.log.end_offset(), self.log.newest().epoch);
        let staging = Staging {
            folder: self.log.staged(),
            stem: &stem,
            schemas: &self.schemas,
            rows_per_row_group: self.rows_per_row_group,
        };
        let done = act(&mut self.open, &staging).map_err(Into::into);
        done.map_err(|error| {
            self.failed = true;
            // A successor removes files that are being written, and not every store bears that in silence.
            match self.log.check() {
                Err(fenced @ SinkError::Fenced { .. }) => fenced,
                _ => error,
            }
        })
    }
}

/// This process, for people: host, process, and what it calls itself.
pub fn writer_name(job: &str) -> String {
    let host = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    let host = host.map_or_else(|_| "an unknown host".to_owned(), |name| name.trim().to_owned());
    format!("{job}, process {} on {host}", std::process::id())
}
