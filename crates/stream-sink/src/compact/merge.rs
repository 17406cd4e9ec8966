//! Writes the rows of a partition again, into files of the size that was asked for.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use store::{Entry, Location};
use warehouse::fault::reach;
use warehouse::parquet_file::{FileInfo, ParquetFile, ParquetFileError, WriteOptions};
use warehouse::read::{ReadError, read_columns, read_files};
use warehouse::run_id::RunId;

use super::{Run, visible};
use crate::error::SinkError;
use crate::fault;

/// In a folder whose files are not all there yet.
pub(super) const INCOMPLETE: &str = "_incomplete";
/// Rows of a row group, unless they are large.
const ROW_GROUP_ROWS: usize = 131_072;
/// Bytes in memory at which a row group ends.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A partition whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) partition: String,
    /// Where it is, relative to the warehouse.
    pub(super) from: String,
    /// How often it was tried, from 1.
    pub(super) attempt: u32,
}

/// A partition whose new files are complete.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) candidate: Candidate,
    /// The folder of the new files, relative to the warehouse.
    pub(super) to: String,
    /// Names of the files whose rows are in them.
    pub(super) files: BTreeSet<String>,
    /// Whether a record says so already.
    pub(super) is_recorded: bool,
    pub(super) rows: u64,
    pub(super) bytes_before: u64,
    pub(super) files_after: u64,
    pub(super) bytes_after: u64,
}

/// What has become of the attempt.
pub(super) enum Merged {
    Ready(Ready),
    /// A file has gone meanwhile.
    Changed,
    /// The files are not what they should be.
    Refused(String),
    /// As asked for.
    Stopped,
}

impl Run<'_> {
    /// Writes the rows of a partition into a new folder.
    pub(super) fn merge(&self, candidate: &Candidate) -> Result<Merged, SinkError> {
        let Candidate { partition, from, .. } = candidate;
        let from = self.layout.folder(from);
        let inputs = visible(&from)?;
        if let Some(other) = inputs.iter().find(|e| !e.is_file || !e.name.ends_with(".parquet")) {
            let reason = format!("'{}' in '{from}' is no Parquet file; remove it", other.name);
            return Ok(Merged::Refused(reason));
        }
        self.check()?;
        let to = format!("{}/{}", self.compacted(partition), RunId::new(self.now));
        let folder = self.layout.folder(&to);
        let merged = self.merge_into(&from, &folder, &inputs);
        if !matches!(merged, Ok(Written::Whole(..))) {
            self.discard(&to);
        }
        Ok(match merged? {
            Written::Whole(rows, written) => Merged::Ready(Ready {
                candidate: candidate.clone(),
                to,
                files: inputs.iter().map(|input| input.name.clone()).collect(),
                is_recorded: false,
                rows,
                bytes_before: inputs.iter().map(|input| input.size).sum(),
                files_after: written.len() as u64,
                bytes_after: written.iter().map(|file| file.bytes).sum(),
            }),
            Written::Changed => Merged::Changed,
            Written::Refused(reason) => Merged::Refused(reason),
            Written::Stopped => Merged::Stopped,
        })
    }

    fn merge_into(
        &self,
        from: &Location,
        folder: &Location,
        inputs: &[Entry],
    ) -> Result<Written, SinkError> {
        folder.join(INCOMPLETE).write(b"")?;
        reach(fault::COMPACT_BEGUN);
        let schema = self.table.arrow_schema();
        let mut output = Output::new(folder.clone(), schema.clone(), self.options.target_bytes);
        let mut rows = 0;
        for input in inputs {
            if (self.stop)() {
                return Ok(Written::Stopped);
            }
            output.begin_input(input.size)?;
            for batch in read_files(vec![from.join(&input.name)], schema.clone()) {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => return refused(error),
                };
                rows += batch.num_rows() as u64;
                output.write(&batch)?;
            }
        }
        let written = output.finish()?;
        // What can be read of them now, not what was given to the writer.
        let found = match count_rows(written.iter().map(|file| file.path.clone()), &schema) {
            Ok(found) => found,
            Err(error) => return refused(error),
        };
        if found != rows {
            let reason = format!("{rows} rows were read from '{from}', but {found} written");
            return Ok(Written::Refused(reason));
        }
        reach(fault::COMPACT_MERGED);
        Ok(Written::Whole(rows, written))
    }

    /// Removes new files that no record names. What is left of them is removed by the next run.
    pub(super) fn discard(&self, to: &str) {
        let folder = self.layout.folder(to);
        if let Err(error) = folder.remove_tree() {
            tracing::warn!(%error, "left to the next run");
        }
    }
}

