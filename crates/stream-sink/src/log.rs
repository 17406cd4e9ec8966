//! The commit log of one Kafka partition: what is committed, up to which offset, and who may go on.
//!
//! # Promise
//! Every message of a Kafka partition is committed exactly once, whatever process is killed or stopped at whatever
//! moment, and however many processes believe that the Kafka partition is theirs.
//!
//! # Protocol
//! The log is a folder of numbered files, each written once. An entry gets its number by renaming a complete file to
//! `<number>.json`, which fails when there is one of that number: create-if-absent.
//! 1. *Take over.* A writer reads the newest entry and appends a take-over: a new epoch, at the same offset. Should
//!    somebody else have been quicker, it reads again. Then it deals with what earlier writers left (`sink.rs`), and
//!    consumes from the newest entry's end offset.
//! 2. *Commit.* All data files are complete and durable under names that readers skip. Then the entry is appended:
//!    its files and the range of offsets they hold. That is the commit.
//! 3. *Finish.* The files are renamed into their partitions' folders, and the partitions are registered: only now do
//!    readers see them. Each of these steps may be repeated, by anyone.
//! 4. *Prune.* Finished entries are removed, oldest first, but for the newest few.
//!
//! # Why it holds
//! - The entries form one chain: an entry names the one before, starts at its end offset, and its number was free. So
//!   no offset is in two entries, and none is skipped. What Kafka is told about offsets plays no part in it.
//! - A process that dies before its rename has committed nothing; its files are removed by the next take-over, which reads
//!   the messages again. After the rename the next take-over finishes what the entry lists.
//! - A writer that was taken over (a zombie) finds its next number taken, by the take-over or by what came after it.
//! - Entries are pruned, so a zombie that slept for long may find its number free again. Its entry is then older than
//!   others, which it sees when it lists the log right after its rename: the others were there before. It exposes
//!   nothing. Whoever reads the log follows `previous` from the newest entry back and never meets it. So does a process
//!   that slept in the middle of a take-over: it begins anew.
//! - A zombie that did commit before it was taken over, and wakes up, renames the same files to the same names as
//!   its successor does: only one of the two renames finds the file.
//! - Removing the files of earlier writers is safe, because after the take-over they cannot commit any more. Staged
//!   files carry the epoch of their writer in their name, so that a process that sleeps between its take-over and the
//!   removal spares those of its successors.

use std::collections::HashSet;
use std::time::SystemTime;

use store::{Location, StoreError, StoreErrorKind};
use warehouse::run_id::{RunId, utc_timestamp};

use crate::entry::{Entry, StagedFile};
use crate::error::SinkError;
use crate::fault;
use crate::source::Source;
use warehouse::fault::reach;

/// Finished entries that are kept for people to look at.
const KEPT: usize = 8;

/// The log of one Kafka partition, and the right to append to it until somebody else takes it over.
#[derive(Debug)]
pub struct CommitLog {
    folder: Location,
    staged: Location,
    source: Source,
    writer: String,
    newest: Entry,
    /// Positions of the entries that are there, oldest first.
    present: Vec<u64>,
    finished_through: u64,
    /// Entries that are not finished, oldest first.
    unfinished: Vec<Entry>,
}

/// What a log says, without taking it over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogState {
    /// The newest entry.
    pub newest: Entry,
    /// All entries of the chain that are still there, oldest first; the newest is the last.
    pub chain: Vec<Entry>,
}

impl CommitLog {
    /// Takes the Kafka partition over from whoever had it.
    ///
    /// `first_offset` says where to start when there is no log yet. `writer` names this process to people.
    ///
    /// # Errors
    /// [`SinkError::Store`], [`SinkError::Damaged`], and what `first_offset` gives.
    pub fn take_over<E: From<SinkError>>(
        folder: &Location,
        staged: &Location,
        source: &Source,
        writer: &str,
        first_offset: impl FnOnce() -> Result<i64, E>,
    ) -> Result<Self, E> {
        let mut first = Err(first_offset);
        loop {
            let state = read(folder)?;
            let chain = state.as_ref().map(|state| state.chain.clone()).unwrap_or_default();
            let before = state.map(|state| state.newest);
            if let Some(other) = before.as_ref().filter(|entry| entry.source != *source) {
                let path = folder.join(&Entry::file_name(other.sequence));
                let problem = format!("it is of {}", other.source);
                return Err(SinkError::Damaged { path, problem }.into());
            }
            let offset = match &before {
                Some(before) => before.end_offset,
                // Asked for once, however often somebody else is quicker.
                None => {
                    let offset = match first {
                        Ok(offset) => offset,
                        Err(find) => find()?,
                    };
                    first = Ok(offset);
                    offset
                }
            };
            let finished_through = before.as_ref().map_or(0, |before| before.finished_through);
            let entry = Entry {
                format: Entry::FORMAT,
                sequence: before.as_ref().map_or(1, |before| before.sequence + 1),
                id: new_id(),
                previous: before.as_ref().map(|before| before.id.clone()),
                epoch: before.as_ref().map_or(1, |before| before.epoch + 1),
                writer: writer.to_owned(),
                source: source.clone(),
                start_offset: offset,
                end_offset: offset,
                finished_through,
                files: Vec::new(),
                written_at: utc_timestamp(SystemTime::now()),
            };
            if !append(folder, staged, &entry)? || !is_in_chain(folder, &entry)? {
                continue;
            }
            reach(fault::TAKEN_OVER);
            // Also what zombies have put below the chain: it is pruned with the rest.
            let mut present = sequences(folder).map_err(SinkError::from)?;
            present.retain(|&sequence| sequence <= entry.sequence);
            let is_unfinished =
                |entry: &Entry| !entry.files.is_empty() && entry.sequence > finished_through;
            let unfinished = chain.into_iter().filter(is_unfinished).collect();
            return Ok(Self {
                folder: folder.clone(),
                staged: staged.clone(),
                source: source.clone(),
                writer: writer.to_owned(),
                newest: entry,
                present,
                finished_through,
                unfinished,
            });
        }
    }

