//! The records of compactions whose old files are still there.

use std::collections::BTreeMap;

use store::Location;
use warehouse::fault::reach;

use super::{CompactReport, Run};
use crate::error::SinkError;
use crate::fault;
use crate::replaced::Replaced;

/// The end of the names of files that are not finished; whoever holds the claim may remove those of others.
pub(super) const UNFINISHED: &str = ".tmp";
const RECORD: &str = ".json";

impl Run<'_> {
    /// All records of the table, by partition. One that cannot be read is reported, and its partition left alone.
    pub(super) fn records(
        &self,
        report: &mut CompactReport,
    ) -> Result<BTreeMap<String, Replaced>, SinkError> {
        let mut records = BTreeMap::new();
        for entry in self.layout.compaction(self.table).list_if_exists()? {
            let Some(partition) = entry.name.strip_suffix(RECORD) else { continue };
            let found = match Replaced::read(self.layout, self.table, partition) {
                Ok(found) => found,
                Err(error @ SinkError::Damaged { .. }) => {
                    self.skip(report, partition, error.to_string());
                    // One that fits no folder: it is neither followed nor replaced.
                    Some(Replaced {
                        partition: String::new(),
                        from: String::new(),
                        to: String::new(),
                        files: Default::default(),
                        at: String::new(),
                    })
                }
                Err(error) => return Err(error),
            };
            records.extend(found.map(|record| (partition.to_owned(), record)));
        }
        Ok(records)
    }

    /// Writes a record, which must not exist.
    pub(super) fn create_record(&self, record: &Replaced) -> Result<(), SinkError> {
        let (written, path) = self.write_record(record)?;
        reach(fault::COMPACT_RECORD_WRITTEN);
        Ok(written.rename(&path)?)
    }

    /// Puts a record in the place of the one before.
    pub(super) fn replace_record(&self, record: &Replaced) -> Result<(), SinkError> {
        let (written, path) = self.write_record(record)?;
        Ok(written.replace(&path)?)
    }

    /// Complete, under another name, so that nobody ever reads half of it.
    fn write_record(&self, record: &Replaced) -> Result<(Location, Location), SinkError> {
        let path = self.record_of(&record.partition);
        let name = format!("{}.{}{UNFINISHED}", record.partition, self.id);
        let written = self.layout.compaction(self.table).join(&name);
        let bytes = serde_json::to_vec(record).map_err(|error| SinkError::Damaged {
            path: path.clone(),
            problem: format!("it cannot be written: {error}"),
        })?;
        written.remove_file()?;
        written.write(&bytes)?;
        Ok((written, path))
    }

    pub(super) fn record_of(&self, partition: &str) -> Location {
        Replaced::path(self.layout, self.table, partition)
    }
}
