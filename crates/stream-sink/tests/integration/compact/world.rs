//! A warehouse with the two order tables, and a stream that writes into them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use store::{Location, StoreErrorKind};
use stream_sink::compact::{CompactOptions, CompactReport, compact};
use stream_sink::entry::Entry;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::publisher::{Progress, Publisher};
use stream_sink::sink::{Sink, SinkOptions, SourceWriter};
use stream_sink::source::Source;
use warehouse::catalog::{Catalog, parquet_files};
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::local_catalog::LocalCatalog;
use warehouse::read::{ReadError, read_files};

/// Today in UTC, in days since 1970, as a compaction counts it: its days begin an hour late. Not shortly before that, when what is a
/// past day changes in the middle of a test.
pub(crate) fn today() -> i32 {
    loop {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seconds = since_1970.as_secs() - 3_600;
        let (today, second) = (seconds / 86_400, seconds % 86_400);
        if second < 86_400 - 180 {
            return today as i32;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(60);
/// Rows of each table in each file.
pub(crate) const ROWS: i64 = 7;
pub(crate) const DAYS: [&str; 3] = ["dt=2011-12-07", "dt=2011-12-08", "dt=2011-12-09"];

/// Where the tables are.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) tables: Vec<TableDef>,
    pub(crate) layout: Layout,
}

/// A partition of a table: its number and name.
pub(crate) type Key = (usize, String);
/// The rows of a partition, by Kafka partition and offset.
pub(crate) type Rows = BTreeMap<(i32, i64), RecordBatch>;

impl World {
    /// On the local disk, in a new folder or one that is there.
    pub(crate) fn local(folder: &Path) -> Self {
        let uri = Location::local(folder).uri();
        let ddl = Ddl::load(&Naming::new("default", "", &uri).unwrap()).unwrap();
        Self::new(Arc::new(LocalCatalog::new(folder)), ddl.order_tables)
    }

    pub(crate) fn new(catalog: Arc<dyn Catalog>, tables: Vec<TableDef>) -> Self {
        catalog.create_tables(&tables, LOCK_WAIT).unwrap();
        let layout = Layout::new(catalog.warehouse(), &tables[0]);
        Self { catalog, tables, layout }
    }

    /// The same tables through another catalog.
    pub(crate) fn through(&self, catalog: Arc<dyn Catalog>) -> Self {
        Self { catalog, ..self.clone() }
    }

    pub(crate) fn stream(&self, partition: i32) -> Stream {
        Stream::take_over(self, partition)
    }

    /// Commits and publishes `commits` times a file for each of `days` and each table.
    pub(crate) fn fill(&self, days: &[&str], commits: usize) -> Stream {
        let mut stream = self.stream(0);
        for _ in 0..commits {
            stream.put(days);
        }
        stream
    }

    pub(crate) fn compact(&self, options: &CompactOptions) -> Result<CompactReport, SinkError> {
        compact(&*self.catalog, &self.tables, options, SystemTime::now(), &|| false)
    }

    /// What a reader finds that asks the catalog where a partition is. Each row is there once, and is what was written.
    pub(crate) fn read(&self, (table, partition): &Key) -> Rows {
        // A reader that has asked may be overtaken by a compaction that keeps no old files; then it asks again.
        for _ in 0..100 {
            let table = &self.tables[*table];
            let asked = std::slice::from_ref(partition);
            let located = self.catalog.partition_locations(table, asked).unwrap();
            let Some(location) = located.get(partition) else { return Rows::new() };
            let folder = self.layout.folder(location);
            let files = match parquet_files(&folder) {
                Err(error) if error.kind() == StoreErrorKind::NotFound => continue,
                files => files.unwrap(),
            };
            match read_rows(files, &table.arrow_schema()) {
                Ok(rows) => return rows,
                Err(ReadError::Gone { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("{partition} is never there");
    }

    pub(crate) fn location(&self, (table, partition): &Key) -> String {
        let asked = std::slice::from_ref(partition);
        let mut found = self.catalog.partition_locations(&self.tables[*table], asked).unwrap();
        found.remove(partition).unwrap()
    }

    /// Names of what readers see of a folder that is given relative to the warehouse.
    pub(crate) fn names(&self, location: &str) -> Vec<String> {
        let entries = self.layout.folder(location).list_if_exists().unwrap();
        let names = entries.into_iter().map(|entry| entry.name);
        names.filter(|name| !name.starts_with(['_', '.'])).collect()
    }

    pub(crate) fn default_location(&self, (table, partition): &Key) -> String {
        Layout::default_location(&self.tables[*table], partition)
    }

    /// Everything below the tables' folders that a compaction may have left and that a finished one has not.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for table in &self.tables {
            for entry in self.layout.closing(table).list_if_exists().unwrap() {
                found.push(format!("closing {}", entry.name));
            }
            let notes = self.layout.compaction(table).list_if_exists().unwrap();
            // Which days are dropped is known for ever.
            for entry in notes.iter().filter(|entry| entry.name != "dropped_before") {
                found.push(format!("compaction {}", entry.name));
            }
            let used: BTreeSet<String> =
                self.catalog.list_partitions(table).unwrap().into_values().collect();
            let compacted = format!("{}/_compacted", table.directory);
            for partition in self.layout.folder(&compacted).list_if_exists().unwrap() {
                let partition = format!("{compacted}/{}", partition.name);
                for run in self.layout.folder(&partition).list().unwrap() {
                    let run = format!("{partition}/{}", run.name);
                    if !used.contains(&run) {
                        found.push(run);
                        continue;
                    }
                    for entry in self.layout.folder(&run).list().unwrap() {
                        if entry.name.starts_with('_') {
                            found.push(format!("{run}/{}", entry.name));
                        }
                    }
                }
            }
        }
        found
    }
}

/// Options of tests: no waiting, whatever is there is old.
pub(crate) fn at_once() -> CompactOptions {
    CompactOptions {
        quiet: Duration::ZERO,
        settle: Duration::ZERO,
        lock_wait: LOCK_WAIT,
        ..CompactOptions::default()
    }
}

/// The same, and old files are removed as soon as they may be.
pub(crate) fn keep_nothing() -> CompactOptions {
    CompactOptions { keep_old: Duration::ZERO, ..at_once() }
}

/// A Kafka partition that is written, and what has been committed of it.
pub(crate) struct Stream {
    pub(crate) world: World,
    pub(crate) source: Source,
    sink: Sink,
    writer: SourceWriter,
    publisher: Publisher,
    pub(crate) written: Written,
}

/// Which offsets a partition should have.
#[derive(Clone, Default, Debug)]
pub(crate) struct Written(pub(crate) BTreeMap<Key, BTreeSet<(i32, i64)>>);

impl Stream {
    pub(crate) fn take_over(world: &World, partition: i32) -> Self {
        let source = Source { topic: "orders".to_owned(), partition };
        let options = SinkOptions { parallel_commits: 2, ..SinkOptions::default() };
        let sink = Sink::new(&*world.catalog, &world.tables, "test", options).unwrap();
        let writer = sink.take_over(&source, || Ok::<_, SinkError>(0)).unwrap();
        let publisher = Publisher::new(world.catalog.clone(), world.tables.clone(), LOCK_WAIT);
        Self { world: world.clone(), source, sink, writer, publisher, written: Written::default() }
    }

    /// Commits rows of each table for each of `days`.
    pub(crate) fn commit(&mut self, days: &[&str]) -> Vec<Entry> {
        self.commit_to(&[0, 1], days)
    }

    /// The same for some tables only.
    pub(crate) fn commit_to(&mut self, tables: &[usize], days: &[&str]) -> Vec<Entry> {
        let mut offset = self.writer.end_offset();
        for day in days {
            for &table in tables {
                let def = &self.world.tables[table];
                let offsets = offset..offset + ROWS;
                let rows = rows(&def.arrow_schema(), self.source.partition, offsets.clone());
                self.writer.write(table, day, rows).unwrap();
                let key = (table, (*day).to_owned());
                let partition = self.source.partition;
                let written = self.written.0.entry(key).or_default();
                written.extend(offsets.map(|offset| (partition, offset)));
                offset += ROWS;
            }
        }
        self.sink.commit(vec![(&mut self.writer, offset)]).unwrap()
    }

    /// One attempt to make all visible that is committed. Whether it was successful.
    pub(crate) fn publish(&mut self) -> Result<bool, SinkError> {
        let entries = self.writer.unfinished().to_vec();
        let Progress { finished, problem, .. } = self.publisher.publish(&entries)?;
        for (_, sequence) in &finished {
            self.writer.finished(*sequence)?;
        }
        match problem {
            Some(problem) => Err(problem),
            None => Ok(finished.len() == entries.len()),
        }
    }

    /// Commits and publishes rows of each table for each of `days`.
    pub(crate) fn put(&mut self, days: &[&str]) {
        self.commit(days);
        assert!(self.publish().unwrap());
    }

    /// Publishes until all is visible, as long as that takes.
    pub(crate) fn publish_all(&mut self) {
        let start = std::time::Instant::now();
        while !self.publish().unwrap() {
            assert!(start.elapsed() < LOCK_WAIT, "still closed");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Written {
    pub(crate) fn and(mut self, other: &Written) -> Self {
        for (key, offsets) in &other.0 {
            self.0.entry(key.clone()).or_default().extend(offsets);
        }
        self
    }

    /// Holds what a reader sees of all partitions against what was written.
    pub(crate) fn check(&self, world: &World) {
        for (key, offsets) in &self.0 {
            let found: BTreeSet<_> = world.read(key).into_keys().collect();
            assert_eq!(found, *offsets, "{key:?}");
        }
    }

    /// Holds it to be at least that.
    pub(crate) fn check_at_least(&self, world: &World) {
        for (key, offsets) in &self.0 {
            let found: BTreeSet<_> = world.read(key).into_keys().collect();
            assert!(offsets.is_subset(&found), "{key:?} lacks {:?}", offsets - &found);
        }
    }
}

/// Rows with these offsets. Every value follows from Kafka partition, offset and column; each column has nulls.
fn rows(schema: &SchemaRef, partition: i32, offsets: std::ops::Range<i64>) -> RecordBatch {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| -> ArrayRef {
        let values = offsets.clone().map(|offset| {
            let mixed =
                (offset * 1_000_003 + i64::from(partition) * 7_919 + index as i64 * 104_729)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64);
            (mixed % 5 != 0).then_some(mixed)
        });
        match (field.name().as_str(), field.data_type()) {
            ("kafka_topic", _) => Arc::new(StringArray::from_iter_values(values.map(|_| "orders"))),
            ("kafka_partition", _) => {
                Arc::new(Int32Array::from_iter_values(values.map(|_| partition)))
            }
            ("kafka_offset", _) => Arc::new(Int64Array::from_iter_values(offsets.clone())),
            (_, DataType::Utf8) => {
                Arc::new(StringArray::from_iter(values.map(|v| v.map(|v| format!("text {v} é\0")))))
            }
            (_, DataType::Binary) => {
                let values: Vec<_> = values.map(|v| v.map(i64::to_le_bytes)).collect();
                Arc::new(BinaryArray::from_iter(values.iter().map(|v| v.as_ref())))
            }
            (_, DataType::Int32) => {
                Arc::new(Int32Array::from_iter(values.map(|v| v.map(|v| v as i32))))
            }
            (_, DataType::Int64) => Arc::new(Int64Array::from_iter(values)),
            (_, DataType::Boolean) => {
                Arc::new(BooleanArray::from_iter(values.map(|v| v.map(|v| v % 2 == 0))))
            }
            (_, DataType::Decimal128(precision, scale)) => Arc::new(
                Decimal128Array::from_iter(values.map(|v| v.map(i128::from)))
                    .with_precision_and_scale(*precision, *scale)
                    .unwrap(),
            ),
            (_, DataType::Timestamp(..)) => {
                // A hundred years before and after 1970, to the microsecond.
                let century = 100 * 365 * 86_400 * 1_000_000_i64;
                Arc::new(TimestampMicrosecondArray::from_iter(
                    values.map(|v| v.map(|v| v % century)),
                ))
            }
            (name, other) => panic!("no rows of type {other} for {name}"),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// The rows of `files`, each of which is there once and is what [`rows`] made.
pub(crate) fn read_rows(files: Vec<Location>, schema: &SchemaRef) -> Result<Rows, ReadError> {
    let mut found = Rows::new();
    for batch in read_files(files, schema.clone()) {
        let batch = batch?;
        let partitions = batch.column_by_name("kafka_partition").unwrap().clone();
        let partitions = partitions.as_any().downcast_ref::<Int32Array>().unwrap();
        let offsets = batch.column_by_name("kafka_offset").unwrap().clone();
        let offsets = offsets.as_any().downcast_ref::<Int64Array>().unwrap();
        for row in 0..batch.num_rows() {
            let (partition, offset) = (partitions.value(row), offsets.value(row));
            let values = batch.slice(row, 1);
            let expected = rows(schema, partition, offset..offset + 1);
            assert_eq!(values.columns(), expected.columns(), "{partition} {offset}");
            let before = found.insert((partition, offset), values);
            assert!(before.is_none(), "twice: {partition} {offset}");
        }
    }
    Ok(found)
}

/// Compacts until nothing is left to do, and holds the result to be `written` without a trace of how it came about.
pub(crate) fn settle(world: &World, written: &Written) {
    for _ in 0..3 {
        let report = world.compact(&keep_nothing()).unwrap();
        assert_eq!(report.skipped, []);
        written.check(world);
    }
    assert_eq!(world.leftovers(), [""; 0]);
    for key in written.0.keys() {
        assert_eq!(world.names(&world.location(key)), ["part-00000.parquet"], "{key:?}");
        assert_eq!(world.names(&world.default_location(key)), [""; 0], "{key:?}");
    }
}

/// A temporary warehouse.
pub(crate) fn temporary() -> (tempfile::TempDir, World, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("warehouse");
    let world = World::local(&folder);
    (dir, world, folder)
}
