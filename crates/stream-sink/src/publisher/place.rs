//! One file: into the folder of its partition, and after the partition when that moves.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use store::{Location, StoreError, StoreErrorKind};
use warehouse::catalog::CatalogError;
use warehouse::fault::reach;

use super::{Key, Publisher, key_of};
use crate::compact::day_of;
use crate::entry::{Entry, StagedFile};
use crate::error::SinkError;
use crate::fault;
use crate::layout::Layout;
use crate::log;
use crate::replaced::Replaced;

impl Publisher {
    /// Sees to it that all files of `entry` are in the folders `targets` of their partitions, or have been; `registered` is
    /// where those are that are registered. Gives the partitions in which files are.
    pub(super) fn place_all(
        &self,
        entry: &Entry,
        targets: &BTreeMap<Key, String>,
        registered: &BTreeMap<Key, String>,
    ) -> Result<BTreeSet<Key>, SinkError> {
        let placed = entry.files.par_iter().map(|file| {
            let key = key_of(file);
            let registered = registered.get(&key).map(String::as_str);
            let is_there = self.place(entry, file, &targets[&key], registered)?;
            Ok(is_there.then_some(key))
        });
        let placed: Result<Vec<_>, SinkError> = placed.collect();
        Ok(placed?.into_iter().flatten().collect())
    }

    /// Sees to it that `file` is in the folder `target`, or was there and its rows are elsewhere. Whether they are still
    /// somewhere. `registered` is where its partition was, if it was registered.
    fn place(
        &self,
        entry: &Entry,
        file: &StagedFile,
        target: &str,
        registered: Option<&str>,
    ) -> Result<bool, SinkError> {
        let staged = self.layout.staged(&entry.source).join(&file.name);
        let visible = self.layout.folder(target).join(&file.name);
        if self.give_name(file, &staged, &visible)? {
            reach(fault::FILE_EXPOSED);
            return Ok(true);
        }
        if visible.stat()?.is_some() {
            return Ok(true);
        }
        let def = &self.tables[file.table];
        let default = Layout::default_location(def, &file.partition);
        let replaced = Replaced::read(&self.layout, def, &file.partition)?;
        if replaced.as_ref().is_some_and(|replaced| replaced.files.contains(&file.name)) {
            return Ok(true);
        }
        // Where somebody has put it who did not live to see that the partition has moved.
        let before = replaced.as_ref().map(|replaced| &replaced.from);
        for folder in [Some(&default), before].into_iter().flatten().filter(|f| *f != target) {
            if self.move_late(file, &self.layout.folder(folder).join(&file.name), &visible)? {
                return Ok(true);
            }
        }
        // Where the partition is by now; also when somebody else has just moved the file there.
        let after = replaced.as_ref().map_or(target, |replaced| &replaced.to);
        for folder in [after, target] {
            if self.layout.folder(folder).join(&file.name).stat()?.is_some() {
                return Ok(true);
            }
        }
        let dropped = self.layout.dropped_before(def)?;
        if day_of(&file.partition).zip(dropped).is_some_and(|(day, before)| day < before) {
            tracing::info!(file = %visible, "not there: days as old as this are dropped");
            return Ok(false);
        }
        // A successor may have finished the entry, and compaction may have taken the file then. Else it is lost.
        let state = log::read(&self.layout.log(&entry.source))?;
        let has_successor = state.is_some_and(|state| state.newest.epoch > entry.epoch);
        let is_as_it_was = registered == Some(&default) && replaced.is_none();
        if !has_successor || is_as_it_was {
            return Err(SinkError::Lost { file: visible, partition: file.partition.clone() });
        }
        tracing::warn!(file = %visible, "not there: it was compacted or dropped since, or removed");
        Ok(false)
    }

    /// Renames the file. Whether it has the name now; if not, it was not there.
    ///
    /// On a disk and on HDFS in one step: not by [`Location::rename`], which on some local file systems gives the new name first
    /// and takes the old one then. In S3 it is always two steps, a copy inside S3 and a removal. A file with two names could
    /// be compacted under the one, and made visible under the other later, so compaction takes the other one away
    /// before it relies on the file (`compact.rs`, step 4). The copy itself finds the file or does not, however long this
    /// process sleeps before it.
    fn give_name(
        &self,
        file: &StagedFile,
        from: &Location,
        to: &Location,
    ) -> Result<bool, SinkError> {
        if let Some(there) = to.stat()? {
            // Names are unique, so it is the same file, unless somebody has removed the log and begun anew.
            if there.size != file.bytes && from.stat()?.is_some() {
                let problem = "another file has the name that was committed";
                let kind = StoreErrorKind::AlreadyExists;
                return Err(StoreError::new(kind, "rename to", to.to_string(), problem).into());
            }
            from.remove_file()?;
            return Ok(true);
        }
        let Err(error) = from.replace(to) else { return Ok(true) };
        match error.kind() {
            StoreErrorKind::NotFound => {}
            _ => return Err(error.into()),
        }
        // Or it is the folder that is missing.
        if from.stat()?.is_some() { Err(self.moved(file)) } else { Ok(false) }
    }

    /// The partition of a file is not where it was, or not at all: to be looked for again.
    fn moved(&self, file: &StagedFile) -> SinkError {
        let table = self.tables[file.table].qualified_name();
        let object = format!("partition {} of {table}", file.partition);
        CatalogError::ChangedMeanwhile { object }.into()
    }

    /// Moves the files of partitions that have moved meanwhile.
    pub(super) fn follow(
        &self,
        entry: &Entry,
        targets: &BTreeMap<Key, String>,
        now_at: &BTreeMap<Key, String>,
    ) -> Result<(), SinkError> {
        for file in &entry.files {
            let key = key_of(file);
            let mut at = targets[&key].clone();
            let mut now_at = now_at.get(&key).cloned();
            let folder = |location: &str| self.layout.folder(location).join(&file.name);
            loop {
                let Some(now) = now_at else {
                    // Dropped in this very moment, perhaps with its files.
                    if folder(&at).stat()?.is_some() {
                        return Err(self.moved(file));
                    }
                    break;
                };
                if now == at {
                    break;
                }
                self.move_late(file, &folder(&at), &folder(&now))?;
                // It may have moved on before the file was there.
                now_at = self.locate(&BTreeSet::from([key.clone()]))?.remove(&key);
                at = now;
            }
        }
        Ok(())
    }

    /// Moves a file that lies where its partition was, unless its rows are where the partition is. Whether there was one.
    fn move_late(
        &self,
        file: &StagedFile,
        from: &Location,
        to: &Location,
    ) -> Result<bool, SinkError> {
        let def = &self.tables[file.table];
        let replaced = Replaced::read(&self.layout, def, &file.partition)?;
        if replaced.is_some_and(|replaced| replaced.files.contains(&file.name)) {
            return Ok(true);
        }
        self.give_name(file, from, to)
    }
}