    /// The offset that the next commit starts at: the first message that is not committed.
    pub fn end_offset(&self) -> i64 {
        self.newest.end_offset
    }

    /// The newest entry.
    pub fn newest(&self) -> &Entry {
        &self.newest
    }

    /// The folder of files that no reader sees yet.
    pub fn staged(&self) -> &Location {
        &self.staged
    }

    /// Commits `files`, which hold all that is to be kept of the messages from [`Self::end_offset`] to `end_offset`.
    ///
    /// # Errors
    /// [`SinkError::Fenced`] when somebody else has taken over. [`SinkError::Store`], and then it is not known whether the
    /// commit has happened: take over again to find out.
    pub fn commit(&mut self, end_offset: i64, files: Vec<StagedFile>) -> Result<(), SinkError> {
        self.append(self.newest.end_offset, end_offset, files)
    }

    /// Goes on at `offset` instead of [`Self::end_offset`]. The one break in the chain of offsets: what is between is
    /// gone, or the topic is another one.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn skip_to(&mut self, offset: i64) -> Result<(), SinkError> {
        self.append(offset, offset, Vec::new())
    }

    fn append(
        &mut self,
        start_offset: i64,
        end_offset: i64,
        files: Vec<StagedFile>,
    ) -> Result<(), SinkError> {
        let entry = Entry {
            format: Entry::FORMAT,
            sequence: self.newest.sequence + 1,
            id: new_id(),
            previous: Some(self.newest.id.clone()),
            epoch: self.newest.epoch,
            writer: self.writer.clone(),
            source: self.source.clone(),
            start_offset,
            end_offset,
            finished_through: self.finished_through,
            files,
            written_at: utc_timestamp(SystemTime::now()),
        };
        if end_offset < start_offset {
            let (source_name, start) = (self.source.clone(), start_offset);
            let problem = format!("a commit from offset {start} cannot end at {end_offset}");
            return Err(SinkError::Refused { source_name, problem });
        }
        if !append(&self.folder, &self.staged, &entry)? {
            return Err(self.fenced()?);
        }
        reach(fault::COMMITTED);
        self.newest = entry.clone();
        self.present.push(entry.sequence);
        // Only now: should the look fail, the entry is there all the same, and a take-over will find it.
        if newest_sequence(&self.folder)? != Some(entry.sequence) {
            return Err(self.fenced()?);
        }
        if entry.files.is_empty() {
            // Nobody will say that it is finished.
            return self.prune();
        }
        self.unfinished.push(entry);
        Ok(())
    }

    /// Committed entries whose files may not be visible yet, oldest first.
    pub fn unfinished(&self) -> &[Entry] {
        &self.unfinished
    }

    /// Forgets unfinished entries up to `sequence`, and removes old entries.
    ///
    /// # Errors
    /// [`SinkError::Store`] from the removal, which the next call tries again.
    pub fn finished(&mut self, sequence: u64) -> Result<(), SinkError> {
        self.unfinished.retain(|entry| entry.sequence > sequence);
        self.prune()
    }

    /// Removes old entries. Not only when files were published: a log may consist of take-overs, and of commits without files.
    pub(crate) fn prune(&mut self) -> Result<(), SinkError> {
        let first_needed = match self.unfinished.first() {
            Some(entry) => entry.sequence,
            None => self.newest.sequence,
        };
        self.finished_through = self.finished_through.max(first_needed - 1);
        while self.present.len() > KEPT && self.present[0] < first_needed {
            self.folder.join(&Entry::file_name(self.present[0])).remove_file()?;
            self.present.remove(0);
            reach(fault::PRUNED);
        }
        Ok(())
    }

    /// Whether nobody else has taken over so far.
    ///
    /// # Errors
    /// [`SinkError::Fenced`] if somebody has; [`SinkError::Store`].
    pub fn check(&self) -> Result<(), SinkError> {
        if newest_sequence(&self.folder)? == Some(self.newest.sequence) {
            Ok(())
        } else {
            Err(self.fenced()?)
        }
    }

    fn fenced(&self) -> Result<SinkError, SinkError> {
        let newest = read(&self.folder)?.map(|state| state.newest);
        Ok(SinkError::Fenced {
            source_name: self.source.clone(),
            by: newest.as_ref().map_or_else(|| "unknown".to_owned(), |entry| entry.writer.clone()),
            since: newest.map_or_else(|| "unknown".to_owned(), |entry| entry.written_at),
        })
    }
}

