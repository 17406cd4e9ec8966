//! The two order tables, while files come and go in their partitions.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use store::Location;
use warehouse::catalog::{Catalog, NewPartition, parquet_files};
use warehouse::ddl::{ORDERS_REJECTED, ORDERS_TAGGED, TableDef};
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::schema::arrow_schema;

use super::hive::{Hive, Mode};
use super::spark::{Reader, spark};
use super::text::{Row, assert_same, of_batch, of_duckdb, of_files};
use super::values::at;
use crate::every_catalog::new_partition;
use crate::helper::{LOCK_WAIT, Shop, Version, locate, unique};

const N: usize = 6;
/// A day, a text that Hive escapes, and null.
const VALUES: [Option<&str>; 3] = [Some("2011-12-09"), Some("it's 12:30/é%"), None];

/// Rows of either table; the last one is as null as it can be. `first` is the first row's offset.
fn rows(table: &TableDef, first: i64) -> RecordBatch {
    let text =
        |values: [Option<&str>; N]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let some = |value| text([Some(value); N]);
    let moments = |values: [Option<i64>; N]| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values.to_vec()))
    };
    let seen = moments([Some(at("2026-11-22", 86_399_999_999)); N]);
    let long = vec![0xff; 100_000];
    let columns = table.columns.iter().map(|column| match column.name.as_str() {
        "invoice_no" => {
            text([Some("536365"), Some("C536379"), Some("A1"), Some(""), Some("日本"), None])
        }
        "stock_code" | "description" | "country" => text([
            Some("países"),
            Some("a\tb\nc\r"),
            Some("NULL"),
            Some("\\N"),
            Some("nul\0nul"),
            None,
        ]),
        "quantity" => Arc::new(Int32Array::from(vec![
            Some(6),
            Some(-1),
            Some(i32::MIN),
            Some(i32::MAX),
            Some(0),
            None,
        ])),
        "event_time" | "kafka_timestamp" => moments([
            Some(at("2011-12-09", 30_360_123_456)),
            Some(0),
            Some(-1),
            Some(at("2262-04-12", 1)),
            Some(at("1969-12-31", 1)),
            None,
        ]),
        "unit_price" => {
            let largest = 10_i128.pow(20) - 1;
            let values =
                [Some(25_500), Some(-110_620_600), Some(largest), Some(-largest), Some(-1), None];
            let values = Decimal128Array::from_iter(values);
            Arc::new(values.with_precision_and_scale(20, 4).unwrap())
        }
        "customer_id" => {
            let values =
                [Some(17_850), Some(i64::MAX), Some(1), Some(1 << 53), Some(i64::MIN), None];
            Arc::new(Int64Array::from(values.to_vec()))
        }
        "is_return" => Arc::new(BooleanArray::from(vec![
            Some(false),
            Some(true),
            Some(true),
            Some(false),
            None,
            None,
        ])),
        "segment_id" => {
            Arc::new(Int32Array::from(vec![Some(3), Some(0), Some(1), Some(2), None, None]))
        }
        "segment" => text([
            Some("High Value VIP"),
            Some("Churn Risk"),
            Some("Loyal / Frequent"),
            Some("New / Promising"),
            Some("Unknown"),
            Some("Unknown"),
        ]),
        "segment_snapshot" => {
            let day = Some("2011-12-08");
            text([day, day, day, day, day, None])
        }
        "ingest_time" => seen.clone(),
        "kafka_topic" => some("orders"),
        "kafka_partition" => Arc::new(Int32Array::from_iter_values(0..N as i32)),
        "kafka_offset" => Arc::new(Int64Array::from_iter_values(first..first + N as i64)),
        "reason" => some("not_json"),
        "detail" => text([
            Some("expected `{`, found '\u{1f6d2}'"),
            Some(""),
            Some("\""),
            Some("a\0b"),
            Some(" "),
            None,
        ]),
        "message_key" | "message_value" => Arc::new(BinaryArray::from(vec![
            Some(&b"{\"a\":1}"[..]),
            Some(&[0, 0xff, 0xfe, 0x80, 0]),
            Some(b""),
            Some(&long),
            Some(&[0xc3]),
            None,
        ])),
        other => panic!("no values for {other}"),
    });
    let columns = columns.collect();
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

fn write(folder: &Location, name: &str, batch: &RecordBatch) {
    let file = folder.join(name);
    let mut file = ParquetFile::create(&file, &batch.schema(), &WriteOptions::default()).unwrap();
    file.write(batch).unwrap();
    file.finish().unwrap();
}

/// All columns, the partition key last.
fn whole_schema(table: &TableDef) -> SchemaRef {
    arrow_schema(&[&table.columns[..], &table.partition_keys].concat())
}

/// The same tables in both metastores, and sessions of readers that were open before anything happened.
struct Readers {
    shops: [Shop; 2],
    hive: Hive,
}

