//! Makes few large files of the many small ones that a stream leaves in the partitions of past days, and drops partitions
//! that are too old.
//!
//! # Promise
//! A reader that asks the catalog where a partition is finds all its rows there, each once: those in the old files or
//! the same ones in the new files. That holds at every moment, wherever a compaction is killed or stopped, and while
//! publishers add files.
//!
//! # Protocol
//! A partition in the folder `from` is compacted so:
//! 1. *Merge.* Its files are read in the order of their names and written again into a new folder `to`, which says that
//!    it is `_incomplete`.
//! 2. *Close.* The partition is named in the folder `_closing`: from now on publishers put nothing into it. Those that
//!    looked before get the time to finish ([`CompactOptions::settle`]).
//! 3. *Compare.* `from` is listed again. If a file has come, all starts over.
//! 4. *Record.* Files of `from` that also are where they came from (a store without renames copies and removes, and a
//!    publisher may die in between) are removed there. Then a [`Replaced`] names the files whose rows are in `to`. It gets
//!    its name by a rename, so it is there whole or not at all. Then `_incomplete` is removed.
//! 5. *Move.* The catalog is told. This is the moment for readers.
//! 6. *Follow.* What came into `from` all the same moves to `to`.
//! 7. *Open.* The partition is no longer closed.
//! 8. *Remove*, in a later run: when [`CompactOptions::keep_old`] is over, the old files are removed, then their folder,
//!    and last the record. Only then can the partition be compacted again.
//!
//! Merging comes before closing, because it may take minutes and publishers wait for half a minute at most.
//!
//! # Why it holds
//! - One process at a time compacts a table: it holds a claim, and looks at it before each change.
//! - *Before the record* nothing has changed. A folder that is still `_incomplete` was never a partition's, so it may be
//!   removed. A folder that is not is never removed unless a record tells that its rows are elsewhere: it may be the only
//!   copy of a partition that somebody has taken out of the catalog.
//! - *After the record* the compaction is finished by whoever comes next, and not undone: the dead process's call to the
//!   catalog may still be on its way, and must not find `to` gone. Pointing a partition where it is already changes
//!   nothing. Files that have come to `from` since are copied to `to` and added to the record first, so that no reader misses
//!   them for a moment.
//! - *A publisher that slept* after it looked may put a file into `from` after step 3. It asks the catalog again
//!   afterwards, and follows the partition unless the record names the file. Should it die first: step 6, and each later
//!   run, move what lies in `from` and is not in the record. The first folder of a partition is looked at for ever,
//!   because that is where publishers put files of partitions that they do not know. Between steps 5 and 6 such a file is
//!   invisible for a moment; publishers that do not sleep never cause that.
//! - *A file with two names* has its rows in `to` by one of them. The other one, among the staged files or in the first folder of the
//!   partition, is removed before the record is written, while publishers keep away: a later one finds what the record
//!   names, or nothing. A publisher that slept in the middle of such a rename only removes what is gone.
//! - *Old files* are removed one by one before the record is. So a file that is named by the record, or that is there without
//!   one, is told apart at every moment.
//! - The newest days never move, so publishers need not ask about them. A day counts as past an hour late, by the clock of
//!   the store and that of the caller both: clocks need not agree better than that.
//!
//! What is not covered: a publisher that sleeps for longer than `keep_old` between asking for a folder under
//! `_compacted` and putting a file there, and wakes up at the moment in which that folder is removed.

mod merge;
mod record;
mod retention;
mod switch;
mod tidy;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use order_model::Date;
use store::{Entry, Location, StoreError};
use warehouse::catalog::Catalog;
use warehouse::claim::Claim;
use warehouse::ddl::TableDef;
use warehouse::fault::reach;
use warehouse::run_id::RunId;

use self::merge::{Candidate, Merged, Ready};
use crate::error::SinkError;
use crate::fault;
use crate::layout::Layout;
use crate::publisher::OPEN_DAYS;
use crate::replaced::Replaced;

