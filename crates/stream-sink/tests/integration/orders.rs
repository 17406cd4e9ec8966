//! Made-up messages: each offset says what becomes of it, so that what readers see can be held against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use store::Location;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::log;
use stream_sink::sink::SourceWriter;
use stream_sink::source::Source;
use warehouse::catalog::{Catalog, parquet_files};
use warehouse::ddl::TableDef;
use warehouse::read::read_columns;

/// Where every source starts.
pub(crate) const FIRST: i64 = 1_000;
/// Entries that a log keeps, and the one that comes before they are removed.
const LOG_AT_MOST: usize = 9;
/// Two days that are past, and one that never is.
const DAYS: [&str; 3] = ["2011-12-08", "2011-12-09", "2099-01-01"];

/// Which partition of which table a message goes to; `None` when it leaves no row.
pub(crate) type Destination = dyn Fn(&Source, i64) -> Option<(usize, String)>;

pub(crate) fn source(partition: i32) -> Source {
    Source { topic: "orders.v1-e2".to_owned(), partition }
}

/// Runs of offsets for each day, with gaps and rejected messages.
pub(crate) fn destination(source: &Source, offset: i64) -> Option<(usize, String)> {
    if offset % 13 == 0 {
        return None;
    }
    let table = usize::from(offset % 7 == 3);
    let day = (offset / 4 + i64::from(source.partition)) % DAYS.len() as i64;
    Some((table, format!("dt={}", DAYS[day as usize])))
}

/// Writes the messages `from..to`.
pub(crate) fn write(
    writer: &mut SourceWriter,
    tables: &[TableDef],
    from: i64,
    to: i64,
    destination: &Destination,
) -> Result<(), SinkError> {
    let mut by_partition: BTreeMap<(usize, String), Vec<i64>> = BTreeMap::new();
    for offset in from..to {
        if let Some(key) = destination(writer.source(), offset) {
            by_partition.entry(key).or_default().push(offset);
        }
    }
    for ((table, partition), offsets) in by_partition {
        let rows = rows(&tables[table].arrow_schema(), &writer.source().clone(), &offsets);
        writer.write(table, &partition, rows)?;
    }
    Ok(())
}

/// A row an offset.
pub(crate) fn rows(schema: &SchemaRef, source: &Source, offsets: &[i64]) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "customer_id" => {
                Arc::new(Int64Array::from_iter_values(offsets.iter().map(|o| customer(source, *o))))
            }
            "kafka_offset" => Arc::new(Int64Array::from(offsets.to_vec())),
            "kafka_partition" => Arc::new(Int32Array::from(vec![source.partition; offsets.len()])),
            "kafka_topic" => {
                Arc::new(StringArray::from(vec![source.topic.as_str(); offsets.len()]))
            }
            _ => new_null_array(field.data_type(), offsets.len()),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn customer(source: &Source, offset: i64) -> i64 {
    offset * 31 + i64::from(source.partition)
}

/// What is in a file, in its order.
fn read(file: &Location, table: &TableDef) -> Vec<(Source, i64)> {
    let schema = table.arrow_schema();
    let mut columns = vec!["kafka_topic", "kafka_partition", "kafka_offset"];
    let has_customers = schema.field_with_name("customer_id").is_ok();
    if has_customers {
        columns.push("customer_id");
    }
    let mut found = Vec::new();
    for batch in read_columns(vec![file.clone()], schema, &columns) {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        let topics = column("kafka_topic").as_string::<i32>();
        let partitions = column("kafka_partition").as_primitive::<Int32Type>();
        let offsets = column("kafka_offset").as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let (topic, partition) = (topics.value(row).to_owned(), partitions.value(row));
            let (source, offset) = (Source { topic, partition }, offsets.value(row));
            if has_customers {
                let customers = column("customer_id").as_primitive::<Int64Type>();
                assert_eq!(customers.value(row), customer(&source, offset), "{file}");
            }
            found.push((source, offset));
        }
    }
    found
}

/// What readers see: how often each message of each source is in which partition of which table.
pub(crate) type Visible = BTreeMap<(Source, i64), Vec<(usize, String)>>;

pub(crate) fn visible(catalog: &dyn Catalog, tables: &[TableDef]) -> Visible {
    let mut all = Visible::new();
    for (number, table) in tables.iter().enumerate() {
        for (name, location) in catalog.list_partitions(table).unwrap() {
            let folder = catalog.warehouse().join(&location);
            for file in parquet_files(&folder).unwrap() {
                let rows = read(&file, table);
                assert!(!rows.is_empty(), "{file} is empty");
                // A compacted one has those of several, one after the other.
                let is_in_order = rows.is_sorted_by(|a, b| a.0 != b.0 || a.1 < b.1);
                assert!(is_in_order || location.contains("_compacted"), "{file}: {rows:?}");
                for key in rows {
                    all.entry(key).or_default().push((number, name.clone()));
                }
            }
        }
    }
    all
}

/// Holds what readers see against what is committed: every message once, where it belongs, and nothing else. Gives
/// where the logs end.
pub(crate) fn check_visible(
    catalog: &dyn Catalog,
    tables: &[TableDef],
    sources: &[Source],
    destination: &Destination,
) -> Vec<i64> {
    let layout = Layout::new(catalog.warehouse(), &tables[0]);
    let mut all = visible(catalog, tables);
    let mut ends = Vec::new();
    for source in sources {
        let end = match log::read(&layout.log(source)).unwrap() {
            Some(state) => state.newest.end_offset,
            None => FIRST,
        };
        for offset in FIRST..end {
            let found = all.remove(&(source.clone(), offset)).unwrap_or_default();
            let expected: Vec<_> = destination(source, offset).into_iter().collect();
            assert_eq!(found, expected, "{source}, offset {offset} of {FIRST}..{end}");
        }
        ends.push(end);
    }
    assert!(all.is_empty(), "not committed, but visible: {all:?}");
    ends
}

/// The same when everything has come to rest: nothing is left over.
pub(crate) fn check_at_rest(
    catalog: &dyn Catalog,
    tables: &[TableDef],
    sources: &[Source],
    destination: &Destination,
) -> Vec<i64> {
    let layout = Layout::new(catalog.warehouse(), &tables[0]);
    for source in sources {
        let names = |folder: Location| -> Vec<String> {
            folder.list_if_exists().unwrap().into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(layout.staged(source)), [""; 0], "{source}");
        let log = names(layout.log(source));
        assert!(log.len() <= LOG_AT_MOST, "{source}: {log:?}");
    }
    check_visible(catalog, tables, sources, destination)
}
