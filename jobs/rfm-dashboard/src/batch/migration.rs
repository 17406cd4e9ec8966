//! Who moved from which segment to which: two snapshots, sorted by customer, read side by side.

use std::collections::BTreeMap;

use arrow::array::{Array, Int32Array, Int64Array};
use arrow::datatypes::{Int32Type, Int64Type};
use warehouse::catalog::Catalog;
use warehouse::read::{CUSTOMER_ID, Rows, read_columns};

use super::analysis::{name_in, with_names_once};
use super::rows::numbers;
use super::segments::{order_of, slug};
use super::snapshots::Snapshot;
use super::watch::BatchError;

/// Customers by the segment they were in and the one they are in.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    /// Slug and name of the segments before, in the order of display; `None` for customers who were in none.
    pub rows: Vec<Option<(String, String)>>,
    pub columns: Vec<Option<(String, String)>>,
    /// By row, then by column.
    pub customers: Vec<Vec<u64>>,
}

/// Customers of a snapshot in the order of their ids, with the number of their segment.
struct Walk {
    rows: Rows,
    batch: Option<(Int64Array, Int32Array)>,
    position: usize,
    last: Option<i64>,
    names: BTreeMap<i32, String>,
}

impl Migration {
    pub(super) fn read(
        catalog: &dyn Catalog,
        from: &Snapshot,
        to: &Snapshot,
    ) -> Result<Self, BatchError> {
        let (mut before, mut after) = (Walk::begin(catalog, from)?, Walk::begin(catalog, to)?);
        let mut counts: BTreeMap<(Option<i32>, Option<i32>), u64> = BTreeMap::new();
        let (mut left, mut right) = (before.next()?, after.next()?);
        loop {
            let cell = match (left, right) {
                (None, None) => break,
                (Some((a, was)), Some((b, is))) if a == b => {
                    (left, right) = (before.next()?, after.next()?);
                    (Some(was), Some(is))
                }
                (Some((a, was)), b) if b.is_none_or(|(b, _)| a < b) => {
                    left = before.next()?;
                    (Some(was), None)
                }
                (_, Some((_, is))) => {
                    right = after.next()?;
                    (None, Some(is))
                }
                (Some((_, was)), None) => {
                    left = before.next()?;
                    (Some(was), None)
                }
            };
            *counts.entry(cell).or_default() += 1;
        }
        let (rows, columns) = (before.segments(), after.segments());
        let count = |was: &Option<i32>, is: &Option<i32>| {
            counts.get(&(*was, *is)).copied().unwrap_or_default()
        };
        let customers =
            rows.iter().map(|(was, _)| columns.iter().map(|(is, _)| count(was, is)).collect());
        Ok(Self {
            customers: customers.collect(),
            rows: rows.into_iter().map(|(_, name)| name).collect(),
            columns: columns.into_iter().map(|(_, name)| name).collect(),
        })
    }
}

/// A segment's number, its slug and name; all `None` for no segment.
type Named = (Option<i32>, Option<(String, String)>);

impl Walk {
    fn begin(catalog: &dyn Catalog, snapshot: &Snapshot) -> Result<Self, BatchError> {
        let part = &snapshot.segments;
        let files = catalog.data_files(&part.partition)?;
        let columns = [CUSTOMER_ID, "segment_id", "segment"];
        let rows = read_columns(files, with_names_once(&part.schema), &columns);
        Ok(Self { rows, batch: None, position: 0, last: None, names: BTreeMap::new() })
    }

    fn next(&mut self) -> Result<Option<(i64, i32)>, BatchError> {
        loop {
            if let Some((ids, segments)) = &self.batch
                && self.position < ids.len()
            {
                let row = self.position;
                self.position += 1;
                if ids.is_null(row) || segments.is_null(row) {
                    continue;
                }
                let (id, segment) = (ids.value(row), segments.value(row));
                if self.last.is_some_and(|last| last >= id) {
                    return Err(BatchError::NotAscending { customer_id: id });
                }
                self.last = Some(id);
                return Ok(Some((id, segment)));
            }
            let Some(batch) = self.rows.next() else { return Ok(None) };
            let batch = batch?;
            let ids = numbers::<Int64Type>(&batch, CUSTOMER_ID)?.clone();
            let segments = numbers::<Int32Type>(&batch, "segment_id")?.clone();
            for (row, segment) in segments.iter().enumerate() {
                let Some(segment) = segment else { continue };
                self.names.entry(segment).or_insert_with(|| name_in(&batch, row));
            }
            (self.batch, self.position) = (Some((ids, segments)), 0);
        }
    }

    /// The segments that were met in the order of display, then none.
    fn segments(&self) -> Vec<Named> {
        let named = |(id, name): (&i32, &String)| (Some(*id), Some((slug(name), name.clone())));
        let mut all: Vec<Named> = self.names.iter().map(named).collect();
        all.sort_by_key(|(id, name)| {
            name.as_ref().map(|(slug, _)| order_of(slug, id.unwrap_or_default()))
        });
        all.push((None, None));
        all
    }
}
