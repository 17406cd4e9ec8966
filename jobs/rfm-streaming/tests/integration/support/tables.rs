//! What readers find: every row of the two tables, from the folders that the catalog names.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use store::Location;
use stream_sink::source::Source;
use warehouse::catalog::parquet_files;
use warehouse::ddl::TableDef;
use warehouse::read::read_files;

use super::orders::Order;
use super::place::Place;

/// Files that are read at the same time.
const AT_ONCE: usize = 8;

/// A row of the orders.
#[derive(Clone, Debug)]
pub(crate) struct Tagged {
    pub(crate) source: Source,
    pub(crate) offset: i64,
    /// Value of `dt`.
    pub(crate) day: String,
    pub(crate) order: Order,
    pub(crate) segment_id: Option<i32>,
    pub(crate) segment: String,
    pub(crate) snapshot: Option<String>,
    /// Microseconds since 1970, UTC.
    pub(crate) ingest_time: i64,
}

/// A row of the rejected messages.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    pub(crate) source: Source,
    pub(crate) offset: i64,
    /// Value of `dt`.
    pub(crate) day: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// Microseconds since 1970, UTC.
    pub(crate) ingest_time: i64,
    /// Microseconds since 1970, UTC.
    pub(crate) kafka_timestamp: Option<i64>,
}

/// All rows, in no order.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) tagged: Vec<Tagged>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) files: usize,
}

impl Tables {
    /// Reads everything, and expects each file to have its offsets in order.
    pub(crate) fn read(place: &Place) -> Self {
        let [orders, rejected] = place.order_tables() else { panic!("there are two tables") };
        let (order_files, rejected_files) = (files(place, orders), files(place, rejected));
        Self {
            files: order_files.len() + rejected_files.len(),
            tagged: read_all(&order_files, orders, tagged),
            rejected: read_all(&rejected_files, rejected, rejected_rows),
        }
    }

    /// The first snapshot that was used, the second and so on, in the order of the offsets of a partition.
    pub(crate) fn snapshots(&self, partition: i32) -> Vec<Option<String>> {
        let of = |row: &&Tagged| row.source.partition == partition;
        let mut rows: Vec<&Tagged> = self.tagged.iter().filter(of).collect();
        rows.sort_by_key(|row| row.offset);
        let mut snapshots: Vec<_> = rows.into_iter().map(|row| row.snapshot.clone()).collect();
        snapshots.dedup();
        snapshots
    }
}

/// A table's files, each with the value of its partition.
fn files(place: &Place, table: &TableDef) -> Vec<(String, Location)> {
    let catalog = place.catalog.as_ref();
    let mut files = Vec::new();
    for (name, location) in catalog.list_partitions(table).unwrap() {
        let day = name.strip_prefix("dt=").unwrap().to_owned();
        for file in parquet_files(&catalog.warehouse().join(&location)).unwrap() {
            files.push((day.clone(), file));
        }
    }
    files
}

/// Most of the time goes into waiting for HDFS.
fn read_all<T: Send>(
    files: &[(String, Location)],
    table: &TableDef,
    rows: fn(&str, &RecordBatch) -> Vec<T>,
) -> Vec<T> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(files.len()) {
            scope.spawn(|| {
                while let Some((day, file)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A file of several Kafka partitions is one that was compacted.
                    let mut last = BTreeMap::new();
                    for batch in read_files(vec![file.clone()], table.arrow_schema()) {
                        let batch = batch.unwrap();
                        let offsets = batch["kafka_offset"].as_primitive::<Int64Type>();
                        let sources = batch["kafka_partition"].as_primitive::<Int32Type>();
                        for (&offset, &source) in offsets.values().iter().zip(sources.values()) {
                            let last = last.insert(source, offset);
                            assert!(last < Some(offset), "{file}: {offset} after {last:?}");
                        }
                        all.lock().unwrap().extend(rows(day, &batch));
                    }
                    assert!(!last.is_empty(), "{file} is empty");
                }
            });
        }
    });
    all.into_inner().unwrap()
}

fn tagged(day: &str, batch: &RecordBatch) -> Vec<Tagged> {
    let columns = Columns(batch);
    let row = |row| Tagged {
        source: columns.source(row),
        offset: columns.long("kafka_offset", row).unwrap(),
        day: day.to_owned(),
        order: Order {
            invoice_no: columns.text("invoice_no", row).unwrap(),
            stock_code: columns.text("stock_code", row).unwrap(),
            description: columns.text("description", row),
            quantity: columns.int("quantity", row).unwrap(),
            event_time: columns.time("event_time", row).unwrap(),
            unit_price: batch["unit_price"].as_primitive::<Decimal128Type>().value(row),
            customer_id: columns.long("customer_id", row),
            country: columns.text("country", row),
            is_return: batch["is_return"].as_boolean().value(row),
        },
        segment_id: columns.int("segment_id", row),
        segment: columns.text("segment", row).unwrap(),
        snapshot: columns.text("segment_snapshot", row),
        ingest_time: columns.time("ingest_time", row).unwrap(),
    };
    (0..batch.num_rows()).map(row).collect()
}

fn rejected_rows(day: &str, batch: &RecordBatch) -> Vec<Rejected> {
    let columns = Columns(batch);
    let row = |row| Rejected {
        source: columns.source(row),
        offset: columns.long("kafka_offset", row).unwrap(),
        day: day.to_owned(),
        reason: columns.text("reason", row).unwrap(),
        detail: columns.text("detail", row).unwrap(),
        key: columns.bytes("message_key", row),
        value: columns.bytes("message_value", row),
        ingest_time: columns.time("ingest_time", row).unwrap(),
        kafka_timestamp: columns.time("kafka_timestamp", row),
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Values by name, null as `None`.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str, row: usize) -> Option<&dyn Array> {
        let column = self.0[name].as_ref();
        (!column.is_null(row)).then_some(column)
    }

    fn text(&self, name: &str, row: usize) -> Option<String> {
        Some(self.column(name, row)?.as_string::<i32>().value(row).to_owned())
    }

    fn bytes(&self, name: &str, row: usize) -> Option<Vec<u8>> {
        Some(self.column(name, row)?.as_binary::<i32>().value(row).to_owned())
    }

    fn int(&self, name: &str, row: usize) -> Option<i32> {
        Some(self.column(name, row)?.as_primitive::<Int32Type>().value(row))
    }

    fn long(&self, name: &str, row: usize) -> Option<i64> {
        Some(self.column(name, row)?.as_primitive::<Int64Type>().value(row))
    }

    fn time(&self, name: &str, row: usize) -> Option<i64> {
        Some(self.column(name, row)?.as_primitive::<TimestampMicrosecondType>().value(row))
    }

    fn source(&self, row: usize) -> Source {
        let topic = self.text("kafka_topic", row).unwrap();
        Source { topic, partition: self.int("kafka_partition", row).unwrap() }
    }
}
