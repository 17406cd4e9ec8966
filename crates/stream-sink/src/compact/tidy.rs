//! Finishes what killed compactions began, and removes what nobody needs any more.

use std::collections::BTreeMap;

use warehouse::fault::reach;
use warehouse::read::ReadError;

use super::merge::{Candidate, INCOMPLETE, Ready, count_rows};
use super::record::UNFINISHED;
use super::{CompactReport, Run, day_of, visible};
use crate::error::SinkError;
use crate::fault;
use crate::replaced::Replaced;

impl Run<'_> {
    /// Removes the marks and unfinished records of killed runs: there is no other one while this one has the claim.
    pub(super) fn remove_traces(&self) -> Result<(), SinkError> {
        let closing = self.layout.closing(self.table);
        for entry in closing.list_if_exists()? {
            self.check()?;
            closing.join(&entry.name).remove_file()?;
        }
        let folder = self.layout.compaction(self.table);
        for entry in folder.list_if_exists()? {
            if entry.name.ends_with(UNFINISHED) {
                self.check()?;
                folder.join(&entry.name).remove_file()?;
            }
        }
        Ok(())
    }

    /// Gives the partitions that have to be moved because a record says so; takes records away that are done with.
    pub(super) fn tidy(
        &self,
        locations: &BTreeMap<String, String>,
        records: &mut BTreeMap<String, Replaced>,
        report: &mut CompactReport,
    ) -> Result<Vec<Ready>, SinkError> {
        let mut unfinished = Vec::new();
        for (partition, location) in locations {
            if (self.stop)() {
                return Ok(Vec::new());
            }
            let record = records.get(partition);
            match record {
                Some(record) if record.from.is_empty() => {}
                Some(record) if *location == record.to => {
                    if self.follow_up(record, location, report)? {
                        records.remove(partition);
                    }
                }
                Some(record) if *location == record.from => match self.finish_recorded(record)? {
                    Recorded::Complete(ready) => unfinished.push(ready),
                    Recorded::Removed => drop(records.remove(partition)),
                    Recorded::Unclear(reason) => self.skip(report, partition, reason),
                },
                Some(record) if self.says_nothing(record)? => {
                    self.check()?;
                    self.record_of(partition).remove_file()?;
                    records.remove(partition);
                }
                Some(record) => {
                    let reason = format!(
                        "it is at '{location}', but was compacted from '{}' to '{}'; point it at one of them, or \
                         remove '{}' once its rows are where they should be",
                        record.from,
                        record.to,
                        self.record_of(partition)
                    );
                    self.skip(report, partition, reason);
                }
                None => report.strays += self.bring_from_first_folder(partition, location)?,
            }
        }
        self.remove_incomplete(locations, records, report)?;
        Ok(unfinished)
    }

    /// After a compaction: brings late files, and removes the old ones when it is time. Whether nothing is left.
    fn follow_up(
        &self,
        record: &Replaced,
        location: &str,
        report: &mut CompactReport,
    ) -> Result<bool, SinkError> {
        let Replaced { partition, from, .. } = record;
        report.strays += self.bring_strays(record, from, location)?;
        let default = self.default_location(partition);
        if default != *from {
            report.strays += self.bring_strays(record, &default, location)?;
        }
        let Some(written) = self.record_of(partition).stat()? else { return Ok(true) };
        if self.age(&written) < self.options.keep_old {
            return Ok(false);
        }
        let folder = self.layout.folder(from);
        for name in &record.files {
            self.check()?;
            if folder.join(name).remove_file()? {
                report.removed_old_files += 1;
                reach(fault::COMPACT_OLD_FILE_REMOVED);
            }
        }
        // A file that comes at this very moment is brought by the next run.
        if !visible(&folder)?.is_empty() {
            return Ok(false);
        }
        self.check()?;
        // The first one stays: it is where publishers look, and what MSCK REPAIR goes by.
        if default != *from {
            folder.remove_tree()?;
        }
        reach(fault::COMPACT_OLD_FILES_REMOVED);
        self.record_of(partition).remove_file()?;
        reach(fault::COMPACT_RECORD_REMOVED);
        Ok(true)
    }

    /// A partition that is where it was although a record says that its rows are elsewhere as well.
    fn finish_recorded(&self, record: &Replaced) -> Result<Recorded, SinkError> {
        let Replaced { partition, from, to, files, .. } = record;
        let (old, new) = (self.layout.folder(from), self.layout.folder(to));
        let before = visible(&old)?;
        if let Some(gone) = files.iter().find(|&name| before.iter().all(|e| e.name != *name)) {
            return Ok(Recorded::Unclear(format!(
                "it is at '{from}' again, where '{gone}' is no more; its rows are in '{to}': point it there"
            )));
        }
        // Those that hold the rows of `files`: what the compaction wrote, and copies. Others were brought by publishers.
        let mut after = visible(&new)?;
        after.retain(|entry| is_of_compaction(&entry.name) || files.contains(&entry.name));
        if after.is_empty() {
            // Its claim was lost, and its folder removed, when it wrote the record; it has not told the catalog.
            self.check()?;
            self.record_of(partition).remove_file()?;
            return Ok(Recorded::Removed);
        }
        let schema = self.table.arrow_schema();
        let counted =
            count_rows(files.iter().map(|name| old.join(name)), &schema).and_then(|rows| {
                let new_rows =
                    count_rows(after.iter().map(|entry| new.join(&entry.name)), &schema)?;
                Ok((rows, new_rows))
            });
        let (rows, new_rows) = match counted {
            Ok(counted) => counted,
            Err(ReadError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Recorded::Unclear(error.to_string())),
        };
        if rows != new_rows {
            return Ok(Recorded::Unclear(format!(
                "'{from}' has {rows} rows, '{to}' has {new_rows} of them; remove '{}' to compact it anew",
                self.record_of(partition)
            )));
        }
        let is_old = |name: &String| files.contains(name);
        Ok(Recorded::Complete(Ready {
            candidate: Candidate { partition: partition.clone(), from: from.clone(), attempt: 1 },
            to: to.clone(),
            files: files.clone(),
            is_recorded: true,
            rows,
            bytes_before: before.iter().filter(|e| is_old(&e.name)).map(|e| e.size).sum(),
            files_after: after.len() as u64,
            bytes_after: after.iter().map(|entry| entry.size).sum(),
        }))
    }

    /// Whether neither the old nor the new files of a record are there: its claim was lost before it was written, and all
    /// has been done by others.
    fn says_nothing(&self, record: &Replaced) -> Result<bool, SinkError> {
        let old = visible(&self.layout.folder(&record.from))?;
        let new = visible(&self.layout.folder(&record.to))?;
        Ok(new.is_empty() && old.iter().all(|entry| !record.files.contains(&entry.name)))
    }

    /// Without a record, what lies in the first folder of a partition that is elsewhere came late.
    fn bring_from_first_folder(&self, partition: &str, location: &str) -> Result<u64, SinkError> {
        let default = self.default_location(partition);
        let is_past = day_of(partition).is_some_and(|day| day < self.first_untouched());
        if !is_past || default == location {
            return Ok(0);
        }
        let none = Replaced {
            partition: partition.to_owned(),
            from: default.clone(),
            to: location.to_owned(),
            files: Default::default(),
            at: String::new(),
        };
        self.bring_strays(&none, &default, location)
    }

    /// Removes folders that killed runs did not finish.
    fn remove_incomplete(
        &self,
        locations: &BTreeMap<String, String>,
        records: &BTreeMap<String, Replaced>,
        report: &mut CompactReport,
    ) -> Result<(), SinkError> {
        let root = self.layout.folder(&self.compacted(""));
        for partition in root.list_if_exists()?.into_iter().filter(|entry| entry.is_dir) {
            let partition = partition.name;
            let record = records.get(&partition);
            for run in root.join(&partition).list_if_exists()?.into_iter().filter(|e| e.is_dir) {
                let path = format!("{}/{}", self.compacted(&partition), run.name);
                let is_used = locations.get(&partition) == Some(&path)
                    || record.is_some_and(|record| {
                        record.from.is_empty() || record.from == path || record.to == path
                    });
                if is_used {
                    continue;
                }
                let folder = self.layout.folder(&path);
                let inside = folder.list_if_exists()?;
                if inside.is_empty() || inside.iter().any(|entry| entry.name == INCOMPLETE) {
                    self.check()?;
                    tracing::info!(%folder, "removing what a killed compaction left");
                    folder.remove_tree()?;
                } else if locations.contains_key(&partition) {
                    let reason = format!(
                        "'{folder}' was its folder once, and is not any more; remove it if its rows are not needed"
                    );
                    self.skip(report, &partition, reason);
                }
            }
        }
        Ok(())
    }
}

enum Recorded {
    /// All new files are there.
    Complete(Ready),
    /// None is, so there was nothing to finish.
    Removed,
    Unclear(String),
}

/// Whether a compaction gives files such names. Those of publishers have the topic in them.
pub(super) fn is_of_compaction(name: &str) -> bool {
    let number = name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".parquet"));
    number.is_some_and(|digits| digits.len() >= 5 && digits.bytes().all(|b| b.is_ascii_digit()))
}
