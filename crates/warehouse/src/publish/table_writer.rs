//! Writes the files of one table into the run's own directory.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use store::Location;

use super::PublishError;
use super::sweep::SUCCESS;
use crate::catalog_state::DataFile;
use crate::fault;
use crate::parquet_file::{ParquetFile, WriteOptions};

/// Rows of a data file. Fixed, so that the files depend on the rows alone.
pub const ROWS_PER_FILE: u64 = 1_000_000;

/// Writes one table of a publication: `part-00000.parquet`, `part-00001.parquet`, ..., then `_SUCCESS`.
///
/// Rows keep their order, over the files too.
pub struct TableWriter {
    table: String,
    directory: Location,
    schema: SchemaRef,
    options: WriteOptions,
    current: Option<ParquetFile>,
    files: Vec<DataFile>,
}

/// A table whose files are complete and on the disk, but not published yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrittenTable {
    pub(super) table: String,
    pub(super) files: Vec<DataFile>,
}

impl WrittenTable {
    /// Number of rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl TableWriter {
    /// Creates the run's directory `directory`, which must not exist.
    pub(super) fn create(
        table: String,
        directory: Location,
        schema: SchemaRef,
        options: WriteOptions,
    ) -> Result<Self, PublishError> {
        directory.create_dir()?;
        fault::reach(fault::RUN_DIRECTORY_CREATED);
        Ok(Self { table, directory, schema, options, current: None, files: Vec::new() })
    }

    /// Adds rows. They must have exactly the columns of the table, without the partition key.
    ///
    /// # Errors
    /// [`PublishError::File`]; the publication is then to be given up.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), PublishError> {
        let mut offset = 0;
        while offset < batch.num_rows() {
            let file = match &mut self.current {
                Some(file) => file,
                none => none.insert(open_file(
                    &self.directory,
                    self.files.len(),
                    &self.schema,
                    &self.options,
                )?),
            };
            let room = usize::try_from(ROWS_PER_FILE - file.rows()).unwrap_or(usize::MAX);
            let taken = room.min(batch.num_rows() - offset);
            file.write(&batch.slice(offset, taken))?;
            offset += taken;
            if file.rows() == ROWS_PER_FILE {
                self.finish_file()?;
            }
        }
        Ok(())
    }

    /// Completes the files and brings everything to the disk. A table without rows gets one file without rows, since
    /// some readers cannot tell the columns of a folder without files.
    ///
    /// # Errors
    /// [`PublishError::File`], [`PublishError::Store`].
    pub fn finish(mut self) -> Result<WrittenTable, PublishError> {
        if self.files.is_empty() && self.current.is_none() {
            self.current = Some(open_file(&self.directory, 0, &self.schema, &self.options)?);
        }
        self.finish_file()?;
        fault::reach(fault::DATA_FILES_FINISHED);
        self.directory.join(SUCCESS).write(b"")?;
        fault::reach(fault::TABLE_WRITTEN);
        Ok(WrittenTable { table: self.table, files: self.files })
    }

    fn finish_file(&mut self) -> Result<(), PublishError> {
        if let Some(file) = self.current.take() {
            let info = file.finish()?;
            fault::reach(fault::DATA_FILE_FINISHED);
            self.files.push(DataFile {
                name: file_name(self.files.len()),
                rows: info.rows,
                bytes: info.bytes,
            });
        }
        Ok(())
    }
}

fn open_file(
    directory: &Location,
    number: usize,
    schema: &SchemaRef,
    options: &WriteOptions,
) -> Result<ParquetFile, PublishError> {
    let file = ParquetFile::create(&directory.join(&file_name(number)), schema, options)?;
    fault::reach(fault::DATA_FILE_CREATED);
    Ok(file)
}

fn file_name(number: usize) -> String {
    format!("part-{number:05}.parquet")
}
