//! The files of a partition, ready to be asked for a customer.
//!
//! The tables are sorted by customer and have small pages and a page index, so a customer is in one page of one row group
//! of one file. Opening a file and reading its footer is what takes long; it is done once here. What is left is one round of
//! requests for the pages of all columns. Nothing relies on the order, though: an unsorted file costs more pages and gives the
//! same answer.

mod pages;

use std::ops::Range;

use arrow::array::{BooleanArray, Int64Array, Scalar};
use arrow::compute::kernels::cmp::eq;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowFilter,
    RowSelection, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use store::Location;
use warehouse::read::{self, CUSTOMER_ID, ParquetSource, ReadError, read_error};

use self::pages::{Held, Pages, total};

/// The open files of one partition of a table by customer.
#[derive(Debug)]
pub struct CustomerFiles {
    files: Vec<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: Location,
    source: ParquetSource,
    metadata: ArrowReaderMetadata,
    key: usize,
    /// What is read of a row.
    columns: ProjectionMask,
    /// Smallest and largest customer of each row group, where the footer says them.
    row_groups: Vec<Option<(i64, i64)>>,
    /// The bytes of those columns, if they are in memory.
    held: Option<Held>,
}

impl CustomerFiles {
    /// Opens `files`, those of one partition ([`warehouse::catalog::Catalog::data_files`]); `schema` is the table's. Of a row
    /// `columns` are read, in the table's order.
    ///
    /// # Errors
    /// [`ReadError::Gone`], which is worth a retry from the catalog on, [`ReadError::Store`], [`ReadError::Parquet`], and
    /// [`ReadError::NoKey`] for a table that is not by customer.
    pub fn open(
        files: &[Location],
        schema: &SchemaRef,
        columns: &[&str],
    ) -> Result<Self, ReadError> {
        let files = files.iter().map(|path| OpenFile::open(path, schema, columns));
        Ok(Self { files: files.collect::<Result<_, _>>()? })
    }

    /// Reads the columns asked for into memory, as they are in the files, if they have `most` bytes or fewer. Nothing else is
    /// asked of the store then. Not worth it on a local disk, which the operating system keeps in memory.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn hold(mut self, most: usize) -> Result<Self, ReadError> {
        let wanted: Vec<_> = self.files.iter().map(OpenFile::columns).collect();
        let bytes = wanted
            .iter()
            .flatten()
            .try_fold(0_u64, |sum, ranges| total(ranges).and_then(|bytes| sum.checked_add(bytes)));
        if bytes.is_some_and(|bytes| bytes <= most as u64) {
            for (file, groups) in self.files.iter_mut().zip(wanted) {
                file.hold(&groups).map_err(|e| read_error(&file.path, e))?;
            }
        }
        Ok(self)
    }

    /// The row of a customer, as a batch of one row with the columns asked for; `None` when there is none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn find(&self, customer_id: i64) -> Result<Option<RecordBatch>, ReadError> {
        for file in &self.files {
            if let Some(row) = file.find(customer_id).map_err(|e| read_error(&file.path, e))? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Number of customers.
    pub fn rows(&self) -> u64 {
        let rows = |file: &OpenFile| file.metadata.metadata().file_metadata().num_rows();
        self.files.iter().map(|file| u64::try_from(rows(file)).unwrap_or_default()).sum()
    }

    /// Bytes of memory that footers, indexes and columns that are held take.
    pub fn memory_bytes(&self) -> usize {
        let bytes = |file: &OpenFile| {
            let held = file.held.iter().flat_map(|held| held.iter()).map(|(_, bytes)| bytes.len());
            held.sum::<usize>()
                + file.metadata.metadata().memory_size()
                + file.row_groups.capacity() * size_of::<Option<(i64, i64)>>()
        };
        self.files.iter().map(bytes).sum()
    }
}

impl OpenFile {
    fn open(path: &Location, schema: &SchemaRef, columns: &[&str]) -> Result<Self, ReadError> {
        let source = read::open(path)?;
        let metadata = read::metadata(path, &source, schema, PageIndexPolicy::Optional)?;
        let key = metadata
            .parquet_schema()
            .columns()
            .iter()
            .position(|column| column.name() == CUSTOMER_ID)
            .filter(|_| {
                schema.field_with_name(CUSTOMER_ID).is_ok_and(|f| f.data_type() == &DataType::Int64)
            })
            .ok_or_else(|| ReadError::NoKey { path: path.clone() })?;
        let columns = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
        let groups = 0..metadata.metadata().num_row_groups();
        let row_groups = groups.map(|group| key_range(metadata.metadata(), group, key)).collect();
        Ok(Self { path: path.clone(), source, metadata, key, columns, row_groups, held: None })
    }

