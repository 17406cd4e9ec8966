//! What can end a scan. Bad rows never do.

use std::io;
use std::path::PathBuf;

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
    /// The scheme is not one that this build reads.
    #[error("input {path:?}: cannot read {scheme:?} addresses; give a local path or file: address")]
    Scheme {
        /// As the user gave it.
        path: String,
        /// The part before the colon.
        scheme: String,
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
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read {path:?} at byte {offset}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Position in the file (compressed bytes for gzip).
        offset: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A gzip stream that is cut or damaged.
    #[error(
        "{path:?} is damaged: its gzip stream fails after {bytes} bytes of CSV; copy the file again"
    )]
    Gzip {
        /// The file.
        path: PathBuf,
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
        path: PathBuf,
        /// First byte that is gone.
        offset: u64,
    },
    /// No byte in any file.
    #[error("{path:?} is empty: it has not even a header line")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The header line goes on and on.
    #[error("{path:?} has a first line of more than {limit} bytes; that is no header")]
    LongHeader {
        /// The file.
        path: PathBuf,
        /// The longest header that is read.
        limit: usize,
    },
    /// A needed column is not in the header.
    #[error("{path:?} has no column {column}; its header line is: {header}")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column and the spellings looked for.
        column: String,
        /// The header found, shortened.
        header: String,
    },
    /// A needed column is in the header twice.
    #[error("{path:?} has column {column} twice; its header line is: {header}")]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The header found, shortened.
        header: String,
    },
    /// The rejects file cannot be written.
    #[error("cannot write rejects file {path:?}")]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Arrow refused a batch; a fault of this program.
    #[error("cannot build a batch of order runs")]
    Batch(#[from] arrow::error::ArrowError),
}
