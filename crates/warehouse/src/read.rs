//! Reads published files back.
//!
//! ```no_run
//! use warehouse::catalog::Catalog;
//! use warehouse::local_catalog::LocalCatalog;
//! use warehouse::read::read_files;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalog = LocalCatalog::new("/data/warehouse");
//! // One reading of the catalog: everything that is read through it belongs to one snapshot.
//! let state = catalog.load()?;
//! if let Some((table, partition)) = state.resolve_view("default.ecom_user_segments_current") {
//!     let files = catalog.data_files(partition)?;
//!     for batch in read_files(files, table.arrow_schema()) {
//!         println!("{} rows", batch?.num_rows());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::{ChunkReader, Length};
use store::{Location, ReadAt, StoreError, StoreErrorKind};

/// The column that holds the customer's number in every table by customer.
pub const CUSTOMER_ID: &str = "customer_id";
/// Most rows of a batch that is read.
const BATCH_ROWS: usize = 8_192;
/// About the most bytes of a batch: a message that was rejected may be large.
const BATCH_BYTES: i64 = 64 << 20;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file was there when the catalog was read, and is not any more. Worth a retry, from the catalog on.
    #[error(
        "'{}' is gone: a newer run has replaced it and the time to keep old runs is over; read the catalog again",
        path
    )]
    Gone {
        /// The file.
        path: Location,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is not what the table says, or is damaged.
    #[error("cannot read '{}' as a file of this table", path)]
    Parquet {
        /// The file.
        path: Location,
        /// What the library said.
        source: ParquetError,
    },
    /// A look-up by customer in a table that has no customers.
    #[error(
        "cannot look up a customer in '{}': it has no column '{CUSTOMER_ID}' of type BIGINT",
        path
    )]
    NoKey {
        /// The file.
        path: Location,
    },
    /// A column was asked for that the file does not have.
    #[error("cannot read the column '{column}' of '{path}': it has none of that name")]
    NoColumn {
        /// The file.
        path: Location,
        /// The column asked for.
        column: String,
    },
}

impl ReadError {
    /// Whether reading the catalog and then the files again may succeed without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Gone { .. } => true,
            Self::Store(error) => error.is_retryable(),
            Self::Parquet { .. } | Self::NoKey { .. } | Self::NoColumn { .. } => false,
        }
    }
}

/// All rows of some files, in order, with all columns or some.
///
/// Timestamps come as microseconds since 1970 UTC, also those that are INT96 in the file. Nothing after an error.
pub struct Rows {
    schema: SchemaRef,
    /// Names of the columns that are read; `None` for all.
    columns: Option<Vec<String>>,
    files: std::vec::IntoIter<Location>,
    current: Option<(Location, ParquetRecordBatchReader)>,
}

/// Reads all rows of `files`, which must have the columns of `schema`. A file is opened when its turn comes.
///
/// # Errors
/// The items are [`ReadError::Gone`] for a file that does not exist, [`ReadError::Store`], and [`ReadError::Parquet`] for
/// a damaged file or other columns.
pub fn read_files(files: Vec<Location>, schema: SchemaRef) -> Rows {
    Rows { schema, columns: None, files: files.into_iter(), current: None }
}

/// Reads some columns of `files`; the others are skipped, not read and dropped. `schema` is that of all columns. The
/// batches have the columns in the order of `schema`, whatever the order of `columns`.
///
/// Where `schema` gives a column of text the type `Dictionary(Int32, Utf8)`, it comes as that: each text once, as the
/// writer has put it into the file.
///
/// # Errors
/// As [`read_files`], and [`ReadError::NoColumn`].
pub fn read_columns(files: Vec<Location>, schema: SchemaRef, columns: &[&str]) -> Rows {
    let columns = Some(columns.iter().map(|&name| name.to_owned()).collect());
    Rows { schema, columns, files: files.into_iter(), current: None }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read_next().transpose();
        if matches!(item, Some(Err(_))) {
            self.current = None;
            self.files = Vec::new().into_iter();
        }
        item
    }
}

