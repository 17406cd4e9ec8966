//! Every type there is, in every reader.
//!
//! What they do *not* read alike, with what is tested of it:
//! - dates before 1582-10-15 and timestamps before 1900: [`long_ago`];
//! - timestamps in Hive's reader of an older version, in a JVM whose zone is not UTC: [`another_zone`].
//!
//! What they read alike, and print in ways of their own: zero with ten digits after the point is `0E-10` in beeline, and
//! Spark with Hive's reader gives small numbers of that type more zeros.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use hive_catalog::HiveCatalog;
use store::Location;
use warehouse::catalog::Catalog;
use warehouse::catalog_state::Partition;
use warehouse::ddl::TableDef;

use super::hive::{Hive, Mode};
use super::spark::{Reader, Spark, spark};
use super::table::{register, table, write};
use super::text::{Row, assert_same, of_batch, of_duckdb, of_files, sorted};
use super::values::{COLUMNS, at, day, rows};
use crate::helper::{locate, unique};

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
