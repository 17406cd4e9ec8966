//! Every type there is, in every reader.
//!
//! What they do *not* read alike, with what is tested of it:
//! - dates before 1582-10-15 and timestamps before 1900: [`long_ago`];
//! - timestamps in Hive's reader of an older version, in a JVM whose zone is not UTC: [`another_zone`].
//!
//! What they read alike, and print in ways of their own: zero with ten digits after the point is `0E-10` in beeline, and
//! Spark with Hive's reader gives small numbers of that type more zeros.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use hive_catalog::HiveCatalog;
use store::Location;
use warehouse::catalog::{Catalog, PartitionChange};
use warehouse::catalog_state::{DataFile, Partition};
use warehouse::ddl::{Ddl, TableDef};
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::partition_path::partition_name;
use warehouse::run_id::RunId;
use warehouse::schema::{Column, HiveType};

use super::hive::{Hive, Mode};
use super::spark::{Reader, Spark, spark};
use super::text::{Row, assert_same, of_batch, of_duckdb, of_files, sorted};
use crate::helper::{LOCK_WAIT, Version, locate, metastore, unique};

const COLUMNS: [(&str, &str); 14] = [
    ("id", "bigint"),
    ("big", "bigint"),
    ("small", "int"),
    ("ratio", "double"),
    ("flag", "boolean"),
    ("name", "string"),
    ("bytes", "binary"),
    ("born", "date"),
    ("seen", "timestamp"),
    ("d7_2", "decimal(7,2)"),
    ("d18_4", "decimal(18,4)"),
    ("d20_4", "decimal(20,4)"),
    ("d24_4", "decimal(24,4)"),
    ("d38_10", "decimal(38,10)"),
];

/// A table with columns of these names and types, and keys of type STRING.
pub(super) fn table(
    database: &str,
    name: &str,
    warehouse: &Location,
    columns: &[(&str, &str)],
    keys: &[&str],
) -> TableDef {
    let column = |name: &str, hive_type: HiveType| Column {
        name: name.to_owned(),
        hive_type,
        comment: format!("what '{name}' is, in €"),
    };
    let columns = columns.iter().map(|(name, kind)| column(name, kind.parse().unwrap()));
    TableDef {
        name: name.to_owned(),
        base_name: name.to_owned(),
        database: database.to_owned(),
        columns: columns.collect(),
        partition_keys: keys.iter().map(|key| column(key, HiveType::String)).collect(),
        location: warehouse.join(name).uri(),
        directory: name.to_owned(),
        comment: "made up".to_owned(),
        properties: BTreeMap::from([
            ("EXTERNAL".to_owned(), "TRUE".to_owned()),
            ("external.table.purge".to_owned(), "false".to_owned()),
        ]),
    }
}

/// Writes rows to a run directory of their own.
pub(super) fn write(
    warehouse: &Location,
    table: &TableDef,
    values: &[Option<&str>],
    batch: &RecordBatch,
) -> PartitionChange {
    let run_id = RunId::new(SystemTime::now()).to_string();
    let location = format!("{}/_runs/{run_id}", table.directory);
    let folder = warehouse.join(&location);
    folder.create_dir_all().unwrap();
    let file = folder.join("part-00000.parquet");
    let mut file =
        ParquetFile::create(&file, &table.arrow_schema(), &WriteOptions::default()).unwrap();
    file.write(batch).unwrap();
    let info = file.finish().unwrap();
    folder.join("_SUCCESS").write(b"").unwrap();
    let keys = table.partition_keys.iter().map(|key| key.name.as_str());
    let name = partition_name(keys.zip(values.iter().copied()));
    let values = values.iter().map(|value| value.map(str::to_owned)).collect();
    let files =
        vec![DataFile { name: info.path.name().to_owned(), rows: info.rows, bytes: info.bytes }];
    let partition = Partition { values, location, run_id, files, known_rows: None };
    PartitionChange { table: table.qualified_name(), name, partition }
}

/// Registers partitions of one table in both metastores, over the same files.
pub(super) fn register(
    warehouse: &Location,
    table: &TableDef,
    partitions: &[PartitionChange],
) -> [HiveCatalog; 2] {
    [Version::Hive4, Version::Hive3].map(|version| {
        let ddl = Ddl { tables: vec![table.clone()], views: Vec::new() };
        let client = metastore(version.uri());
        let lease = Duration::from_secs(30);
        let catalog = HiveCatalog::new(client, warehouse.clone(), ddl, lease);
        let mut lock = catalog.acquire("run-by-hand", LOCK_WAIT).unwrap();
        lock.create_tables(std::slice::from_ref(table)).unwrap();
        lock.publish(partitions.to_vec(), Vec::new()).unwrap();
        drop(lock);
        catalog
    })
}

/// Days since 1970 of a date of the Gregorian calendar, carried on backwards.
fn day(text: &str) -> i32 {
    let days = cast(&StringArray::from(vec![text]), &DataType::Date32).unwrap();
    days.as_primitive::<Date32Type>().value(0)
}

