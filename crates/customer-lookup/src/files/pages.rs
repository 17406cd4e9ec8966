//! The pages of one look-up, fetched at once, or those of all.
//!
//! The Parquet library reads page after page and waits for each; on HDFS that is a millisecond a column. Which pages it will
//! want is known before from the file's page index.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use warehouse::read::ParquetSource;

/// Most bytes that are fetched before they are asked for. The pages of a few thousand rows are far below it; what is above
/// comes from a file that is not sorted, and is read one page after the other.
const MOST: u64 = 4 << 20;

/// Bytes of a file by where they begin, ascending.
pub(super) type Held = Arc<[(u64, Bytes)]>;

/// A file of which some pages are at hand.
#[derive(Debug)]
pub(super) struct Pages {
    source: ParquetSource,
    at_hand: Held,
}

impl Pages {
    /// Without any.
    pub(super) fn none(source: &ParquetSource) -> Self {
        Self::held(source, &Held::default())
    }

    /// Those that are held.
    pub(super) fn held(source: &ParquetSource, held: &Held) -> Self {
        Self { source: source.clone(), at_hand: Arc::clone(held) }
    }

    /// Those with `rows` of a row group, in the leaf columns that are to be read.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn fetch(
        source: &ParquetSource,
        metadata: &ParquetMetaData,
        group: usize,
        rows: &RowSelection,
        reads: impl Fn(usize) -> bool,
    ) -> Result<Self, ParquetError> {
        match ranges(metadata, group, rows, reads) {
            Some(ranges) => Ok(Self::held(source, &read(source, &ranges)?.into())),
            None => Ok(Self::none(source)),
        }
    }
}

/// Where the leaf columns that are to be read are, a row group at a time.
pub(super) fn columns(
    metadata: &ParquetMetaData,
    reads: impl Fn(usize) -> bool,
) -> Vec<Vec<Range<u64>>> {
    let of_group = |group: &RowGroupMetaData| {
        let columns = group.columns().iter().enumerate().filter(|(leaf, _)| reads(*leaf));
        let ranges = columns.map(|(_, column)| {
            let (start, length) = column.byte_range();
            start..start.saturating_add(length)
        });
        merged(ranges.collect())
    };
    metadata.row_groups().iter().map(of_group).collect()
}

/// The bytes of ascending ranges.
///
/// # Errors
/// Those of the store.
pub(super) fn read(
    source: &ParquetSource,
    ranges: &[Range<u64>],
) -> Result<Vec<(u64, Bytes)>, ParquetError> {
    let starts = ranges.iter().map(|range| range.start);
    Ok(starts.zip(source.ranges(ranges)?).collect())
}

/// Where those pages and their dictionaries are; `None` when the file does not say, or when it is too much.
fn ranges(
    metadata: &ParquetMetaData,
    group: usize,
    rows: &RowSelection,
    reads: impl Fn(usize) -> bool,
) -> Option<Vec<Range<u64>>> {
    let index = metadata.offset_index()?.get(group)?;
    let mut ranges = Vec::new();
    let columns = metadata
        .row_group(group)
        .columns()
        .iter()
        .zip(index)
        .enumerate()
        .filter(|(leaf, _)| reads(*leaf));
    for (_, (column, index)) in columns {
        let first = u64::try_from(index.page_locations().first()?.offset).ok()?;
        let (start, _) = column.byte_range();
        if start < first {
            ranges.push(start..first);
        }
        ranges.extend(rows.scan_ranges(index.page_locations()));
    }
    let ranges = merged(ranges);
    (total(&ranges)? <= MOST).then_some(ranges)
}

/// The same bytes in ascending ranges that do not touch.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Bytes of them; `None` when no file can have them.
pub(super) fn total(ranges: &[Range<u64>]) -> Option<u64> {
    ranges.iter().try_fold(0_u64, |sum, r| sum.checked_add(r.end.checked_sub(r.start)?))
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.source.len()
    }
}

impl ChunkReader for Pages {
    type T = <ParquetSource as ChunkReader>::T;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.source.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let after = self.at_hand.partition_point(|(begin, _)| *begin <= start);
        let piece = self.at_hand.get(after.wrapping_sub(1)).and_then(|(begin, bytes)| {
            let from = usize::try_from(start.checked_sub(*begin)?).ok()?;
            let end = from.checked_add(length)?;
            (end <= bytes.len()).then(|| bytes.slice(from..end))
        });
        piece.map_or_else(|| self.source.get_bytes(start, length), Ok)
    }
}
