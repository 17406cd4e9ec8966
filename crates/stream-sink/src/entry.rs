//! An entry of the commit log: the manifest of one commit, or of a take-over.

use serde::{Deserialize, Serialize};
use store::Location;
use warehouse::partition_path::parse_partition_name;

use crate::error::SinkError;
use crate::source::Source;

/// The newest format that this program reads and writes.
const FORMAT: u32 = 1;

/// One entry. Entries are never changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Format of the file.
    pub format: u32,
    /// Position in the log, from 1; also the name of the file.
    pub sequence: u64,
    /// Unique among all entries ever written.
    pub id: String,
    /// The id of the entry before, if there is one.
    pub previous: Option<String>,
    /// Counts the take-overs of this Kafka partition, from 1. Only the writer that began an epoch writes in it.
    pub epoch: u64,
    /// Who wrote the entry, for people.
    pub writer: String,
    /// The Kafka partition.
    pub source: Source,
    /// Offset of the first message that the entry covers.
    pub start_offset: i64,
    /// Offset after the last message that the entry covers: where the next one starts. A take-over covers nothing.
    pub end_offset: i64,
    /// All entries up to this position were finished when this one was written: readers see their files.
    pub finished_through: u64,
    /// The files of the commit; none in a take-over.
    pub files: Vec<StagedFile>,
    /// When it was written, UTC.
    pub written_at: String,
}

/// A data file of a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedFile {
    /// Which table, in the order of the stream's tables.
    pub table: usize,
    /// Name of the partition of the table: `dt=2011-12-09`.
    pub partition: String,
    /// Its name, in the folder of staged files as well as in that of the partition.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
}

impl Entry {
    /// The number of [`Self::format`] for a new entry.
    pub(crate) const FORMAT: u32 = FORMAT;

    /// Whether it is a take-over, and so commits nothing.
    pub fn is_take_over(&self) -> bool {
        self.files.is_empty() && self.start_offset == self.end_offset
    }

    pub(crate) fn file_name(sequence: u64) -> String {
        format!("{sequence:020}.json")
    }

    /// The position that a file in the log's folder stands for.
    pub(crate) fn sequence_of(file_name: &str) -> Option<u64> {
        let digits = file_name.strip_suffix(".json")?;
        (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    }

    pub(crate) fn parse(path: &Location, bytes: &[u8]) -> Result<Self, SinkError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |problem: String| SinkError::Damaged { path: path.clone(), problem };
        let Format { format } =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if format > FORMAT {
            let problem = format!("it has format {format}, this program knows up to {FORMAT}");
            return Err(damaged(problem));
        }
        let entry: Self =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if Self::file_name(entry.sequence) != path.name() || entry.end_offset < entry.start_offset {
            return Err(damaged("it contradicts itself or its name".to_owned()));
        }
        if let Some(file) = entry.files.iter().find(|file| {
            file.name.contains('/')
                || !file.name.ends_with(".parquet")
                || file.partition.split('/').any(|part| part.starts_with('.'))
                || parse_partition_name(&file.partition).is_err()
        }) {
            return Err(damaged(format!("it names the file '{}/{}'", file.partition, file.name)));
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_positions_agree() {
        assert_eq!(Entry::sequence_of(&Entry::file_name(42)), Some(42));
        for other in ["42.json", "00000000000000000042", "0000000000000000004x.json", ""] {
            assert_eq!(Entry::sequence_of(other), None);
        }
    }
}