impl LogState {
    /// Rows of committed files that no reader sees yet: those that are `staged`.
    pub fn not_visible<'a>(&self, staged: impl Iterator<Item = &'a str>) -> u64 {
        let staged: HashSet<&str> = staged.collect();
        let files = self.chain.iter().flat_map(|entry| &entry.files);
        files.filter(|file| staged.contains(file.name.as_str())).map(|file| file.rows).sum()
    }
}

/// Reads a log without taking it over; `None` when there is none.
///
/// # Errors
/// [`SinkError::Store`], [`SinkError::Damaged`].
pub fn read(folder: &Location) -> Result<Option<LogState>, SinkError> {
    // An entry may be pruned between being listed and being read: then newer ones have come, and it is listed again.
    loop {
        let sequences = sequences(folder)?;
        let Some(&last) = sequences.last() else { return Ok(None) };
        let Some(newest) = read_entry(folder, last)? else { continue };
        let mut chain = vec![newest.clone()];
        for &sequence in sequences.iter().rev().skip(1) {
            let next = &chain[chain.len() - 1];
            if sequence + 1 != next.sequence {
                break;
            }
            let Some(entry) = read_entry(folder, sequence)? else { break };
            // What is older than a gap, or of another chain, is no part of the log.
            if next.previous.as_deref() != Some(&entry.id) {
                break;
            }
            if next.start_offset != entry.end_offset && next.end_offset != next.start_offset {
                let (path, end) = (folder.join(&Entry::file_name(next.sequence)), entry.end_offset);
                let problem = format!(
                    "it starts at offset {}, the entry before ends at {end}",
                    next.start_offset
                );
                return Err(SinkError::Damaged { path, problem });
            }
            chain.push(entry);
        }
        chain.reverse();
        return Ok(Some(LogState { newest, chain }));
    }
}

fn read_entry(folder: &Location, sequence: u64) -> Result<Option<Entry>, SinkError> {
    let path = folder.join(&Entry::file_name(sequence));
    path.read()?.map(|bytes| Entry::parse(&path, &bytes)).transpose()
}

fn sequences(folder: &Location) -> Result<Vec<u64>, StoreError> {
    let entries = folder.list_if_exists()?;
    Ok(entries.iter().filter_map(|entry| Entry::sequence_of(&entry.name)).collect())
}

/// Whether an entry that has got a number is part of the log: not so if the number was free because it had been pruned.
fn is_in_chain(folder: &Location, entry: &Entry) -> Result<bool, SinkError> {
    if newest_sequence(folder)? == Some(entry.sequence) {
        return Ok(true);
    }
    let state = read(folder)?;
    Ok(state.is_some_and(|state| state.chain.iter().any(|present| present.id == entry.id)))
}

fn newest_sequence(folder: &Location) -> Result<Option<u64>, StoreError> {
    Ok(sequences(folder)?.last().copied())
}

/// Whether the entry got its place. If not, somebody else has it.
fn append(folder: &Location, staged: &Location, entry: &Entry) -> Result<bool, SinkError> {
    let path = folder.join(&Entry::file_name(entry.sequence));
    let bytes = serde_json::to_vec(entry).map_err(|error| SinkError::Damaged {
        path: path.clone(),
        problem: format!("it cannot be written: {error}"),
    })?;
    // Complete before it has its name, so that nobody ever reads half of it.
    folder.create_dir_all()?;
    let complete = staged.join(&crate::staged::entry_name(entry.epoch, &entry.id));
    complete.write(&bytes)?;
    reach(fault::ENTRY_WRITTEN);
    match complete.rename(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
            // It may be our own: the answer to a first try of the store's client got lost.
            let is_ours = read_entry(folder, entry.sequence)?.is_some_and(|e| e.id == entry.id);
            if !is_ours {
                complete.remove_file()?;
            }
            Ok(is_ours)
        }
        // The same, from a store that looks for the source first.
        Err(error) if error.kind() == StoreErrorKind::NotFound => {
            match read_entry(folder, entry.sequence)? {
                Some(found) => Ok(found.id == entry.id),
                // Pruned already, or a successor has removed the complete file.
                None if newest_sequence(folder)? > Some(entry.sequence) => Ok(false),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn new_id() -> String {
    RunId::new(SystemTime::now()).as_str().trim_start_matches("run-").to_owned()
}
