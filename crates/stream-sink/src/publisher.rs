//! Makes committed files visible: moves them into their partitions' folders, and registers the partitions.
//!
//! Every step may be repeated, also by another process at the same time: a file has one name while nobody sees it and one when
//! readers do, and a rename that does not find the first one looks for the second.
//!
//! # Partitions that move
//! Compaction (`compact.rs`) points a partition at another folder. A file that was put into the old folder at that very moment
//! would be seen by nobody. So
//! - while a partition is named in the folder `_closing`, nothing is put into it; compaction waits before it relies on that;
//! - after a file was put into a partition that may have been compacted (all but the newest days), the catalog is
//!   asked where the partition is now, and the file follows it, until it is where the partition is;
//! - whoever does not find a file where its partition is looks where it was, and lets it follow;
//! - compaction itself looks for such files in the old folder.
//!
//! A process that sleeps between these steps therefore delays what it has not finished, and loses nothing.

mod place;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use order_model::Date;
use rayon::prelude::*;
use warehouse::catalog::{Catalog, NewPartition};
use warehouse::ddl::TableDef;
use warehouse::fault::reach;
use warehouse::partition_path::parse_partition_name;

use crate::entry::{Entry, StagedFile};
use crate::error::SinkError;
use crate::fault;
use crate::layout::Layout;
use crate::source::Source;

/// How long a partition that is being compacted is left alone. Compaction needs a moment of it; one that died holds nothing up.
const CLOSING_AT_MOST: Duration = Duration::from_secs(30);
/// Days that are never compacted: today and yesterday, and tomorrow for clocks that are ahead.
pub(crate) const OPEN_DAYS: i32 = 1;

/// A partition of a table of the stream: number of the table, name of the partition.
type Key = (usize, String);

/// Makes entries visible. One a process is enough.
#[derive(Debug)]
pub struct Publisher {
    catalog: Arc<dyn Catalog>,
    tables: Vec<TableDef>,
    layout: Layout,
    /// How long the catalog's lock is waited for, where it needs one.
    lock_wait: Duration,
    /// Where the newest days' partitions are: they are registered, and they do not move.
    settled: HashMap<Key, String>,
    /// Folders that exist.
    folders: BTreeSet<String>,
    /// Partitions found closing, and since when.
    closing_since: HashMap<Key, Instant>,
}

/// What a call has achieved.
#[derive(Debug, Default)]
pub struct Progress {
    /// Entries whose files all readers see: Kafka partition and position in its log.
    pub finished: Vec<(Source, u64)>,
    /// What kept others from being finished; to be tried again.
    pub problem: Option<SinkError>,
    /// Rows that became visible.
    pub rows: u64,
}

impl Publisher {
    /// `tables` as the entries number them.
    pub fn new(catalog: Arc<dyn Catalog>, tables: Vec<TableDef>, lock_wait: Duration) -> Self {
        let layout = Layout::new(catalog.warehouse(), &tables[0]);
        Self {
            catalog,
            tables,
            layout,
            lock_wait,
            settled: HashMap::new(),
            folders: BTreeSet::new(),
            closing_since: HashMap::new(),
        }
    }

    /// Finishes `entries` as far as possible.
    ///
    /// # Errors
    /// Those that trying again does not mend. Others are in [`Progress::problem`].
    pub fn publish(&mut self, entries: &[Entry]) -> Result<Progress, SinkError> {
        self.check_tables(entries)?;
        let mut progress = Progress::default();
        let keys: BTreeSet<Key> = entries
            .iter()
            .flat_map(|entry| &entry.files)
            .map(|file| (file.table, file.partition.clone()))
            .collect();
        let mut waiting = BTreeSet::new();
        let mut locations = BTreeMap::new();
        // What is not known yet goes where new partitions are, and follows them later.
        match self.find_closing(&keys) {
            Ok(closing) => waiting = closing,
            Err(error) => keep_retryable(&mut progress, error)?,
        }
        match self.locate(&keys) {
            Ok(found) => locations = found,
            Err(error) => keep_retryable(&mut progress, error)?,
        }
        let target = |key: &Key| match locations.get(key) {
            Some(location) => location.clone(),
            None => Layout::default_location(&self.tables[key.0], &key.1),
        };
        let targets: BTreeMap<Key, String> =
            keys.iter().map(|key| (key.clone(), target(key))).collect();
        let mut placed: Vec<bool> = entries
            .iter()
            .map(|entry| entry.files.iter().all(|file| !waiting.contains(&key_of(file))))
            .collect();
        if let Err(error) = self.create_folders(targets.values()) {
            keep_retryable(&mut progress, error)?;
            return Ok(progress);
        }
        let outcomes: Vec<Result<BTreeSet<Key>, SinkError>> = entries
            .par_iter()
            .zip(&placed)
            .map(|(entry, placed)| match placed {
                true => self.place_all(entry, &targets, &locations),
                false => Ok(BTreeSet::new()),
            })
            .collect();
        let mut filled = BTreeSet::new();
        for (placed, outcome) in placed.iter_mut().zip(outcomes) {
            match outcome {
                Ok(keys) => filled.extend(keys),
                Err(error) => {
                    *placed = false;
                    // One of them may be gone.
                    self.folders.clear();
                    keep_retryable(&mut progress, error)?;
                }
            }
        }
        reach(fault::EXPOSED);
        let now_at = match self.register(&targets, &locations, &filled) {
            Ok(now_at) => now_at,
            Err(error) => {
                keep_retryable(&mut progress, error)?;
                return Ok(progress);
            }
        };
        reach(fault::REGISTERED);
        // In the order of the log: an entry is finished when all before it are.
        let mut blocked: BTreeSet<&Source> = BTreeSet::new();
        for (entry, placed) in entries.iter().zip(placed) {
            if !placed || blocked.contains(&entry.source) {
                blocked.insert(&entry.source);
                continue;
            }
            match self.follow(entry, &targets, &now_at) {
                Ok(()) => {
                    progress.rows += entry.files.iter().map(|file| file.rows).sum::<u64>();
                    progress.finished.push((entry.source.clone(), entry.sequence));
                }
                Err(error) => {
                    blocked.insert(&entry.source);
                    keep_retryable(&mut progress, error)?;
                }
            }
        }
        Ok(progress)
    }

