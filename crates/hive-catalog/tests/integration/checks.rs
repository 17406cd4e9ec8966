//! The checks of order tables in `hive/checks`, as an operator runs them.

use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use store::Location;
use tempfile::TempDir;
use test_cluster::Beeline;
use warehouse::catalog::Catalog;
use warehouse::ddl::{ORDERS_REJECTED, ORDERS_TAGGED, TableDef};
use warehouse::parquet_file::{ParquetFile, WriteOptions};

use crate::every_catalog::new_partition;
use crate::helper::{LOCK_WAIT, Shop, Version, cluster};

const NAMES: [&str; 3] = ["30_orders_tagged", "31_orders_rejected", "32_orders_or_rejected"];
/// 2011-12-09 00:00 UTC, in microseconds since 1970.
const DAY: i64 = 15_317 * 86_400_000_000;

/// Those of `hive/checks` that are about order tables.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES.iter().flat_map(|name| [format!("{name}.sql"), format!("{name}.expected")]) {
        let from = format!("{}/../../hive/checks/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, folder.path().join(name)).unwrap();
    }
    folder
}

/// Runs the checks: which word begins the line of each, and the exit code.
fn expect(database: &str, prefix: &str, expected: [&str; 3], code: i32) {
    let folder = folder();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let path = format!("{root}/dev/cluster/bin:{}", std::env::var("PATH").unwrap());
    let output = Command::new(format!("{root}/hive/checks/run"))
        .args(["--database", database, "--prefix", prefix])
        .arg(folder.path())
        .envs(cluster().envs())
        .env("PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = folder.path().to_str().unwrap();
    let of_check = |name: &str| {
        let line = text.lines().find(|line| line.contains(&format!("{folder}/{name}")));
        line.unwrap_or_else(|| panic!("{name} is not in {text}\n{output:?}"))
    };
    let words = NAMES.map(|name| of_check(name).split(' ').next().unwrap());
    assert_eq!((words, output.status.code()), (expected, Some(code)), "{text}");
}

/// Writes a file with one row that passes, but for these values.
fn write(
    shop: &Shop,
    table: &TableDef,
    file: &str,
    offset: i64,
    values: &[(&str, &ArrayRef)],
) -> Location {
    let column = |name: &str| -> ArrayRef {
        match name {
            "quantity" | "segment_id" => Arc::new(Int32Array::from(vec![1])),
            "kafka_partition" => Arc::new(Int32Array::from(vec![0])),
            "event_time" | "kafka_timestamp" | "ingest_time" => {
                Arc::new(TimestampMicrosecondArray::from(vec![DAY + 86_399_999_999]))
            }
            "unit_price" => {
                let values = Decimal128Array::from(vec![25_500]);
                Arc::new(values.with_precision_and_scale(20, 4).unwrap())
            }
            "customer_id" => Arc::new(Int64Array::from(vec![17_850])),
            "kafka_offset" => Arc::new(Int64Array::from(vec![offset])),
            "is_return" => Arc::new(BooleanArray::from(vec![false])),
            "message_key" | "message_value" => Arc::new(BinaryArray::from(vec![&b"\0"[..]])),
            _ => Arc::new(StringArray::from(vec![name])),
        }
    };
    let value = |name: &str| {
        let given = values.iter().find(|(column, _)| *column == name);
        given.map_or_else(|| column(name), |(_, value)| Arc::clone(value))
    };
    let columns = table.columns.iter().map(|column| value(&column.name)).collect();
    let batch = RecordBatch::try_new(table.arrow_schema(), columns).unwrap();
    let new = new_partition(table, Some("2011-12-09"));
    shop.catalog.add_partitions(table, std::slice::from_ref(&new), LOCK_WAIT).unwrap();
    let path = shop.warehouse.join(&new.location).join(file);
    let mut file =
        ParquetFile::create(&path, &table.arrow_schema(), &WriteOptions::default()).unwrap();
    file.write(&batch).unwrap();
    file.finish().unwrap();
    path
}

fn text(value: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn null(kind: DataType) -> ArrayRef {
    new_null_array(&kind, 1)
}

/// What a check answers, without the words that its lines begin with, and the same as it should be. In a session that is
/// open already, for each beeline takes seconds to start.
fn answers(beeline: &mut Beeline, shop: &Shop, check: usize) -> [Vec<Vec<String>>; 2] {
    let file = |kind: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hive/checks");
        std::fs::read_to_string(format!("{folder}/{}.{kind}", NAMES[check])).unwrap()
    };
    let sql =
        file("sql").replace("${hivevar:database}", &shop.database).replace("${hivevar:prefix}", "");
    let lines: Vec<_> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    let statements = lines.join("\n");
    let statements = statements.split(';').filter(|statement| !statement.trim().is_empty());
    let answers = statements.flat_map(|statement| beeline.query(statement).unwrap());
    let expected = file("expected");
    let expected = expected.lines().map(|line| line.split('\t').map(str::to_owned).collect());
    let without_word = |line: Vec<String>| line[1..].to_vec();
    [answers.map(without_word).collect(), expected.map(without_word).collect()]
}

#[test]
fn hold_before_there_are_tables_and_without_rows() {
    let plain = Shop::new(Version::Hive4);
    let shop = Shop::with(&plain.database, "my_", plain.warehouse.clone(), Version::Hive4.uri());
    // Not even a database: that is somebody's mistake.
    expect(&shop.database, "my_", ["FAILED"; 3], 1);
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    expect(&shop.database, "my_", ["ok"; 3], 0);
    // Those of another prefix do not count.
    expect(&shop.database, "", ["absent"; 3], 0);
}

#[test]
fn find_what_is_wrong() {
    let shop = Shop::new(Version::Hive4);
    let mut beeline = cluster().beeline();
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    let [tagged, rejected] =
        [ORDERS_TAGGED, ORDERS_REJECTED].map(|name| shop.ddl.table(name).unwrap());
    let (no_number, no_text) = (null(DataType::Int32), null(DataType::Utf8));
    let next_day: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![DAY + 86_400_000_000]));
    let unknown = text("Unknown");
    write(&shop, tagged, "1.parquet", 1, &[]);
    let no_segment = [
        ("customer_id", &null(DataType::Int64)),
        ("segment_id", &no_number),
        ("segment_snapshot", &no_text),
        ("segment", &unknown),
    ];
    write(&shop, tagged, "2.parquet", 2, &no_segment);
    write(&shop, rejected, "3.parquet", 3, &[]);
    for check in 0..NAMES.len() {
        let [found, expected] = answers(&mut beeline, &shop, check);
        assert_eq!(found, expected);
    }

    // A row, and which answers it makes false: line and column.
    type Wrong<'v> =
        (usize, &'v TableDef, i64, &'v [(&'v str, &'v ArrayRef)], &'v [(usize, usize)]);
    let cases: [Wrong<'_>; 7] = [
        (
            0,
            tagged,
            1,
            &[("event_time", &next_day), ("segment_id", &no_number)],
            &[(0, 0), (1, 0), (1, 2)],
        ),
        (
            0,
            tagged,
            9,
            &[("kafka_topic", &no_text), ("segment_snapshot", &no_text)],
            &[(1, 1), (1, 3)],
        ),
        (0, tagged, 9, &[("segment", &unknown)], &[(1, 2)]),
        (0, tagged, 9, &[("segment", &no_text)], &[(1, 2)]),
        (1, rejected, 9, &[("kafka_partition", &no_number)], &[(1, 1)]),
        (
            1,
            rejected,
            3,
            &[("ingest_time", &next_day), ("reason", &no_text)],
            &[(0, 0), (1, 0), (1, 2)],
        ),
        (2, rejected, 1, &[], &[(0, 0)]),
    ];
    for (check, table, offset, values, wrong) in cases {
        let file = write(&shop, table, "wrong.parquet", offset, values);
        let [found, mut expected] = answers(&mut beeline, &shop, check);
        for &(line, column) in wrong {
            expected[line][column] = "false".to_owned();
        }
        assert_eq!(found, expected, "{values:?} in {}", table.name);
        // The last one stays.
        if check < 2 {
            file.remove_file().unwrap();
        }
    }
    expect(&shop.database, "", ["ok", "ok", "FAILED"], 1);
}