/// What has become of the new files.
enum Written {
    /// All rows are in them: how many.
    Whole(u64, Vec<FileInfo>),
    Changed,
    Refused(String),
    Stopped,
}

/// The rows of `files`, by reading a column of each.
pub(super) fn count_rows(
    files: impl Iterator<Item = Location>,
    schema: &SchemaRef,
) -> Result<u64, ReadError> {
    let columns: Vec<&str> =
        schema.fields().last().map(|f| f.name().as_str()).into_iter().collect();
    let batches = read_columns(files.collect(), schema.clone(), &columns);
    batches.map(|batch| Ok(batch?.num_rows() as u64)).sum()
}

/// A file that cannot be read keeps its partition from being compacted, and no other one.
fn refused(error: ReadError) -> Result<Written, SinkError> {
    match error {
        ReadError::Gone { .. } => Ok(Written::Changed),
        ReadError::Store(error) => Err(error.into()),
        error => {
            let mut reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                reason.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            Ok(Written::Refused(reason))
        }
    }
}

/// Files of about the size that is asked for, one after the other.
struct Output {
    folder: Location,
    schema: SchemaRef,
    target_bytes: u64,
    file: Option<ParquetFile>,
    /// Size of the old files whose rows are in `file`.
    bytes: u64,
    waiting_rows: usize,
    waiting_bytes: usize,
    finished: Vec<FileInfo>,
}

impl Output {
    fn new(folder: Location, schema: SchemaRef, target_bytes: u64) -> Self {
        Self {
            folder,
            schema,
            target_bytes,
            file: None,
            bytes: 0,
            waiting_rows: 0,
            waiting_bytes: 0,
            finished: Vec::new(),
        }
    }

    /// Begins another file if the rows of an old file of this size would make the present one too large.
    fn begin_input(&mut self, bytes: u64) -> Result<(), ParquetFileError> {
        if self.bytes > 0 && self.bytes + bytes > self.target_bytes {
            self.finish_file()?;
        }
        self.bytes += bytes;
        if self.file.is_none() {
            // Row groups end where this module says, not before.
            let options =
                WriteOptions { rows_per_row_group: usize::MAX, ..WriteOptions::default() };
            let path = self.folder.join(&format!("part-{:05}.parquet", self.finished.len()));
            self.file = Some(ParquetFile::create(&path, &self.schema, &options)?);
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetFileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(batch)?;
        self.waiting_rows += batch.num_rows();
        self.waiting_bytes += batch.get_array_memory_size();
        if self.waiting_rows >= ROW_GROUP_ROWS || self.waiting_bytes >= ROW_GROUP_BYTES {
            file.end_row_group()?;
            (self.waiting_rows, self.waiting_bytes) = (0, 0);
        }
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), ParquetFileError> {
        if let Some(file) = self.file.take() {
            self.finished.push(file.finish()?);
            reach(fault::COMPACT_FILE_FINISHED);
        }
        (self.bytes, self.waiting_rows, self.waiting_bytes) = (0, 0, 0);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<FileInfo>, ParquetFileError> {
        self.finish_file()?;
        Ok(self.finished)
    }
}