fn at(date: &str, micros: i64) -> i64 {
    i64::from(day(date)) * 86_400_000_000 + micros
}

/// What every reader must read alike.
fn rows(schema: &SchemaRef) -> RecordBatch {
    const N: usize = 12;
    const MIDNIGHT: i64 = 86_400_000_000;
    let names: [_; N] = [
        Some("países"),
        Some("日本"),
        Some("🛒 and e\u{301}"),
        Some(""),
        None,
        Some(" padded "),
        Some("tab\tline\nbreak\r"),
        Some("NULL"),
        Some("\\N"),
        Some("'\"`;--"),
        Some("nul\0nul"),
        Some("\u{1}"),
    ];
    let longs: [_; N] = [
        Some(i64::MIN),
        Some(i64::MAX),
        Some(0),
        Some(-1),
        None,
        Some(1),
        Some(1 << 53),
        Some((1 << 53) + 1),
        Some(-(1 << 31) - 1),
        Some(1 << 31),
        Some(255),
        Some(-256),
    ];
    let ints: [_; N] = [
        Some(i32::MIN),
        Some(i32::MAX),
        Some(0),
        Some(-1),
        None,
        Some(1),
        Some(127),
        Some(128),
        Some(-32_769),
        Some(65_536),
        None,
        None,
    ];
    let doubles: [_; N] = [
        Some(0.1 + 0.2),
        Some(-0.0),
        Some(f64::MAX),
        Some(f64::MIN),
        None,
        Some(f64::MIN_POSITIVE),
        Some(5e-324),
        Some(1.0 / 3.0),
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(2e-3),
    ];
    let flags = (0..N).map(|row| [Some(true), Some(false), None][row % 3]);
    let bytes: [Option<&[u8]>; N] = [
        Some(b""),
        Some(&[0]),
        Some(&[0xff, 0xfe, 0x00, 0x80]),
        Some(b"text"),
        None,
        Some(&[0x0a, 0x0d, 0x09]),
        Some(&[0xc3]),
        Some(b"NULL"),
        Some(&[0; 100]),
        Some(&[1]),
        None,
        Some(&[0xe6, 0x97, 0xa5]),
    ];
    let dates = [
        "1970-01-01",
        "1969-12-31",
        "2011-12-10",
        "2012-02-29",
        "1582-10-15",
        "1900-03-01",
        "1900-01-01",
        "9999-12-31",
        "1583-01-01",
        "2038-01-20",
        "2000-02-29",
    ];
    let dates: Vec<_> = dates.iter().map(|date| Some(day(date))).chain([None]).collect();
    let moments: [_; N] = [
        Some(0),
        Some(-1),
        Some(at("2011-12-10", 30_360_123_456)),
        Some(at("2012-02-29", MIDNIGHT - 1)),
        None,
        Some(at("1969-12-31", 1)),
        Some(at("1900-01-01", 0)),
        // Beyond what fits into 64 bits as nanoseconds.
        Some(at("2262-04-12", 0)),
        Some(at("9999-12-31", MIDNIGHT - 1)),
        Some(at("2038-01-20", 1_000_000)),
        // When it was summer time in some places, and an hour that Berlin did not have.
        Some(at("1980-07-01", 1_000)),
        Some(at("2011-03-27", 9_000_000_000)),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..N as i64)),
        Arc::new(Int64Array::from(longs.to_vec())),
        Arc::new(Int32Array::from(ints.to_vec())),
        Arc::new(Float64Array::from(doubles.to_vec())),
        Arc::new(BooleanArray::from_iter(flags)),
        Arc::new(StringArray::from(names.to_vec())),
        Arc::new(BinaryArray::from(bytes.to_vec())),
        Arc::new(Date32Array::from(dates)),
        Arc::new(TimestampMicrosecondArray::from(moments.to_vec())),
    ];
    for field in &schema.fields()[columns.len()..] {
        let DataType::Decimal128(precision, scale) = *field.data_type() else {
            panic!("{field} is not among the rows")
        };
        let largest = 10_i128.pow(u32::from(precision)) - 1;
        // Around the limits of the integers that other writers keep decimals in.
        let some = [
            largest,
            -largest,
            0,
            1,
            -1,
            10_i128.pow(scale.unsigned_abs().into()),
            i128::from(i32::MAX) + 1,
            i128::from(i32::MIN) - 1,
            i128::from(i64::MAX) + 1,
            i128::from(i64::MIN) - 1,
            -(1 << 100),
        ];
        let fitting = some.map(|value| Some(value % (largest + 1)));
        let values = Decimal128Array::from_iter(fitting.into_iter().chain([None]));
        columns.push(Arc::new(values.with_precision_and_scale(precision, scale).unwrap()));
    }
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

/// A table with one partition, in both metastores.
struct Written {
    warehouse: Location,
    table: TableDef,
    schema: SchemaRef,
    partition: Partition,
    expected: Vec<Row>,
    catalogs: [HiveCatalog; 2],
}

