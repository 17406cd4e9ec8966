//! Drops partitions that are too old, with their files.
//!
//! First it is noted which days are dropped, so that a publisher that does not find a file of one knows why. Then the catalog
//! forgets them, then their folders go, then their records. A run that was killed in between is continued by the next
//! one, which finds the folders by their names. The note stays, one a table: a Kafka partition to which nothing comes any
//! more has a last entry in its log that each process publishes again which takes it over.

use std::collections::{BTreeMap, BTreeSet};

use order_model::Date;
use warehouse::fault::reach;

use super::record::UNFINISHED;
use super::{CompactReport, ROUND, Run, day_of, today};
use crate::error::SinkError;
use crate::fault;

impl Run<'_> {
    /// Drops the partitions of days before the last `days`, and takes them out of `locations`.
    pub(super) fn drop_old(
        &self,
        days: u32,
        locations: &mut BTreeMap<String, String>,
        report: &mut CompactReport,
    ) -> Result<(), SinkError> {
        let today = today(self.now.min(self.clock)).days();
        let kept = i32::try_from(days).unwrap_or(i32::MAX);
        let first_kept = Date::from_days(today.saturating_sub(kept)).min(self.first_untouched());
        let old: Vec<String> = self
            .all_partitions(locations)?
            .into_iter()
            .filter(|partition| day_of(partition).is_some_and(|day| day < first_kept))
            .collect();
        if !self.options.dry_run && !old.is_empty() {
            self.note_dropped(first_kept)?;
        }
        for round in old.chunks(ROUND) {
            if (self.stop)() {
                break;
            }
            if !self.options.dry_run {
                self.while_closed(round, || self.drop_round(round, locations))?;
            }
            for partition in round {
                if locations.remove(partition).is_some() {
                    report.dropped_partitions.push(self.name_of(partition));
                }
            }
        }
        Ok(())
    }

    fn note_dropped(&self, first_kept: Date) -> Result<(), SinkError> {
        if self.layout.dropped_before(self.table)?.is_some_and(|noted| noted >= first_kept) {
            return Ok(());
        }
        self.check()?;
        let note = self.layout.dropped_before_file(self.table);
        let name = format!("dropped_before.{}{UNFINISHED}", self.id);
        let written = self.layout.compaction(self.table).join(&name);
        written.write(format!("{first_kept}\n").as_bytes())?;
        written.replace(&note)?;
        reach(fault::COMPACT_DROP_NOTED);
        Ok(())
    }

    /// The registered ones and those that have a folder or a record.
    fn all_partitions(
        &self,
        locations: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, SinkError> {
        let mut all: BTreeSet<String> = locations.keys().cloned().collect();
        for folder in [self.table.directory.clone(), self.compacted("")] {
            let entries = self.layout.folder(&folder).list_if_exists()?;
            all.extend(entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name));
        }
        let records = self.layout.compaction(self.table).list_if_exists()?;
        all.extend(records.iter().filter_map(|e| e.name.strip_suffix(".json")).map(str::to_owned));
        let key = self.table.partition_keys.first().map(|key| format!("{}=", key.name));
        all.retain(|partition| key.as_ref().is_some_and(|key| partition.starts_with(key)));
        Ok(all)
    }

    fn drop_round(
        &self,
        round: &[String],
        locations: &BTreeMap<String, String>,
    ) -> Result<(), SinkError> {
        let registered: Vec<String> =
            round.iter().filter(|name| locations.contains_key(*name)).cloned().collect();
        if !registered.is_empty() {
            self.check()?;
            self.catalog.drop_partitions(self.table, &registered, self.options.lock_wait)?;
            tracing::info!(table = self.table.qualified_name(), ?registered, "dropped");
        }
        reach(fault::COMPACT_DROPPED);
        for partition in round {
            self.check()?;
            self.layout.folder(&self.default_location(partition)).remove_tree()?;
            self.layout.folder(&self.compacted(partition)).remove_tree()?;
            self.record_of(partition).remove_file()?;
            reach(fault::COMPACT_FOLDERS_REMOVED);
        }
        Ok(())
    }
}