impl Readers {
    fn new() -> Self {
        let database = unique();
        let warehouse = locate(&database);
        let shops = [Version::Hive4, Version::Hive3]
            .map(|version| Shop::with(&database, "", warehouse.clone(), version.uri()));
        for shop in &shops {
            shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        }
        Self { shops, hive: Hive::new() }
    }

    fn table(&self, base_name: &str) -> TableDef {
        self.shops[0].ddl.table(base_name).unwrap().clone()
    }

    fn folder(&self, location: &str) -> Location {
        self.shops[0].warehouse.join(location)
    }

    /// What both readers find in a table, each by its ways of reading.
    fn check(&mut self, table: &TableDef, expected: &[(&NewPartition, RecordBatch)]) {
        let rows_of = |null: Option<&str>| {
            let mut rows = Vec::new();
            for (partition, batch) in expected {
                let value = partition.values[0].as_deref().or(null).map(str::to_owned);
                rows.extend(of_batch(batch).into_iter().map(|mut row| {
                    row.push(value.clone());
                    row
                }));
            }
            rows.sort();
            rows
        };
        let schema = whole_schema(table);
        let compare = |reader: &str, mut found: Vec<Row>, expected: &[Row]| {
            found.sort();
            assert_same(&format!("{reader} in {}", table.name), &found, expected, &schema);
        };
        let name = table.qualified_name();
        // For Hive's readers a null key of type STRING is a text.
        let in_hive = rows_of(Some("__HIVE_DEFAULT_PARTITION__"));
        for mode in [Mode::Fetch, Mode::Vectorised] {
            compare(&format!("Hive, {mode:?}"), self.hive.rows(mode, &schema, &name), &in_hive);
        }
        // Counted from the files, also where Hive may answer from what it knows.
        let counted = self.hive.printed(&format!("select count(*) from {name}"));
        assert_eq!(counted, [[in_hive.len().to_string()]], "{name}");

        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let sql = format!("select {} from {name}", columns.join(", "));
        compare("Spark with Hive's reader", spark().rows(Reader::Hive, &sql), &in_hive);
        // With its own one a session remembers what was in a folder that it has read before.
        spark().rows(Reader::Own, &format!("refresh table {name}"));
        compare("Spark", spark().rows(Reader::Own, &sql), &rows_of(None));
    }
}

#[test]
fn files_come_and_go() {
    let mut readers = Readers::new();
    for base_name in [ORDERS_TAGGED, ORDERS_REJECTED] {
        let table = readers.table(base_name);
        let all = VALUES.map(|value| new_partition(&table, value));
        for shop in &readers.shops {
            shop.catalog.add_partitions(&table, &all, LOCK_WAIT).unwrap();
        }
        readers.check(&table, &[]);

        let mut expected = Vec::new();
        for (number, name) in ["b.parquet", "a.parquet"].into_iter().enumerate() {
            for (index, partition) in all.iter().enumerate() {
                let batch = rows(&table, (number * 100 + index * 10) as i64);
                let folder = readers.folder(&partition.location);
                write(&folder, name, &batch);
                // What a writer has not finished.
                if number == 0 {
                    for unfinished in ["_c.parquet", ".d.parquet"] {
                        folder.join(unfinished).write(b"PAR1").unwrap();
                    }
                }
                expected.push((partition, batch));
            }
            readers.check(&table, &expected);
        }

        // DuckDB and this suite know files, not tables.
        let files = parquet_files(&readers.folder(&all[0].location)).unwrap();
        assert_eq!(
            files.iter().map(Location::name).collect::<Vec<_>>(),
            ["a.parquet", "b.parquet"]
        );
        let mut in_files: Vec<Row> = expected
            .iter()
            .filter(|(partition, _)| *partition == &all[0])
            .flat_map(|(_, batch)| of_batch(batch))
            .collect();
        in_files.sort();
        for (reader, mut found) in
            [("DuckDB", of_duckdb(&files)), ("this suite", of_files(&files, &table.arrow_schema()))]
        {
            found.sort();
            assert_same(reader, &found, &in_files, &table.arrow_schema());
        }

        // A partition is moved: what is in its new folder is read, and nothing of the old one.
        let to = format!("{}/_moved/1", table.directory);
        let moved = rows(&table, 1_000);
        write(&readers.folder(&to), "c.parquet", &moved);
        let name = table.partition_name(&all[0].values);
        for shop in &readers.shops {
            let from = &all[0].location;
            shop.catalog.move_partition(&table, &name, from, &to, LOCK_WAIT).unwrap();
        }
        expected.retain(|(partition, _)| *partition != &all[0]);
        expected.push((&all[0], moved));
        readers.check(&table, &expected);

        // And dropped.
        let null = [table.partition_name(&all[2].values)];
        for shop in &readers.shops {
            shop.catalog.drop_partitions(&table, &null, LOCK_WAIT).unwrap();
        }
        expected.retain(|(partition, _)| *partition != &all[2]);
        readers.check(&table, &expected);
    }
}