/// Partitions that are closed at the same time: they share the wait, and are open again before publishers lose patience.
const ROUND: usize = 32;
/// Times that a partition is read in one run when files keep coming.
const ATTEMPTS: u32 = 3;
/// By how much the clocks of publishers, the store and this process may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3_600);

/// What is compacted, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompactOptions {
    /// Partitions with fewer files that are smaller than half of [`Self::target_bytes`] are left alone. At least 2.
    pub min_files: usize,
    /// A new file is begun when the old files in the present one have this many bytes.
    pub target_bytes: u64,
    /// The newest file of a partition has to be older than this, by the store's clock.
    pub quiet: Duration,
    /// Days before today (UTC) that are left alone, and today. At least 1, whatever is said here: see
    /// [`crate::publisher`].
    pub older_than_days: u32,
    /// How long old files stay for readers that have begun to read them.
    pub keep_old: Duration,
    /// What a publisher needs at most from looking whether a partition is closed until its file is in place.
    pub settle: Duration,
    /// How long a compaction elsewhere that gives no sign of life is waited for before its claim is taken over.
    pub lease: Duration,
    /// How long to wait for another compaction of the same table, and for the catalog's lock.
    pub lock_wait: Duration,
    /// Partitions of days before the last so many are dropped with their files. `None`: never. Counts at least as many
    /// days as are never compacted.
    pub retain_days: Option<u32>,
    /// Only report what would be done.
    pub dry_run: bool,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self {
            min_files: 2,
            target_bytes: 128 << 20,
            quiet: Duration::from_secs(3_600),
            older_than_days: 1,
            keep_old: Duration::from_secs(24 * 3_600),
            settle: Duration::from_secs(3),
            lease: Duration::from_secs(60),
            lock_wait: Duration::from_secs(10),
            retain_days: None,
            dry_run: false,
        }
    }
}

/// What was done; in a dry run, what would be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompactReport {
    /// Partitions that were compacted.
    pub partitions: u64,
    /// Their files before.
    pub files_before: u64,
    /// Their files after; 0 in a dry run.
    pub files_after: u64,
    /// Their rows; 0 in a dry run.
    pub rows: u64,
    /// Size of their files before.
    pub bytes_before: u64,
    /// Size of their files after; 0 in a dry run.
    pub bytes_after: u64,
    /// Old files of earlier compactions that were removed.
    pub removed_old_files: u64,
    /// Files that came too late for a compaction and were brought after it.
    pub strays: u64,
    /// Partitions that were too old and are gone, as `table/dt=2011-12-09`.
    pub dropped_partitions: Vec<String>,
    /// Partitions that were left as they are although it was their turn, as `table/dt=2011-12-09`, and why.
    pub skipped: Vec<(String, String)>,
}

/// Compacts and drops past partitions of `tables`, which are those of a stream in its order.
///
/// May be called at any time, by any number of processes: one at a time works on a table. `now` decides which days are past;
/// times of files are compared with the store's clock. Ends early when `stop` says so, with nothing half done.
///
/// # Errors
/// [`warehouse::catalog::CatalogError::Locked`] (retryable) when another process compacts, or changes the catalog, for
/// longer than [`CompactOptions::lock_wait`]; [`SinkError::Store`], [`SinkError::Catalog`], [`SinkError::File`]. What was
/// begun is finished by the next call.
pub fn compact(
    catalog: &dyn Catalog,
    tables: &[TableDef],
    options: &CompactOptions,
    now: SystemTime,
    stop: &dyn Fn() -> bool,
) -> Result<CompactReport, SinkError> {
    let mut report = CompactReport::default();
    let Some(first) = tables.first() else { return Ok(report) };
    let layout = Layout::new(catalog.warehouse(), first);
    for table in tables {
        if stop() {
            break;
        }
        let run = Run::begin(catalog, table, &layout, options, now, stop)?;
        run.run(&mut report)?;
    }
    Ok(report)
}