    fn reads(&self, leaf: usize) -> bool {
        leaf == self.key || self.columns.leaf_included(leaf)
    }

    /// Where what is read of rows is, by row group.
    fn columns(&self) -> Vec<Vec<Range<u64>>> {
        pages::columns(self.metadata.metadata(), |leaf| self.reads(leaf))
    }

    /// A row group at a time, so that what is on its way is little beside what is held.
    fn hold(&mut self, groups: &[Vec<Range<u64>>]) -> Result<(), ParquetError> {
        let mut held = Vec::new();
        for ranges in groups {
            held.extend(pages::read(&self.source, ranges)?);
        }
        held.sort_unstable_by_key(|(start, _)| *start);
        self.held = Some(held.into());
        Ok(())
    }

    fn find(&self, customer_id: i64) -> Result<Option<RecordBatch>, ParquetError> {
        for (group, range) in self.row_groups.iter().enumerate() {
            let may_hold = range.is_none_or(|(min, max)| (min..=max).contains(&customer_id));
            if may_hold && let Some(row) = self.find_in_row_group(group, customer_id)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn find_in_row_group(
        &self,
        group: usize,
        customer_id: i64,
    ) -> Result<Option<RecordBatch>, ParquetError> {
        let pages = pages_that_may_hold(self.metadata.metadata(), group, self.key, customer_id);
        if pages.as_ref().is_some_and(|pages| !pages.selects_any()) {
            return Ok(None);
        }
        // The key column is read first; the other columns then skip to the row that was found.
        let wanted = Scalar::new(Int64Array::from_value(customer_id, 1));
        let is_wanted =
            move |batch: RecordBatch| -> Result<BooleanArray, _> { eq(batch.column(0), &wanted) };
        let key_only = ProjectionMask::leaves(self.metadata.parquet_schema(), [self.key]);
        let filter = RowFilter::new(vec![Box::new(ArrowPredicateFn::new(key_only, is_wanted))]);
        let (source, metadata) = (&self.source, self.metadata.metadata());
        let source = match (&self.held, &pages) {
            (Some(held), _) => Pages::held(source, held),
            (None, Some(rows)) => {
                Pages::fetch(source, metadata, group, rows, |leaf| self.reads(leaf))?
            }
            (None, None) => Pages::none(source),
        };
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(self.columns.clone())
                .with_row_filter(filter);
        if let Some(pages) = pages {
            builder = builder.with_row_selection(pages);
        }
        for batch in builder.build()? {
            let batch = batch.map_err(|e| ParquetError::External(Box::new(e)))?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch.slice(0, 1)));
            }
        }
        Ok(None)
    }
}

/// Smallest and largest key of a row group; `None` when they are not known.
fn key_range(metadata: &ParquetMetaData, group: usize, key: usize) -> Option<(i64, i64)> {
    match metadata.row_group(group).column(key).statistics() {
        Some(Statistics::Int64(statistics)) => {
            Some((*statistics.min_opt()?, *statistics.max_opt()?))
        }
        _ => None,
    }
}

/// The rows of the pages whose smallest and largest key leave room for `customer_id`; `None` when the file has no page
/// index.
fn pages_that_may_hold(
    metadata: &ParquetMetaData,
    group: usize,
    key: usize,
    customer_id: i64,
) -> Option<RowSelection> {
    let ColumnIndexMetaData::INT64(index) = metadata.column_index()?.get(group)?.get(key)? else {
        return None;
    };
    let pages = metadata.offset_index()?.get(group)?.get(key)?.page_locations();
    let rows = metadata.row_group(group).num_rows();
    let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([rows]);
    let selectors =
        pages.iter().zip(ends).zip(index.min_values_iter().zip(index.max_values_iter()));
    let selectors = selectors.map(|((page, end), range)| {
        let n_rows = usize::try_from(end - page.first_row_index).unwrap_or_default();
        match range {
            (Some(min), Some(max)) if (*min..=*max).contains(&customer_id) => {
                RowSelector::select(n_rows)
            }
            // A page of nulls alone has no smallest key.
            _ => RowSelector::skip(n_rows),
        }
    });
    Some(RowSelection::from(selectors.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests;