    /// Holds the entries to be of these tables: a log may be that of a program that had others.
    fn check_tables(&self, entries: &[Entry]) -> Result<(), SinkError> {
        let tables = self.tables.len();
        let is_unknown = |entry: &&Entry| entry.files.iter().any(|file| file.table >= tables);
        let Some(entry) = entries.iter().find(is_unknown) else { return Ok(()) };
        let log = self.layout.log(&entry.source);
        Err(SinkError::Damaged {
            path: log.join(&Entry::file_name(entry.sequence)),
            problem: format!("it has files of more than the {tables} tables of this stream"),
        })
    }

    /// The partitions among `keys` that are being compacted now.
    fn find_closing(&mut self, keys: &BTreeSet<Key>) -> Result<BTreeSet<Key>, SinkError> {
        let mut found = BTreeSet::new();
        for (table, def) in self.tables.iter().enumerate() {
            let may_be = keys.iter().any(|(t, name)| *t == table && !is_open(name));
            if may_be {
                let entries = self.layout.closing(def).list_if_exists()?;
                found.extend(entries.into_iter().map(|entry| (table, entry.name)));
            }
        }
        self.closing_since.retain(|key, _| found.contains(key));
        found.retain(|key| {
            let since = self.closing_since.entry(key.clone()).or_insert_with(Instant::now);
            since.elapsed() < CLOSING_AT_MOST
        });
        Ok(found)
    }

    /// Where the registered ones among `keys` are.
    fn locate(&self, keys: &BTreeSet<Key>) -> Result<BTreeMap<Key, String>, SinkError> {
        let mut found = BTreeMap::new();
        for (table, def) in self.tables.iter().enumerate() {
            let mut ask = Vec::new();
            for key in keys.iter().filter(|(t, _)| *t == table) {
                // Open now, not only when it was noted: midnight may have come in between.
                match self.settled.get(key).filter(|_| is_open(&key.1)) {
                    Some(location) => drop(found.insert(key.clone(), location.clone())),
                    None => ask.push(key.1.clone()),
                }
            }
            if !ask.is_empty() {
                let located = self.catalog.partition_locations(def, &ask)?;
                found.extend(located.into_iter().map(|(name, location)| ((table, name), location)));
            }
        }
        Ok(found)
    }

    fn create_folders<'a>(
        &mut self,
        locations: impl Iterator<Item = &'a String>,
    ) -> Result<(), SinkError> {
        for location in locations {
            if !self.folders.contains(location) {
                self.layout.folder(location).create_dir_all()?;
                self.folders.insert(location.clone());
            }
        }
        Ok(())
    }

    /// Registers those among `filled` that are not registered, and gives where all of `targets` are now. A partition that
    /// was dropped with the files that were to be published is not registered anew.
    fn register(
        &mut self,
        targets: &BTreeMap<Key, String>,
        known: &BTreeMap<Key, String>,
        filled: &BTreeSet<Key>,
    ) -> Result<BTreeMap<Key, String>, SinkError> {
        for (table, def) in self.tables.iter().enumerate() {
            let new: Vec<NewPartition> = targets
                .iter()
                .filter(|(key, _)| key.0 == table && !known.contains_key(*key))
                .filter(|(key, _)| filled.contains(*key))
                .filter_map(|((_, name), location)| {
                    let values = parse_partition_name(name).ok()?.into_iter().map(|(_, v)| v);
                    Some(NewPartition { values: values.collect(), location: location.clone() })
                })
                .collect();
            if !new.is_empty() {
                self.catalog.add_partitions(def, &new, self.lock_wait)?;
                let first = new.first().map(|p| p.location.as_str()).unwrap_or_default();
                let last = new.last().map(|p| p.location.as_str()).unwrap_or_default();
                tracing::info!(partitions = new.len(), first, last, "registered");
            }
        }
        let now_at = self.locate(&targets.keys().cloned().collect())?;
        for (key, location) in &now_at {
            if is_open(&key.1) {
                self.settled.insert(key.clone(), location.clone());
            }
        }
        self.settled.retain(|key, _| is_open(&key.1));
        Ok(now_at)
    }
}

fn key_of(file: &StagedFile) -> Key {
    (file.table, file.partition.clone())
}

/// Whether a partition is of a day that is never compacted.
pub(crate) fn is_open(partition: &str) -> bool {
    let Some((_, day)) = partition.split_once('=') else { return false };
    let Ok(day) = day.parse::<Date>() else { return false };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let today = i32::try_from(since_1970.as_secs() / 86_400).unwrap_or(i32::MAX);
    day.days() >= today - OPEN_DAYS
}

/// Keeps the error for later if trying again may help.
fn keep_retryable(progress: &mut Progress, error: SinkError) -> Result<(), SinkError> {
    if !error.is_retryable() {
        return Err(error);
    }
    progress.problem.get_or_insert(error);
    Ok(())
}
