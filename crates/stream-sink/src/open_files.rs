//! The data files that a Kafka partition's rows are collected in until they are committed.
//!
//! Rows of few partitions become large row groups in files that are open; rows of many partitions (a replay of years)
//! wait in memory. When that is short, the files of those that need most are opened early; beyond [`MAX_OPEN`] each of
//! them is completed at once, and its partition gets another one for what comes later. So neither the memory nor the
//! number of open files grows with the number of days.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use store::Location;
use warehouse::fault::reach;
use warehouse::parquet_file::{ParquetFile, ParquetFileError, WriteOptions};

use crate::entry::StagedFile;
use crate::fault;

/// Files that stay open between two writes. Each holds a connection, and on HDFS a buffer of a megabyte.
const MAX_OPEN: usize = 16;

/// The uncommitted rows of one Kafka partition.
#[derive(Default)]
pub(crate) struct OpenFiles {
    files: BTreeMap<(usize, String), OpenFile>,
    /// Those that are complete already.
    complete: Vec<StagedFile>,
    /// Tells apart the files of one commit.
    opened: u32,
}

#[derive(Default)]
struct OpenFile {
    /// Rows that are in no row group yet.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    file: Option<(String, ParquetFile)>,
}

/// Where files are made, and how they are called.
pub(crate) struct Staging<'a> {
    pub(crate) folder: &'a Location,
    /// The beginning of every name: unique for the commit.
    pub(crate) stem: &'a str,
    pub(crate) schemas: &'a [SchemaRef],
    pub(crate) rows_per_row_group: usize,
}

impl OpenFiles {
    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.complete.is_empty()
    }

    /// Bytes that wait in memory.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.files.values().map(|file| file.waiting_bytes).sum()
    }

    /// Adds rows of a partition of a table.
    pub(crate) fn write(
        &mut self,
        table: usize,
        partition: &str,
        rows: RecordBatch,
        staging: &Staging<'_>,
    ) -> Result<(), ParquetFileError> {
        let key = (table, partition.to_owned());
        let file = self.files.entry(key.clone()).or_default();
        file.waiting_rows += rows.num_rows();
        file.waiting_bytes += rows.get_array_memory_size();
        file.waiting.push(rows);
        if file.waiting_rows >= staging.rows_per_row_group {
            self.spill(&key, staging)?;
        }
        Ok(())
    }

    /// Writes the rows that take up most memory to their file.
    pub(crate) fn spill_largest(&mut self, staging: &Staging<'_>) -> Result<(), ParquetFileError> {
        let largest = self.files.iter().max_by_key(|(_, file)| file.waiting_bytes);
        let Some(key) = largest.map(|(key, _)| key.clone()) else { return Ok(()) };
        self.spill(&key, staging)
    }

    fn spill(
        &mut self,
        key: &(usize, String),
        staging: &Staging<'_>,
    ) -> Result<(), ParquetFileError> {
        let Some(file) = self.files.get_mut(key) else { return Ok(()) };
        file.spill(key.0, staging, &mut self.opened)?;
        if self.files.values().filter(|file| file.file.is_some()).count() > MAX_OPEN
            && let Some(file) = self.files.remove(key)
        {
            self.complete.extend(file.complete(key)?);
        }
        Ok(())
    }

    /// Completes all files. They are durable then, and nothing is open any more.
    pub(crate) fn finish(
        &mut self,
        staging: &Staging<'_>,
    ) -> Result<Vec<StagedFile>, ParquetFileError> {
        let files = std::mem::take(&mut self.files);
        let first = self.opened;
        self.opened += u32::try_from(files.len()).unwrap_or(u32::MAX);
        let last: Vec<StagedFile> = files
            .into_iter()
            .zip(first..)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|((key, mut open), mut number)| {
                open.spill(key.0, staging, &mut number)?;
                open.complete(&key)
            })
            .filter_map(Result::transpose)
            .collect::<Result<_, ParquetFileError>>()?;
        let mut complete = std::mem::take(&mut self.complete);
        complete.extend(last);
        Ok(complete)
    }
}

impl OpenFile {
    /// Completes the file, if there is one. All rows are in it.
    fn complete(self, key: &(usize, String)) -> Result<Option<StagedFile>, ParquetFileError> {
        let Some((name, file)) = self.file else { return Ok(None) };
        let info = file.finish()?;
        reach(fault::FILE_FINISHED);
        let (table, partition) = key.clone();
        Ok(Some(StagedFile { table, partition, name, rows: info.rows, bytes: info.bytes }))
    }

    fn spill(
        &mut self,
        table: usize,
        staging: &Staging<'_>,
        opened: &mut u32,
    ) -> Result<(), ParquetFileError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some((_, file)) => file,
            None => {
                let name = format!("{}-{opened}.parquet", staging.stem);
                *opened += 1;
                // Row groups end where this module says, not before.
                let options =
                    // Compaction writes the statistics of texts.
                    WriteOptions { rows_per_row_group: usize::MAX, text_statistics: false, ..WriteOptions::default() };
                let path = staging.folder.join(&name);
                let file = ParquetFile::create(&path, &staging.schemas[table], &options)?;
                reach(fault::FILE_CREATED);
                &mut self.file.insert((name, file)).1
            }
        };
        for rows in self.waiting.drain(..) {
            file.write(&rows)?;
        }
        file.end_row_group()?;
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        Ok(())
    }
}
