//! What can end a scan. Bad rows never do.

use std::io;

use store::{Location, StoreError, StoreErrorKind};
use thiserror::Error;

/// Why the input as a whole cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CsvError {
    /// Nothing is there.
    #[error("input {path:?} does not exist; give a CSV file, a folder or a glob")]
    NotFound {
        /// As the user gave it.
        path: String,
    },
    /// A folder or glob without CSV files.
    #[error(
        "{what} {path:?} holds no CSV file (names ending in .csv or .csv.gz, not starting with . or _)"
    )]
    NoFiles {
        /// `folder` or `glob`.
        what: &'static str,
        /// As the user gave it.
        path: String,
    },
    /// The glob does not parse.
    #[error("input {path:?} is not a valid glob")]
    Glob {
        /// As the user gave it.
        path: String,
        /// Where it fails.
        #[source]
        source: glob::PatternError,
    },
    /// Neither a file nor a folder.
    #[error("input {path:?} is neither a file nor a folder")]
    NotAFile {
        /// The path.
        path: Location,
    },
    /// The store refused something other than reading on in a file; the message names the path.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed in the middle of a file, which the source names.
    #[error("reading stopped at byte {offset}")]
    Read {
        /// Position in the file (compressed bytes for gzip).
        offset: u64,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// A gzip stream that is cut or damaged.
    #[error(
        "{path:?} is damaged: its gzip stream fails after {bytes} bytes of CSV; copy the file again"
    )]
    Gzip {
        /// The file.
        path: Location,
        /// Bytes decompressed before the damage.
        bytes: u64,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// Shorter than it was when the scan began.
    #[error(
        "{path:?} became shorter while it was read (at byte {offset}); give a file that is complete"
    )]
    Changed {
        /// The file.
        path: Location,
        /// Where the read began that found too little (compressed bytes for gzip).
        offset: u64,
    },
    /// Not the file that it was when its lines were counted.
    #[error(
        "{path:?} was changed while it was read: it has other lines than were counted; give a file that is complete"
    )]
    OtherLines {
        /// The file.
        path: Location,
    },
    /// No byte in any file.
    #[error("{path:?} is empty: it has not even a header line")]
    Empty {
        /// The file.
        path: Location,
    },
    /// The header line goes on and on.
    #[error("{path:?} has a first line of more than {limit} bytes; that is no header")]
    LongHeader {
        /// The file.
        path: Location,
        /// The longest header that is read.
        limit: usize,
    },
    /// A needed column is not in the header.
    #[error("{path:?} has no column {column}; its header line is: {header}")]
    MissingColumn {
        /// The file.
        path: Location,
        /// The column and the spellings looked for.
        column: String,
        /// The header found, shortened.
        header: String,
    },
    /// A needed column is in the header twice.
    #[error("{path:?} has column {column} twice; its header line is: {header}")]
    DuplicateColumn {
        /// The file.
        path: Location,
        /// The column.
        column: String,
        /// The header found, shortened.
        header: String,
    },
    /// The rejects file, which the source names, cannot be written.
    #[error("cannot keep the rejected rows")]
    Rejects(#[source] StoreError),
    /// Arrow refused a batch; a fault of this program.
    #[error("cannot build a batch of order runs")]
    Batch(#[from] arrow::error::ArrowError),
}

impl CsvError {
    /// Whether the same scan may succeed later without anybody doing anything: the store could not be reached.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) | Self::Read { source: error, .. } | Self::Rejects(error) => {
                error.is_retryable()
            }
            _ => false,
        }
    }

    /// Of a read of `path` that began at `offset`.
    pub(crate) fn of_read(path: &Location, offset: u64, source: StoreError) -> Self {
        match source.kind() {
            StoreErrorKind::Truncated => Self::Changed { path: path.clone(), offset },
            _ => Self::Read { offset, source },
        }
    }
}