/// One run over one table.
struct Run<'a> {
    catalog: &'a dyn Catalog,
    table: &'a TableDef,
    layout: &'a Layout,
    options: &'a CompactOptions,
    stop: &'a dyn Fn() -> bool,
    id: RunId,
    now: SystemTime,
    /// What the store's clock said when the run began.
    clock: SystemTime,
    /// None in a dry run, which changes nothing.
    claim: Option<Claim>,
}

impl<'a> Run<'a> {
    fn begin(
        catalog: &'a dyn Catalog,
        table: &'a TableDef,
        layout: &'a Layout,
        options: &'a CompactOptions,
        now: SystemTime,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self, SinkError> {
        let id = RunId::new(SystemTime::now());
        let mut run =
            Self { catalog, table, layout, options, stop, id, now, clock: now, claim: None };
        if !options.dry_run {
            let folder = layout.compaction(table);
            let (wait, lease) = (options.lock_wait, options.lease);
            let owner = run.id.as_str();
            run.claim = Some(Claim::acquire(&folder, catalog.warehouse(), owner, wait, lease)?);
            reach(fault::COMPACT_CLAIMED);
            run.clock = clock_of(&folder, &run.id)?;
        }
        Ok(run)
    }

    fn run(&self, report: &mut CompactReport) -> Result<(), SinkError> {
        if !self.options.dry_run {
            self.remove_traces()?;
        }
        let mut locations = self.catalog.list_partitions(self.table)?;
        if let Some(days) = self.options.retain_days {
            self.drop_old(days, &mut locations, report)?;
        }
        let mut records = self.records(report)?;
        let mut unfinished = Vec::new();
        if !self.options.dry_run {
            unfinished = self.tidy(&locations, &mut records, report)?;
            reach(fault::COMPACT_TIDIED);
        }
        let candidates = self.candidates(&locations, &records, report)?;
        if self.options.dry_run {
            return Ok(());
        }
        self.compact_partitions(unfinished, candidates, report)
    }

    /// The partitions whose turn it is.
    fn candidates(
        &self,
        locations: &BTreeMap<String, String>,
        records: &BTreeMap<String, Replaced>,
        report: &mut CompactReport,
    ) -> Result<VecDeque<Candidate>, SinkError> {
        let mut candidates = VecDeque::new();
        for (partition, from) in locations {
            if (self.stop)() {
                break;
            }
            let is_past = day_of(partition).is_some_and(|day| day < self.first_untouched());
            if !is_past || records.contains_key(partition) {
                continue;
            }
            let files = visible(&self.layout.folder(from))?;
            let small = files.iter().filter(|file| file.size < self.options.target_bytes / 2);
            if small.count() < self.options.min_files.max(2) {
                continue;
            }
            if let Some(file) = files.iter().find(|file| self.age(file) < self.options.quiet) {
                let reason = format!("'{}' came less than {:?} ago", file.name, self.options.quiet);
                self.skip(report, partition, reason);
                continue;
            }
            if self.options.dry_run {
                report.partitions += 1;
                report.files_before += files.len() as u64;
                report.bytes_before += files.iter().map(|file| file.size).sum::<u64>();
            }
            candidates.push_back(Candidate {
                partition: partition.clone(),
                from: from.clone(),
                attempt: 1,
            });
        }
        Ok(candidates)
    }

    fn compact_partitions(
        &self,
        unfinished: Vec<Ready>,
        candidates: VecDeque<Candidate>,
        report: &mut CompactReport,
    ) -> Result<(), SinkError> {
        let mut ready = VecDeque::from(unfinished);
        let done = self.in_rounds(&mut ready, candidates, report);
        // It was stopped, or cannot go on.
        for unused in ready.iter().filter(|ready| !ready.is_recorded) {
            self.discard(&unused.to);
        }
        done
    }

    fn in_rounds(
        &self,
        ready: &mut VecDeque<Ready>,
        mut candidates: VecDeque<Candidate>,
        report: &mut CompactReport,
    ) -> Result<(), SinkError> {
        loop {
            while ready.len() < ROUND
                && !(self.stop)()
                && let Some(candidate) = candidates.pop_front()
            {
                match self.merge(&candidate)? {
                    Merged::Ready(merged) => ready.push_back(merged),
                    Merged::Changed => self.again(candidate, &mut candidates, report),
                    Merged::Refused(reason) => self.skip(report, &candidate.partition, reason),
                    Merged::Stopped => {}
                }
            }
            if ready.is_empty() || (self.stop)() {
                return Ok(());
            }
            for candidate in self.switch(ready, report)? {
                self.again(candidate, &mut candidates, report);
            }
        }
    }

    fn again(
        &self,
        candidate: Candidate,
        candidates: &mut VecDeque<Candidate>,
        report: &mut CompactReport,
    ) {
        if candidate.attempt < ATTEMPTS {
            candidates.push_back(Candidate { attempt: candidate.attempt + 1, ..candidate });
        } else {
            let reason = "files keep coming; the next run tries again".to_owned();
            self.skip(report, &candidate.partition, reason);
        }
    }

    /// Whether this process still is the one that may change something.
    fn check(&self) -> Result<(), SinkError> {
        Ok(self.claim.as_ref().map_or(Ok(()), Claim::check)?)
    }

    fn skip(&self, report: &mut CompactReport, partition: &str, reason: String) {
        let partition = self.name_of(partition);
        tracing::info!(partition, reason, "not compacted");
        report.skipped.push((partition, reason));
    }

    /// As the report names a partition.
    fn name_of(&self, partition: &str) -> String {
        format!("{}/{partition}", self.table.name)
    }

    fn age(&self, entry: &Entry) -> Duration {
        self.clock.duration_since(entry.modified).unwrap_or_default()
    }

    /// Where all folders of compacted files of `partition` are, relative to the warehouse.
    fn compacted(&self, partition: &str) -> String {
        format!("{}/_compacted/{partition}", self.table.directory)
    }

    /// The first day that is too new to be compacted.
    fn first_untouched(&self) -> Date {
        first_untouched(self.options.older_than_days, self.now.min(self.clock))
    }
}

/// The first day that is never touched when so many days before today are left alone; publishers rely on
/// [`OPEN_DAYS`] of them.
fn first_untouched(older_than_days: u32, now: SystemTime) -> Date {
    let open = i32::try_from(older_than_days).unwrap_or(i32::MAX).max(OPEN_DAYS);
    Date::from_days(today(now).days().saturating_sub(open))
}

/// The day that it is at least, in UTC, whatever other clocks say.
fn today(now: SystemTime) -> Date {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = since_1970.saturating_sub(CLOCKS_DIFFER).as_secs() / 86_400;
    Date::from_days(i32::try_from(days).unwrap_or(i32::MAX))
}

/// The day of a partition `dt=2011-12-09`; `None` if that is not what it is.
pub(crate) fn day_of(partition: &str) -> Option<Date> {
    partition.split_once('=')?.1.parse().ok()
}

/// What readers see of a folder, by name; nothing when it does not exist.
fn visible(folder: &Location) -> Result<Vec<Entry>, StoreError> {
    let mut entries = folder.list_if_exists()?;
    entries.retain(|entry| !entry.name.starts_with(['_', '.']));
    Ok(entries)
}

/// What the store's clock says.
fn clock_of(folder: &Location, run: &RunId) -> Result<SystemTime, StoreError> {
    let probe = folder.join(&format!("clock.{run}{}", record::UNFINISHED));
    probe.write(b"")?;
    let written = probe.stat()?;
    probe.remove_file()?;
    Ok(written.map_or_else(SystemTime::now, |entry| entry.modified))
}