impl Rows {
    fn read_next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        loop {
            if let Some((path, reader)) = &mut self.current {
                match reader.next() {
                    Some(Ok(batch)) => return Ok(Some(batch)),
                    Some(Err(e)) => {
                        return Err(read_error(path, ParquetError::External(Box::new(e))));
                    }
                    None => self.current = None,
                }
            }
            let Some(path) = self.files.next() else { return Ok(None) };
            let file = open(&path)?;
            let metadata = metadata(&path, &file, &self.schema, PageIndexPolicy::Skip)?;
            let projection = self.projection(&path, &metadata)?;
            let rows = batch_rows(&metadata);
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_batch_size(rows)
                .with_projection(projection)
                .build()
                .map_err(|e| read_error(&path, e))?;
            self.current = Some((path, reader));
        }
    }

    fn projection(
        &self,
        path: &Location,
        metadata: &ArrowReaderMetadata,
    ) -> Result<ProjectionMask, ReadError> {
        let Some(columns) = &self.columns else { return Ok(ProjectionMask::all()) };
        let present = metadata.schema();
        match columns.iter().find(|name| present.field_with_name(name).is_err()) {
            Some(column) => Err(ReadError::NoColumn { path: path.clone(), column: column.clone() }),
            None => {
                let names = columns.iter().map(String::as_str);
                Ok(ProjectionMask::columns(metadata.parquet_schema(), names))
            }
        }
    }
}

/// Rows of a batch, by the size of the file's rows.
fn batch_rows(metadata: &ArrowReaderMetadata) -> usize {
    let groups = metadata.metadata().row_groups();
    let largest =
        groups.iter().map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    let rows = BATCH_BYTES / largest.unwrap_or_default().max(1);
    usize::try_from(rows).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
}

/// Opens a data file.
///
/// # Errors
/// [`ReadError::Gone`] when it is not there any more, [`ReadError::Store`].
pub fn open(path: &Location) -> Result<ParquetSource, ReadError> {
    match path.open() {
        Ok(file) => Ok(ParquetSource(file)),
        Err(error) if error.kind() == StoreErrorKind::NotFound => {
            Err(ReadError::Gone { path: path.clone() })
        }
        Err(error) => Err(error.into()),
    }
}

/// An open file as the Parquet library wants it.
#[derive(Clone, Debug)]
pub struct ParquetSource(Arc<dyn ReadAt>);

/// Reads on from a position of an open file.
#[derive(Debug)]
pub struct ReadFrom {
    file: Arc<dyn ReadAt>,
    position: u64,
}

impl ParquetSource {
    /// The bytes of each range; see [`ReadAt::read_ranges`].
    ///
    /// # Errors
    /// [`ParquetError::External`], for [`read_error`].
    pub fn ranges(&self, ranges: &[Range<u64>]) -> parquet::errors::Result<Vec<Bytes>> {
        let read = self.0.read_ranges(ranges).map_err(StoreError::into_io)?;
        Ok(read.into_iter().map(Bytes::from).collect())
    }
}

impl Length for ParquetSource {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for ParquetSource {
    type T = BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(ReadFrom { file: self.0.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, start).map_err(|e| e.into_io())?;
        Ok(bytes.into())
    }
}

impl Read for ReadFrom {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.file.size().saturating_sub(self.position);
        let length = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.file.read_exact_at(&mut buf[..length], self.position).map_err(StoreError::into_io)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// The footer, with the schema the caller expects. Without it, INT96 would be read as nanoseconds, which overflow
/// before 1677 and after 2262.
///
/// # Errors
/// As [`read_error`] tells them.
pub fn metadata(
    path: &Location,
    file: &ParquetSource,
    schema: &SchemaRef,
    page_index: PageIndexPolicy,
) -> Result<ArrowReaderMetadata, ReadError> {
    let options =
        ArrowReaderOptions::new().with_schema(schema.clone()).with_page_index_policy(page_index);
    ArrowReaderMetadata::load(file, options).map_err(|e| read_error(path, e))
}

/// What the Parquet library says of a file, or the store below it.
pub fn read_error(path: &Location, error: ParquetError) -> ReadError {
    let path = path.clone();
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => StoreError::from_io("read", path.to_string(), *source).into(),
            Err(other) => ReadError::Parquet { path, source: ParquetError::External(other) },
        },
        source => ReadError::Parquet { path, source },
    }
}
