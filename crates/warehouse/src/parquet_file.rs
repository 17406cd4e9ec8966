//! Writes one Parquet file that Hive 3.1, Hive 4, Spark, Trino and DuckDB read alike.
//!
//! - Timestamps are INT96 and decimals FIXED_LEN_BYTE_ARRAY; why is said in `parquet_file/leaf_schema.rs`.
//! - `created_by` stays that of the library. One that starts with `parquet-mr` makes Hive shift INT96 timestamps by
//!   the zone of the JVM (`hive.parquet.timestamp.skip.conversion`).
//! - Statistics are exact: text is not shortened in them, and INT96 has none, because readers disagree on its order.
//! - Small pages, small row groups and the page index let a reader find one customer in a sorted file by reading a
//!   few kilobytes of each column.
//! - The bytes depend on the rows and the options alone: not on how the rows are batched, nor on the number of
//!   threads, nor on the time. There is nothing in the file that says when it was written.

mod encode_columns;
mod int96;
mod leaf_schema;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use store::{FileWriter, Location, StoreError};

use self::encode_columns::{EncodeError, encode_columns};
use crate::schema::SchemaError;

/// Up to this many bytes of distinct values a column is written as a dictionary and references into it. A look-up
/// has to read the dictionary whole, so it may not be larger than a handful of pages.
const MAX_DICTIONARY_BYTES: usize = 64 * 1024;

/// How a file is laid out.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Name of the column by which the rows are sorted, ascending, nulls first. The writer checks that they are, and
    /// says so in the file, where readers rely on it.
    pub sorted_by: Option<String>,
    /// Rows of a row group. A writer holds about one row group in memory.
    pub rows_per_row_group: usize,
    /// Rows of a data page, the least that a reader can read. A multiple of 1,024, else it is rounded up. A page is
    /// shorter where a dictionary or a megabyte is full.
    pub rows_per_page: usize,
    /// Whether texts have statistics (least and greatest value of a page and a row group). They are worth their time where
    /// readers can skip by them: not in small files that are replaced soon, with all values in each.
    pub text_statistics: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            sorted_by: None,
            rows_per_row_group: 65_536,
            rows_per_page: 4_096,
            text_statistics: true,
        }
    }
}

/// What a finished file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileInfo {
    /// Where it is.
    pub path: Location,
    /// Number of rows.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// A file being written. Dropped before [`ParquetFile::finish`], it removes what it wrote.
pub struct ParquetFile {
    path: Location,
    schema: SchemaRef,
    rows_per_row_group: usize,
    sort: Option<SortCheck>,
    writer: SerializedFileWriter<OpenFile>,
    columns: ArrowRowGroupWriterFactory,
    row_groups: usize,
    /// Rows that do not fill a row group yet.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    rows: u64,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ParquetFileError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The Parquet library refused.
    #[error("cannot encode '{}'", path)]
    Parquet {
        /// The file.
        path: Location,
        /// What the library said.
        source: ParquetError,
    },
    /// A column type that has no place in a Hive table.
    #[error("cannot write '{}' with this schema", path)]
    Schema {
        /// The file.
        path: Location,
        /// The column and its type.
        source: SchemaError,
    },
    /// Rows that do not have the columns of the file.
    #[error("rows for '{}' do not fit the table: {problem}", path)]
    Columns {
        /// The file.
        path: Location,
        /// The first difference.
        problem: String,
    },
    /// A value that its column cannot hold.
    #[error("cannot write '{}': column '{column}': {problem}", path)]
    Value {
        /// The file.
        path: Location,
        /// The column.
        column: String,
        /// The value and its limit.
        problem: String,
    },
    /// Rows out of the order that was promised.
    #[error("rows for '{}' are not sorted by '{column}': see row {row}", path)]
    NotSorted {
        /// The file.
        path: Location,
        /// The column.
        column: String,
        /// The first row that is smaller than the one before, from 0.
        row: u64,
    },
}

impl ParquetFileError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

