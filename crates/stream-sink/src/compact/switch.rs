//! Points partitions at their new files.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use store::{Entry, Location, StoreError, StoreErrorKind};
use warehouse::catalog::CatalogError;
use warehouse::fault::reach;
use warehouse::run_id::utc_timestamp;

use super::merge::{Candidate, INCOMPLETE, Ready};
use super::{CompactReport, ROUND, Run, visible};
use crate::error::SinkError;
use crate::fault;
use crate::layout::Layout;
use crate::replaced::Replaced;
use crate::source::Source;
use crate::staged;

/// Partitions whose turn has not come by then are opened and closed again: publishers wait for half a minute.
const CLOSED_AT_MOST: Duration = Duration::from_secs(15);

/// The partitions of a round. Dropping it opens those that are closed.
struct Closed {
    markers: Vec<Location>,
}

enum Outcome {
    Moved,
    Changed,
    Refused(String),
}

impl Run<'_> {
    /// Closes up to a round of partitions, waits once for all of them, moves them, and opens them again. Takes away from
    /// `ready` those that it is done with, and gives those to which files have come.
    pub(super) fn switch(
        &self,
        ready: &mut VecDeque<Ready>,
        report: &mut CompactReport,
    ) -> Result<Vec<Candidate>, SinkError> {
        self.check()?;
        let round = ready.iter().take(ROUND);
        let mut closed = self.close(round.map(|ready| ready.candidate.partition.as_str()))?;
        let start = Instant::now();
        let mut changed = Vec::new();
        while start.elapsed() < CLOSED_AT_MOST
            && !closed.markers.is_empty()
            && let Some(next) = ready.pop_front()
        {
            let partition = &next.candidate.partition;
            match self.switch_one(&next, report)? {
                Outcome::Moved => {
                    report.partitions += 1;
                    report.files_before += next.files.len() as u64;
                    report.files_after += next.files_after;
                    report.rows += next.rows;
                    report.bytes_before += next.bytes_before;
                    report.bytes_after += next.bytes_after;
                    tracing::info!(
                        partition = self.name_of(partition),
                        files = next.files.len(),
                        rows = next.rows,
                        to = next.to,
                        "compacted"
                    );
                }
                Outcome::Changed => {
                    self.discard(&next.to);
                    changed.push(next.candidate.clone());
                }
                Outcome::Refused(reason) => self.skip(report, partition, reason),
            }
            closed.open(partition)?;
            reach(fault::COMPACT_OPENED);
        }
        Ok(changed)
    }

    /// Closes partitions, and waits until no publisher is at them any more.
    fn close<'p>(&self, partitions: impl Iterator<Item = &'p str>) -> Result<Closed, SinkError> {
        let folder = self.layout.closing(self.table);
        let mut closed = Closed { markers: Vec::new() };
        for partition in partitions {
            let marker = folder.join(partition);
            closed.markers.push(marker.clone());
            match marker.write(b"") {
                Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {}
                written => written?,
            }
        }
        reach(fault::COMPACT_CLOSED);
        std::thread::sleep(self.options.settle);
        reach(fault::COMPACT_SETTLED);
        Ok(closed)
    }

    fn switch_one(&self, ready: &Ready, report: &mut CompactReport) -> Result<Outcome, SinkError> {
        let Ready { candidate: Candidate { partition, from, .. }, to, .. } = ready;
        let mut record = Replaced {
            partition: partition.clone(),
            from: from.clone(),
            to: to.clone(),
            files: ready.files.clone(),
            at: utc_timestamp(self.now),
        };
        let present = visible(&self.layout.folder(from))?;
        if let Err(error) = self.check() {
            if !ready.is_recorded {
                self.discard(to);
            }
            return Err(error);
        }
        if ready.is_recorded {
            let mut late: Vec<String> =
                present.into_iter().filter(|e| e.is_file).map(|e| e.name).collect();
            late.retain(|name| !ready.files.contains(name));
            if !late.is_empty() {
                self.include_late(&mut record, late, report)?;
            }
        } else if present.iter().map(|entry| &entry.name).eq(&ready.files) {
            reach(fault::COMPACT_COMPARED);
            self.remove_twins(partition, from, &present)?;
            reach(fault::COMPACT_TWINS_REMOVED);
            self.create_record(&record)?;
            reach(fault::COMPACT_RECORDED);
        } else {
            return Ok(Outcome::Changed);
        }
        self.layout.folder(to).join(INCOMPLETE).remove_file()?;
        reach(fault::COMPACT_COMPLETED);
        self.check()?;
        let wait = self.options.lock_wait;
        match self.catalog.move_partition(self.table, partition, from, to, wait) {
            Err(CatalogError::ChangedMeanwhile { object }) => {
                let reason =
                    format!("{object} is not at '{from}' any more: somebody has changed it");
                return Ok(Outcome::Refused(reason));
            }
            moved => moved?,
        }
        reach(fault::COMPACT_MOVED);
        report.strays += self.bring_strays(&record, from, to)?;
        reach(fault::COMPACT_FOLLOWED);
        Ok(Outcome::Moved)
    }

    /// Finishes the renames of publishers that died in the middle of them: files that are in a partition's folder and still
    /// are where they came from as well. Once the record is gone, nobody could tell such a file from a late one.
    fn remove_twins(&self, partition: &str, from: &str, files: &[Entry]) -> Result<(), SinkError> {
        let sources: BTreeSet<Source> =
            files.iter().filter_map(|file| staged::source_of(&file.name)).collect();
        let mut origins: Vec<_> = sources.iter().map(|source| self.layout.staged(source)).collect();
        let default = self.default_location(partition);
        if default != from {
            origins.push(self.layout.folder(&default));
        }
        for origin in origins {
            for twin in origin.list_if_exists()? {
                // Of another size it is another file: its publisher will say so.
                let is_twin = |file: &Entry| file.name == twin.name && file.size == twin.size;
                if files.iter().any(is_twin) {
                    self.check()?;
                    origin.join(&twin.name).remove_file()?;
                    tracing::info!(file = %origin.join(&twin.name), "finished the rename of a file");
                }
            }
        }
        Ok(())
    }

    /// Adds files to a partition's new folder and to its record, as long as readers are at the old one.
    ///
    /// They keep their names, so that doing it twice adds nothing.
    fn include_late(
        &self,
        record: &mut Replaced,
        late: Vec<String>,
        report: &mut CompactReport,
    ) -> Result<(), SinkError> {
        let (from, to) = (self.layout.folder(&record.from), self.layout.folder(&record.to));
        // Halves of copies of a killed run, and the note that the folder is incomplete.
        for hidden in to.list()?.into_iter().filter(|entry| entry.name.starts_with('_')) {
            to.join(&hidden.name).remove_file()?;
        }
        for name in late {
            let target = to.join(&name);
            if target.stat()?.is_none() {
                let part = to.join(&format!("_{name}"));
                copy(&from.join(&name), &part)?;
                part.rename(&target)?;
            }
            record.files.insert(name);
            reach(fault::COMPACT_LATE_COPIED);
            report.strays += 1;
        }
        self.replace_record(record)?;
        reach(fault::COMPACT_LATE_RECORDED);
        Ok(())
    }

    /// Moves what lies in `from` and is not in the record to `to`, where the partition is. How many files.
    pub(super) fn bring_strays(
        &self,
        record: &Replaced,
        from: &str,
        to: &str,
    ) -> Result<u64, SinkError> {
        let (from, to) = (self.layout.folder(from), self.layout.folder(to));
        let mut strays = visible(&from)?;
        strays.retain(|entry| entry.is_file && !record.files.contains(&entry.name));
        if strays.is_empty() {
            return Ok(0);
        }
        self.check()?;
        let mut brought = 0;
        for stray in strays {
            let (path, target) = (from.join(&stray.name), to.join(&stray.name));
            match path.rename(&target) {
                Ok(()) => {}
                // Its publisher was quicker.
                Err(error) if error.kind() == StoreErrorKind::NotFound => continue,
                // Names are not used twice: it is there already, and this one was about to go.
                Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                    if target.stat()?.is_none_or(|there| there.size != stray.size) {
                        tracing::warn!(%path, %target, "two different files with the same name");
                        continue;
                    }
                    path.remove_file()?;
                }
                Err(error) => return Err(error.into()),
            }
            tracing::info!(%path, %target, "brought a file after its partition");
            brought += 1;
        }
        Ok(brought)
    }

    /// Closes partitions for as long as `act` takes.
    pub(super) fn while_closed(
        &self,
        partitions: &[String],
        act: impl FnOnce() -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.check()?;
        let mut closed = self.close(partitions.iter().map(String::as_str))?;
        act()?;
        partitions.iter().try_for_each(|partition| closed.open(partition))
    }

    /// What the partition's default folder is called, relative to the warehouse.
    pub(super) fn default_location(&self, partition: &str) -> String {
        Layout::default_location(self.table, partition)
    }
}

impl Closed {
    fn open(&mut self, partition: &str) -> Result<(), SinkError> {
        let Some(at) = self.markers.iter().position(|marker| marker.name() == partition) else {
            return Ok(());
        };
        self.markers.remove(at).remove_file()?;
        Ok(())
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        for marker in &self.markers {
            // What cannot be removed now is removed by the next run, and publishers wait for half a minute only.
            let _ = marker.remove_file();
        }
    }
}

fn copy(from: &Location, to: &Location) -> Result<(), SinkError> {
    let mut reader = from.reader()?;
    let mut writer = to.create()?;
    std::io::copy(&mut reader, &mut writer)
        .map_err(|error| StoreError::from_io("copy", from.to_string(), error))?;
    writer.finish()?;
    Ok(())
}