impl Written {
    fn new(columns: &[(&str, &str)], rows: impl FnOnce(&SchemaRef) -> RecordBatch) -> Self {
        let database = unique();
        let warehouse = locate(&database);
        let table = table(&database, "every_type", &warehouse, columns, &["part"]);
        let schema = table.arrow_schema();
        let batch = rows(&schema);
        let change = write(&warehouse, &table, &[Some("one")], &batch);
        let catalogs = register(&warehouse, &table, std::slice::from_ref(&change));
        let expected = of_batch(&batch);
        Self { warehouse, table, schema, partition: change.partition, expected, catalogs }
    }

    fn files(&self) -> Vec<Location> {
        self.catalogs[0].data_files(&self.partition).unwrap()
    }

    fn spark_query(&self) -> String {
        let columns: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        format!("select {} from {} order by id", columns.join(", "), self.table.qualified_name())
    }

    fn assert_same(&self, reader: &str, found: Vec<Row>) {
        assert_same(reader, &sorted(found), &self.expected, &self.schema);
    }
}

#[test]
fn all_read_the_same_rows() {
    let written = Written::new(&COLUMNS, rows);
    let files = written.files();
    written.assert_same("this suite", of_files(&files, &written.schema));
    written.assert_same("DuckDB", of_duckdb(&files));
    let name = written.table.qualified_name();
    let mut hive = Hive::new();
    for zone in ["UTC", "Asia/Tokyo"] {
        hive.execute(&format!("set hive.local.time.zone={zone}"));
        for mode in [Mode::Fetch, Mode::Vectorised] {
            let found = hive.rows(mode, &written.schema, &name);
            written.assert_same(&format!("Hive, {mode:?}, {zone}"), found);
        }
    }
    for reader in [Reader::Own, Reader::Hive] {
        let found = spark().rows(reader, &written.spark_query());
        written.assert_same(&format!("Spark, {reader:?}"), found);
    }
    // And both metastores say the same of them.
    let [hive4, hive3] = written.catalogs.each_ref().map(|catalog| catalog.load().unwrap());
    assert_eq!(hive4.tables[&name].partitions, hive3.tables[&name].partitions);
    assert_eq!(hive4.tables[&name].partitions["part=one"].rows(), Some(12));
    assert_eq!(written.catalogs[1].data_files(&written.partition).unwrap(), files);
    assert!(files[0].path().starts_with(written.warehouse.path()));
}

#[test]
fn another_zone() {
    let written = Written::new(&COLUMNS, rows);
    let mut spark = Spark::start("Asia/Tokyo");
    // A session in UTC shows the instants, wherever the JVM is.
    written.assert_same("Spark in Tokyo", spark.rows(Reader::Own, &written.spark_query()));
    // Hive 2.3 makes wall-clock times of the JVM's zone, and Spark takes them for instants: nine hours early. So such a
    // Hive has to run in UTC. Everything else is the same.
    let found = spark.rows(Reader::Hive, &written.spark_query());
    let seen = written.schema.index_of("seen").unwrap();
    let nine_hours_later = |mut row: Row| {
        row[seen] =
            row[seen].take().map(|t| (t.parse::<i64>().unwrap() + 9 * 3_600_000_000).to_string());
        row
    };
    let found = found.into_iter().map(nine_hours_later).collect();
    written.assert_same("Spark with Hive's reader in Tokyo, nine hours later", found);
}

/// Dates before the Gregorian calendar, and timestamps before time zones.
///
/// A file says days and instants, and does not say in which calendar a reader is to write them. Hive up to 3.1 and Spark
/// 2 used the Julian one for dates before 1582-10-15; Hive 4 takes a file for such a one unless it says otherwise, and
/// Spark 3 refuses to guess, for INT96 timestamps before 1900 too. Shops have no orders from then.
#[test]
fn long_ago() {
    let date = |schema: &SchemaRef| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(0..3)),
            Arc::new(Date32Array::from(vec![
                day("1582-10-14"),
                day("1000-02-28"),
                day("0001-01-01"),
            ])),
        ];
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    };
    let moment = |schema: &SchemaRef| {
        let moments =
            vec![at("1899-12-31", 86_399_999_999), at("1582-10-14", 1), at("0001-01-01", 0)];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(0..3)),
            Arc::new(TimestampMicrosecondArray::from(moments)),
        ];
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    };
    let dates = Written::new(&[("id", "bigint"), ("born", "date")], date);
    let moments = Written::new(&[("id", "bigint"), ("seen", "timestamp")], moment);
    let mut hive = Hive::new();
    for (written, julian) in [(&dates, [true; 3]), (&moments, [false, true, true])] {
        let files = written.files();
        written.assert_same("this suite", of_files(&files, &written.schema));
        written.assert_same("DuckDB", of_duckdb(&files));
        let found = hive.rows(Mode::Fetch, &written.schema, &written.table.qualified_name());
        let found = sorted(found);
        let differs = [0, 1, 2].map(|row| found[row] != written.expected[row]);
        assert_eq!(differs, julian, "{found:?}");
        let problem = spark().query(Reader::Own, &written.spark_query()).unwrap_err();
        assert!(problem.contains("READ_ANCIENT_DATETIME"), "{problem}");
    }
}