impl ParquetFile {
    /// Creates the file. It must not exist, its folder must.
    ///
    /// # Errors
    /// [`ParquetFileError::Store`] when it exists or cannot be created, [`ParquetFileError::Schema`] for column types
    /// outside [`crate::schema`], [`ParquetFileError::Columns`] when `sorted_by` names no column.
    pub fn create(
        path: &Location,
        schema: &SchemaRef,
        options: &WriteOptions,
    ) -> Result<Self, ParquetFileError> {
        let columns = leaf_schema::hive_columns(schema)
            .map_err(|source| ParquetFileError::Schema { path: path.clone(), source })?;
        let layout = leaf_schema::parquet_schema(&columns).map_err(|e| parquet_error(path, e))?;
        let sort = options.sorted_by.as_deref().map(|name| SortCheck::new(path, schema, name));
        let sort = sort.transpose()?;
        let properties = Arc::new(properties(schema, options, sort.as_ref()));
        let file = path.create()?;
        let writer = SerializedFileWriter::new(OpenFile(Some(file)), layout, properties)
            .map_err(|e| parquet_error(path, e))?;
        Ok(Self {
            path: path.clone(),
            schema: schema.clone(),
            rows_per_row_group: options.rows_per_row_group.max(1),
            sort,
            columns: ArrowRowGroupWriterFactory::new(&writer, schema.clone()),
            writer,
            row_groups: 0,
            pending: Vec::new(),
            pending_rows: 0,
            rows: 0,
        })
    }

    /// Adds rows. They reach the disk a row group at a time.
    ///
    /// # Errors
    /// [`ParquetFileError::Columns`] when names or types differ from the file's, [`ParquetFileError::Value`],
    /// [`ParquetFileError::NotSorted`], and [`ParquetFileError::Store`], for instance on a full disk. After an error
    /// the file is of no use any more.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetFileError> {
        self.check_columns(batch)?;
        let mut offset = 0;
        while offset < batch.num_rows() {
            let room = self.rows_per_row_group - self.pending_rows;
            let taken = room.min(batch.num_rows() - offset);
            self.pending.push(batch.slice(offset, taken));
            self.pending_rows += taken;
            offset += taken;
            if self.pending_rows == self.rows_per_row_group {
                self.write_row_group()?;
            }
        }
        Ok(())
    }

    /// Writes the rows that are held in memory as a row group of their own, however few they are.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn end_row_group(&mut self) -> Result<(), ParquetFileError> {
        if self.pending_rows == 0 { Ok(()) } else { self.write_row_group() }
    }

    /// Rows given to [`Self::write`] so far.
    pub fn rows(&self) -> u64 {
        self.rows + self.pending_rows as u64
    }

    /// Writes what is left and the footer, and waits until all of it is on the disk.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn finish(mut self) -> Result<FileInfo, ParquetFileError> {
        if self.pending_rows > 0 {
            self.write_row_group()?;
        }
        let Self { path, mut writer, rows, .. } = self;
        // Not `into_inner`, which turns an error of the store into a text when it writes out its last buffer.
        writer.finish().map_err(|e| parquet_error(&path, e))?;
        let Some(file) = writer.inner_mut().0.take() else {
            let problem = ParquetError::General("it was completed before".to_owned());
            return Err(parquet_error(&path, problem));
        };
        let bytes = file.finish()?;
        Ok(FileInfo { path, rows, bytes })
    }

    fn check_columns(&self, batch: &RecordBatch) -> Result<(), ParquetFileError> {
        let given = batch.schema_ref();
        let difference = |problem| ParquetFileError::Columns { path: self.path.clone(), problem };
        for (index, field) in self.schema.fields().iter().enumerate() {
            let Some(found) = given.fields().get(index) else {
                return Err(difference(format!("column '{}' is missing", field.name())));
            };
            if found.name() != field.name() || found.data_type() != field.data_type() {
                return Err(difference(format!(
                    "column {} is '{}' {}, expected '{}' {}",
                    index + 1,
                    found.name(),
                    found.data_type(),
                    field.name(),
                    field.data_type()
                )));
            }
        }
        match given.fields().get(self.schema.fields().len()) {
            Some(extra) => Err(difference(format!("column '{}' is not expected", extra.name()))),
            None => Ok(()),
        }
    }

    fn write_row_group(&mut self) -> Result<(), ParquetFileError> {
        let batches = std::mem::take(&mut self.pending);
        if let Some(sort) = &mut self.sort {
            sort.check(&self.path, self.rows, &batches)?;
        }
        let path = &self.path;
        let writers = self
            .columns
            .create_column_writers(self.row_groups)
            .map_err(|e| parquet_error(path, e))?;
        let encoded =
            encode_columns(&self.schema, writers, &batches).map_err(|error| match error {
                EncodeError::Parquet(error) => parquet_error(path, error),
                EncodeError::Value { column, problem } => {
                    ParquetFileError::Value { path: path.clone(), column, problem }
                }
            })?;
        let mut row_group = self.writer.next_row_group().map_err(|e| parquet_error(path, e))?;
        for column in encoded {
            column.append_to(&mut row_group).map_err(|e| parquet_error(path, e))?;
        }
        row_group.close().map_err(|e| parquet_error(path, e))?;
        self.row_groups += 1;
        self.rows += self.pending_rows as u64;
        self.pending_rows = 0;
        Ok(())
    }
}

