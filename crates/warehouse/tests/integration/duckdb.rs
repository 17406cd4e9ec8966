//! DuckDB as a reader that shares no code with this crate.
//!
//! Needs Python with DuckDB: `RFM_PYTHON` names the interpreter, `python3` if it is not set. Without DuckDB these
//! tests fail: a test that skips in silence reports green while testing nothing.

use std::process::Command;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use store::Location;
use warehouse::catalog::Catalog;

use crate::rows::rows;
use crate::shop::{N_ROWS, Shop, ddl};

fn duckdb(what: &str, files: &[Location]) -> Vec<String> {
    let python = std::env::var("RFM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python)
        .args(["-c", include_str!("duckdb.py"), what])
        .args(files.iter().map(Location::path))
        .output()
        .unwrap_or_else(|e| panic!("cannot run '{python}' (set RFM_PYTHON): {e}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{python}: {stderr}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A row as `duckdb.py` prints it.
fn print_row(batch: &RecordBatch, row: usize) -> String {
    let values = batch.columns().iter().map(|column| {
        if column.is_null(row) {
            return "None".to_owned();
        }
        match column.data_type() {
            DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
            DataType::Float64 => {
                format!("{:016x}", column.as_primitive::<Float64Type>().value(row).to_bits())
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                column.as_primitive::<TimestampMicrosecondType>().value(row).to_string()
            }
            DataType::Decimal128(..) => {
                column.as_primitive::<Decimal128Type>().value_as_string(row)
            }
            other => panic!("no text for {other}"),
        }
    });
    values.collect::<Vec<_>>().join("|")
}

#[test]
fn reads_the_same_values() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 3).unwrap();
    let state = shop.catalog.load().unwrap();
    for def in ddl().tables {
        let table = state.table(&def.qualified_name()).unwrap();
        let partition = table.partitions.values().next().unwrap();
        let files = shop.catalog.data_files(partition).unwrap();
        let expected = rows(&table.arrow_schema(), 0, N_ROWS, 3);
        let expected: Vec<_> =
            (0..expected.num_rows()).map(|row| print_row(&expected, row)).collect();
        assert_eq!(duckdb("rows", &files), expected, "{}", def.name);
    }
}

#[test]
fn reads_the_same_types_even_without_rows() {
    let shop = Shop::new();
    let ddl = ddl();
    let publication = shop.begin("2011-12-10").unwrap();
    crate::shop::write_and_publish(publication, &ddl.tables, 0, 1).unwrap();
    let state = shop.catalog.load().unwrap();
    for def in &ddl.tables {
        let partition =
            state.table(&def.qualified_name()).unwrap().partitions.values().next().unwrap();
        let files = shop.catalog.data_files(partition).unwrap();
        let expected: Vec<_> = def
            .columns
            .iter()
            .map(|column| {
                let hive_type = column.hive_type.to_string();
                let duckdb_type = match hive_type.as_str() {
                    "int" => "INTEGER".to_owned(),
                    "string" => "VARCHAR".to_owned(),
                    other => other.to_uppercase(),
                };
                format!("{} {duckdb_type}", column.name)
            })
            .collect();
        assert_eq!(duckdb("types", &files), expected, "{}", def.name);
        assert_eq!(duckdb("rows", &files), [""; 0], "{}", def.name);
    }
}
