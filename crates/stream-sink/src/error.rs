//! Why rows could not be written.

use store::{Location, StoreError};
use warehouse::catalog::CatalogError;
use warehouse::parquet_file::ParquetFileError;

use crate::source::Source;

/// Why rows could not be written, or not be made visible. Nothing that was committed is lost.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A data file could not be written.
    #[error(transparent)]
    File(#[from] ParquetFileError),
    /// Another writer has taken the Kafka partition over: this one may not write it any more.
    #[error(
        "{source_name} is written by somebody else now ({by}, since {since}); if that is no instance of this job, two \
         jobs with different kafka groups write the same tables, which is not possible: stop one of them"
    )]
    Fenced {
        /// The Kafka partition.
        source_name: Source,
        /// The other writer.
        by: String,
        /// When it took over, UTC.
        since: String,
    },
    /// An entry of a commit log is not what this program writes.
    #[error(
        "cannot read the commit log '{path}': {problem}; restore the file from a copy, or use a newer version of this \
         program if it wrote it"
    )]
    Damaged {
        /// The entry.
        path: Location,
        /// What is wrong.
        problem: String,
    },
    /// A call that would write what nobody can read, or less than it says: a fault of the program.
    #[error("cannot write {source_name}: {problem}")]
    Refused {
        /// The Kafka partition.
        source_name: Source,
        /// What is wrong with the call.
        problem: String,
    },
    /// A committed file has disappeared before it became visible.
    #[error(
        "'{file}', which was committed, is neither there nor in the partition {partition}: somebody has removed it; \
         restore it from a copy"
    )]
    Lost {
        /// Where it should be.
        file: Location,
        /// The partition it belongs to.
        partition: String,
    },
}

impl SinkError {
    /// Whether the same may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            // A full disk is emptied by others, and the stream goes on where it stopped.
            Self::Store(error)
            | Self::Catalog(CatalogError::Store(error))
            | Self::File(ParquetFileError::Store(error)) => {
                error.is_retryable() || error.kind() == store::StoreErrorKind::Full
            }
            Self::Catalog(error) => error.is_retryable(),
            Self::File(_)
            | Self::Fenced { .. }
            | Self::Damaged { .. }
            | Self::Refused { .. }
            | Self::Lost { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use store::{StoreError, StoreErrorKind};

    use super::*;

    #[test]
    fn a_full_disk_is_waited_for_wherever_it_is_met() {
        let store = |kind| StoreError::new(kind, "write", "/x".to_owned(), "no space is left");
        let each = |kind| -> [SinkError; 3] {
            [
                store(kind).into(),
                CatalogError::from(store(kind)).into(),
                ParquetFileError::from(store(kind)).into(),
            ]
        };
        assert!(each(StoreErrorKind::Full).iter().all(SinkError::is_retryable));
        assert!(each(StoreErrorKind::Unavailable).iter().all(SinkError::is_retryable));
        assert!(!each(StoreErrorKind::Address).iter().any(SinkError::is_retryable));
    }
}
