//! What is computed of a snapshot in one pass over its customers: points to draw, densities, ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use customer_lookup::{Ranks, RanksBuilder};
use warehouse::catalog::Catalog;
use warehouse::read::{CUSTOMER_ID, read_columns};

use super::grid::{Cells, Grid, bin};
use super::rows::{amounts, numbers, value};
use super::sample::{Sample, Sampler, shares};
use super::segments::{order_of, slug};
use super::snapshots::Snapshot;
use super::watch::BatchError;

pub(crate) use super::sample::Point;

/// The most points that a page may ask for.
pub(crate) const MOST_POINTS: usize = 20_000;

/// One of the three values of a customer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Axis {
    Recency,
    Frequency,
    Monetary,
}

impl Axis {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "recency" => Some(Self::Recency),
            "frequency" => Some(Self::Frequency),
            "monetary" => Some(Self::Monetary),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recency => "recency",
            Self::Frequency => "frequency",
            Self::Monetary => "monetary",
        }
    }
}

/// The pairs of axes, each once.
const PAIRS: [(Axis, Axis); 3] = [
    (Axis::Recency, Axis::Frequency),
    (Axis::Recency, Axis::Monetary),
    (Axis::Frequency, Axis::Monetary),
];

/// A snapshot seen whole. Does not change.
#[derive(Debug)]
pub(crate) struct Analysis {
    /// In the order of display.
    pub segments: Vec<SegmentOf>,
    /// Customers.
    pub total: u64,
    grids: [Grid; 3],
}

/// A segment as its customers have it.
#[derive(Debug)]
pub(crate) struct SegmentOf {
    pub id: i32,
    pub slug: String,
    pub name: String,
    sample: Sample,
    ranks: Ranks,
}

/// A segment while customers are read.
struct Growing {
    id: i32,
    name: String,
    sampler: Sampler,
    ranks: RanksBuilder,
}

#[derive(Default)]
struct Pass {
    positions: BTreeMap<i32, usize>,
    segments: Vec<Growing>,
    total: u64,
}

impl Analysis {
    /// Reads the snapshot: about a second for ten million customers.
    pub(super) fn read(catalog: &dyn Catalog, snapshot: &Snapshot) -> Result<Self, BatchError> {
        let part = &snapshot.segments;
        let columns =
            [CUSTOMER_ID, "recency_days", "frequency", "monetary", "segment_id", "segment"];
        let schema = with_names_once(&part.schema);
        let mut pass = Pass::default();
        let mut grids = PAIRS.map(|(x, y)| Grid::new(x, y));
        for batch in read_columns(catalog.data_files(&part.partition)?, schema, &columns) {
            pass.read(&batch?, &mut grids)?;
        }
        Ok(pass.finish(grids))
    }

    /// Points of each segment, at most `most` in all.
    pub(crate) fn points(&self, most: usize) -> Vec<Vec<Point>> {
        let customers: Vec<u64> = self.segments.iter().map(|s| s.sample.n).collect();
        let shares = shares(&customers, most);
        self.segments.iter().zip(shares).map(|(segment, n)| segment.sample.take(n)).collect()
    }

    /// Densities over two of the values, which must not be the same.
    pub(crate) fn density(&self, x: Axis, y: Axis) -> Cells {
        let pair = PAIRS.iter().position(|pair| *pair == (x.min(y), x.max(y)));
        let grid = pair.and_then(|pair| self.grids.get(pair));
        grid.map(|grid| grid.cells(x > y)).unwrap_or_default()
    }

    /// The place of an amount among those of the segment's customers, from 1, and how many they are.
    pub(crate) fn rank(&self, segment_id: i32, monetary: i128) -> Option<(usize, usize)> {
        let segment = self.segments.iter().find(|segment| segment.id == segment_id)?;
        Some((segment.ranks.larger_than(monetary) + 1, segment.ranks.len()))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let bytes = |s: &SegmentOf| s.sample.memory_bytes() + s.ranks.memory_bytes();
        let segments: usize = self.segments.iter().map(bytes).sum();
        segments + self.grids.iter().map(Grid::memory_bytes).sum::<usize>()
    }
}

impl Pass {
    fn read(&mut self, batch: &RecordBatch, grids: &mut [Grid; 3]) -> Result<(), BatchError> {
        let ids = numbers::<Int64Type>(batch, CUSTOMER_ID)?;
        let recency = numbers::<Int32Type>(batch, "recency_days")?;
        let frequency = numbers::<Int64Type>(batch, "frequency")?;
        let monetary = amounts(batch, "monetary")?;
        let segment_ids = numbers::<Int32Type>(batch, "segment_id")?;
        for row in 0..batch.num_rows() {
            let (Some(customer_id), Some(segment_id)) = (value(ids, row), value(segment_ids, row))
            else {
                continue;
            };
            let point = Point {
                customer_id,
                recency: value(recency, row).unwrap_or_default(),
                frequency: value(frequency, row).unwrap_or_default(),
                monetary: value(monetary, row).unwrap_or_default(),
            };
            let position = match self.positions.get(&segment_id) {
                Some(position) => *position,
                None => self.meet(segment_id, name_in(batch, row)),
            };
            let Some(segment) = self.segments.get_mut(position) else { continue };
            self.total += 1;
            segment.ranks.push(point.monetary);
            segment.sampler.push(point);
            let r = bin(Axis::Recency, f64::from(point.recency));
            let f = bin(Axis::Frequency, point.frequency as f64);
            let m = bin(Axis::Monetary, point.monetary as f64 / 10_000.0);
            let [recency_frequency, recency_monetary, frequency_monetary] = grids;
            recency_frequency.add(r, f, position);
            recency_monetary.add(r, m, position);
            frequency_monetary.add(f, m, position);
        }
        Ok(())
    }

    fn meet(&mut self, id: i32, name: String) -> usize {
        let (sampler, ranks) = (Sampler::new(MOST_POINTS), RanksBuilder::default());
        self.segments.push(Growing { id, name, sampler, ranks });
        self.positions.insert(id, self.segments.len() - 1);
        self.segments.len() - 1
    }

    fn finish(self, mut grids: [Grid; 3]) -> Analysis {
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_by_key(|position| {
            self.segments.get(*position).map(|s| order_of(&slug(&s.name), s.id))
        });
        grids.iter_mut().for_each(|grid| grid.reorder(&order));
        let finish = |growing: Growing| SegmentOf {
            id: growing.id,
            slug: slug(&growing.name),
            name: growing.name,
            sample: growing.sampler.finish(),
            ranks: growing.ranks.finish(),
        };
        let mut segments: Vec<SegmentOf> = self.segments.into_iter().map(finish).collect();
        segments.sort_by_key(|segment| order_of(&segment.slug, segment.id));
        Analysis { segments, total: self.total, grids }
    }
}

/// The schema with the segments' names as dictionaries: each name is read once a page, not once a customer.
pub(super) fn with_names_once(schema: &SchemaRef) -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = schema.fields().iter().map(|field| match field.name().as_str() {
        "segment" => Arc::new(Field::clone(field).with_data_type(dictionary.clone())),
        _ => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The name of the segment in a row.
pub(super) fn name_in(batch: &RecordBatch, row: usize) -> String {
    let column = batch.column_by_name("segment").and_then(|c| c.as_dictionary_opt::<Int32Type>());
    let name = column.and_then(|names| {
        let key = value(names.keys(), row)?;
        let texts = names.values().as_string_opt::<i32>()?;
        super::rows::text(texts, usize::try_from(key).ok()?).map(str::to_owned)
    });
    name.unwrap_or_default()
}