/// What the library writes to; taken out of it when the file is complete.
struct OpenFile(Option<Box<dyn FileWriter>>);

impl io::Write for OpenFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(file) => file.write(buf),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

/// Holds the rows against the order the file promises.
struct SortCheck {
    column: String,
    index: usize,
    /// The last value seen, as an array of one.
    last: Option<ArrayRef>,
}

impl SortCheck {
    const ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

    fn new(path: &Location, schema: &SchemaRef, column: &str) -> Result<Self, ParquetFileError> {
        let index = schema.index_of(column).map_err(|_| ParquetFileError::Columns {
            path: path.clone(),
            problem: format!("there is no column '{column}' to sort by"),
        })?;
        Ok(Self { column: column.to_owned(), index, last: None })
    }

    /// `first_row` is the number of the first row of `batches` within the file.
    fn check(
        &mut self,
        path: &Location,
        first_row: u64,
        batches: &[RecordBatch],
    ) -> Result<(), ParquetFileError> {
        let mut row = first_row;
        for values in batches.iter().map(|batch| batch.column(self.index)) {
            let last = self.last.take().unwrap_or_else(|| values.slice(0, 1));
            let compare = |left, right| {
                make_comparator(left, right, Self::ORDER)
                    .map_err(|e| parquet_error(path, ParquetError::External(Box::new(e))))
            };
            let with_last = compare(&last, values)?;
            let within = compare(values, values)?;
            let is_wrong = |i: usize| match i {
                0 => with_last(0, 0).is_gt(),
                _ => within(i - 1, i).is_gt(),
            };
            if let Some(wrong) = (0..values.len()).find(|&i| is_wrong(i)) {
                return Err(ParquetFileError::NotSorted {
                    path: path.clone(),
                    column: self.column.clone(),
                    row: row + wrong as u64,
                });
            }
            row += values.len() as u64;
            self.last = Some(values.slice(values.len() - 1, 1));
        }
        Ok(())
    }
}

fn properties(
    schema: &SchemaRef,
    options: &WriteOptions,
    sort: Option<&SortCheck>,
) -> WriterProperties {
    // The library looks at the page limit after each batch of this size.
    const WRITE_BATCH: usize = 1_024;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_write_batch_size(WRITE_BATCH)
        .set_data_page_row_count_limit(options.rows_per_page.max(1))
        .set_dictionary_page_size_limit(MAX_DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(None)
        .set_column_index_truncate_length(None);
    for field in schema.fields() {
        let plain_text = field.data_type() == &DataType::Utf8 && !options.text_statistics;
        if plain_text || leaf_schema::is_int96(field.data_type()) {
            let column = ColumnPath::from(field.name().as_str());
            builder = builder.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
        // Doubles here are measurements: hardly two are equal, and looking for equal ones takes time.
        if field.data_type() == &DataType::Float64 {
            let column = ColumnPath::from(field.name().as_str());
            builder = builder.set_column_dictionary_enabled(column, false);
        }
    }
    if let Some(sort) = sort {
        // The key of a sorted table: next to no value comes twice.
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(sort.column.as_str()), false)
            .set_sorting_columns(Some(vec![SortingColumn {
                column_idx: sort.index as i32,
                descending: SortCheck::ORDER.descending,
                nulls_first: SortCheck::ORDER.nulls_first,
            }]));
    }
    builder.build()
}

/// Finds the store's own error below the library's, so that a full disk is reported as one.
fn parquet_error(path: &Location, error: ParquetError) -> ParquetFileError {
    let path = path.clone();
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => StoreError::from_io("write", path.to_string(), *source).into(),
            Err(other) => ParquetFileError::Parquet { path, source: ParquetError::External(other) },
        },
        source => ParquetFileError::Parquet { path, source },
    }
}
