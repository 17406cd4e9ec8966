//! The pages of one look-up, fetched at once.
//!
//! The Parquet library reads page after page and waits for each; on HDFS that is a millisecond a column. Which pages it will
//! want is known before from the file's page index.

use std::ops::Range;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use warehouse::read::ParquetSource;

/// Bytes between two pages that are read with them, rather than asking twice.
const GAP: u64 = 32 << 10;
/// Most bytes that are fetched before they are asked for. The pages of a few thousand rows are far below it; what is above
/// comes from a file that is not sorted, and is read one page after the other.
const MOST: u64 = 4 << 20;

/// A file of which some pages are at hand.
#[derive(Debug)]
pub(super) struct Pages {
    source: ParquetSource,
    /// Where each begins.
    at_hand: Vec<(u64, Bytes)>,
}

impl Pages {
    /// Without any.
    pub(super) fn none(source: &ParquetSource) -> Self {
        Self { source: source.clone(), at_hand: Vec::new() }
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
        let mut at_hand = Vec::new();
        if let Some(ranges) = ranges(metadata, group, rows, reads) {
            let starts = ranges.iter().map(|range| range.start);
            at_hand = starts.zip(source.ranges(&ranges)?).collect();
        }
        Ok(Self { source: source.clone(), at_hand })
    }
}

/// Where those pages and their dictionaries are; `None` when the file does not say, or when it is too much.
fn ranges(
    metadata: &ParquetMetaData,
    group: usize,
    rows: &RowSelection,
    reads: impl Fn(usize) -> bool,
) -> Option<Vec<Range<u64>>> {
    let index = metadata.offset_index()?.get(group)?;
    let columns = metadata.row_group(group).columns();
    let mut ranges = Vec::new();
    let columns = columns.iter().zip(index).enumerate().filter(|(leaf, _)| reads(*leaf));
    for (_, (column, index)) in columns {
        let first = u64::try_from(index.page_locations().first()?.offset).ok()?;
        let (start, _) = column.byte_range();
        if start < first {
            ranges.push(start..first);
        }
        ranges.extend(rows.scan_ranges(index.page_locations()));
    }
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    let total =
        merged.iter().try_fold(0_u64, |sum, r| sum.checked_add(r.end.checked_sub(r.start)?));
    (total? <= MOST).then_some(merged)
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
        let piece = self.at_hand.iter().find_map(|(begin, bytes)| {
            let from = usize::try_from(start.checked_sub(*begin)?).ok()?;
            let end = from.checked_add(length)?;
            (end <= bytes.len()).then(|| bytes.slice(from..end))
        });
        piece.map_or_else(|| self.source.get_bytes(start, length), Ok)
    }
}
