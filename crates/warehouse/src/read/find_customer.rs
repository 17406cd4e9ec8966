//! Finds one customer by reading a few pages.
//!
//! The tables are sorted by customer, so a customer is in one page of one row group of one file. The footer of each
//! file says which row groups can hold the number; the page index says which pages of it; only these pages of each
//! column are read. Nothing relies on the order, though: an unsorted file costs more pages and gives the same answer.

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

use super::{ParquetSource, ReadError, metadata, open, read_error};

/// The column that holds the customer's number in every table by customer.
pub const CUSTOMER_ID: &str = "customer_id";

/// The row of a customer, as a batch of one row with the columns of `schema`; `None` when there is none.
///
/// `files` are those of one partition ([`crate::catalog::Catalog::data_files`]), `schema` is the table's
/// ([`crate::catalog_state::CatalogTable::arrow_schema`]).
///
/// # Errors
/// As [`super::read_files`]; [`ReadError::NoKey`] for a table that is not by customer.
pub fn find_customer(
    files: &[Location],
    schema: &SchemaRef,
    customer_id: i64,
) -> Result<Option<RecordBatch>, ReadError> {
    for path in files {
        if let Some(row) = find_in_file(path, schema, customer_id)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn find_in_file(
    path: &Location,
    schema: &SchemaRef,
    customer_id: i64,
) -> Result<Option<RecordBatch>, ReadError> {
    let file = open(path)?;
    let metadata = metadata(path, &file, schema, PageIndexPolicy::Optional)?;
    let key = metadata
        .parquet_schema()
        .columns()
        .iter()
        .position(|column| column.name() == CUSTOMER_ID)
        .filter(|_| {
            schema.field_with_name(CUSTOMER_ID).is_ok_and(|f| f.data_type() == &DataType::Int64)
        })
        .ok_or_else(|| ReadError::NoKey { path: path.clone() })?;
    for row_group in 0..metadata.metadata().num_row_groups() {
        if !row_group_may_hold(metadata.metadata(), row_group, key, customer_id) {
            continue;
        }
        let pages = pages_that_may_hold(metadata.metadata(), row_group, key, customer_id);
        let row = find_in_row_group(&file, &metadata, row_group, key, pages, customer_id)
            .map_err(|e| read_error(path, e))?;
        if row.is_some() {
            return Ok(row);
        }
    }
    Ok(None)
}

fn find_in_row_group(
    file: &ParquetSource,
    metadata: &ArrowReaderMetadata,
    row_group: usize,
    key: usize,
    pages: Option<RowSelection>,
    customer_id: i64,
) -> Result<Option<RecordBatch>, ParquetError> {
    // The key column is read first; the other columns then skip to the row that was found.
    let wanted = Scalar::new(Int64Array::from_value(customer_id, 1));
    let is_wanted =
        move |batch: RecordBatch| -> Result<BooleanArray, _> { eq(batch.column(0), &wanted) };
    let key_only = ProjectionMask::leaves(metadata.parquet_schema(), [key]);
    let filter = RowFilter::new(vec![Box::new(ArrowPredicateFn::new(key_only, is_wanted))]);
    let mut builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
            .with_row_groups(vec![row_group])
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

/// Whether the row group's smallest and largest key leave room for `customer_id`; yes when they are not known.
fn row_group_may_hold(
    metadata: &ParquetMetaData,
    row_group: usize,
    key: usize,
    customer_id: i64,
) -> bool {
    match metadata.row_group(row_group).column(key).statistics() {
        Some(Statistics::Int64(statistics)) => match (statistics.min_opt(), statistics.max_opt()) {
            (Some(min), Some(max)) => (*min..=*max).contains(&customer_id),
            _ => true,
        },
        _ => true,
    }
}

/// The rows of the pages whose smallest and largest key leave room for `customer_id`; `None` when the file has no page
/// index.
fn pages_that_may_hold(
    metadata: &ParquetMetaData,
    row_group: usize,
    key: usize,
    customer_id: i64,
) -> Option<RowSelection> {
    let ColumnIndexMetaData::INT64(index) = metadata.column_index()?.get(row_group)?.get(key)?
    else {
        return None;
    };
    let pages = metadata.offset_index()?.get(row_group)?.get(key)?.page_locations();
    let rows = metadata.row_group(row_group).num_rows();
    let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([rows]);
    let selectors: Vec<RowSelector> = pages
        .iter()
        .zip(ends)
        .zip(index.min_values_iter().zip(index.max_values_iter()))
        .map(|((page, end), (min, max))| {
            let n_rows = usize::try_from(end - page.first_row_index).unwrap_or_default();
            match (min, max) {
                (Some(min), Some(max)) if (*min..=*max).contains(&customer_id) => {
                    RowSelector::select(n_rows)
                }
                // A page of nulls alone has no smallest key.
                _ => RowSelector::skip(n_rows),
            }
        })
        .collect();
    Some(RowSelection::from(selectors))
}
