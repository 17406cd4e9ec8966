//! Rows as text that is the same whoever has read them.
//!
//! A double is its bits, a date its days and a timestamp its microseconds since 1970 (UTC), a decimal has all digits
//! of its scale, and bytes are hexadecimal.

use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Decimal128Array, Float64Array, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, SchemaRef, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use store::Location;
use warehouse::read::read_files;

/// One text a column; none for null.
pub(crate) type Row = Vec<Option<String>>;

pub(crate) fn of_batch(batch: &RecordBatch) -> Vec<Row> {
    let row = |row| batch.columns().iter().map(|column| of_value(column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

fn of_value(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => hex(column.as_binary::<i32>().value(row)),
        DataType::Float64 => {
            format!("{:016x}", column.as_primitive::<Float64Type>().value(row).to_bits())
        }
        DataType::Date32 => column.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            column.as_primitive::<TimestampMicrosecondType>().value(row).to_string()
        }
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        other => panic!("no text for {other}"),
    })
}

/// What this suite reads itself.
pub(crate) fn of_files(files: &[Location], schema: &SchemaRef) -> Vec<Row> {
    let batches = read_files(files.to_vec(), schema.clone());
    batches.flat_map(|batch| of_batch(&batch.unwrap())).collect()
}

/// What DuckDB reads. It knows no HDFS, so it gets copies.
pub(crate) fn of_duckdb(files: &[Location]) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let copy = |(number, file): (usize, &Location)| {
        let copy = folder.path().join(format!("{number}.parquet"));
        std::fs::write(&copy, file.read().unwrap().unwrap()).unwrap();
        copy
    };
    let copies: Vec<_> = files.iter().enumerate().map(copy).collect();
    let mut command = python(include_str!("duckdb.py"));
    json(command.args(copies).stdin(Stdio::null()))
}

pub(crate) fn python(program: &str) -> Command {
    let python = std::env::var("RFM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command.args(["-c", program]);
    command
}

/// Runs a program that prints JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(command: &mut Command) -> T {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|e| panic!("cannot run {command:?} (set RFM_PYTHON): {e}"));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

/// The rows that Hive prints, when text and bytes are selected as `hex(...)`.
pub(crate) fn of_hive(printed: &[Vec<String>], schema: &SchemaRef) -> Vec<Row> {
    if printed.is_empty() {
        return Vec::new();
    }
    let columns = schema.fields().iter().enumerate().map(|(index, field)| -> ArrayRef {
        let texts = printed.iter().map(|row| Some(row[index].as_str()).filter(|t| *t != "NULL"));
        let unhex = |text: Option<&str>| text.map(unhex);
        match field.data_type() {
            DataType::Utf8 => {
                let text = |bytes: Option<Vec<u8>>| bytes.map(|b| String::from_utf8(b).unwrap());
                Arc::new(StringArray::from_iter(texts.map(unhex).map(text)))
            }
            DataType::Binary => Arc::new(BinaryArray::from_iter(texts.map(unhex))),
            // Java's text of a double names it exactly.
            DataType::Float64 => {
                let number = |text: Option<&str>| text.map(|t| t.parse::<f64>().unwrap());
                Arc::new(Float64Array::from_iter(texts.map(number)))
            }
            DataType::Decimal128(precision, scale) => {
                let unscaled = texts.map(|text| text.map(|text| unscaled(text, *scale)));
                let column = Decimal128Array::from_iter(unscaled);
                Arc::new(column.with_precision_and_scale(*precision, *scale).unwrap())
            }
            other => {
                let read = cast(&StringArray::from_iter(texts.clone()), other).unwrap();
                let unread = texts.enumerate().find(|(i, t)| t.is_some() && read.is_null(*i));
                assert_eq!(unread, None, "no {other}");
                read
            }
        }
    });
    of_batch(&RecordBatch::try_new(schema.clone(), columns.collect()).unwrap())
}

/// Rows in order of their first column, a number.
pub(crate) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row[0].as_ref().map(|id| id.parse::<i64>().unwrap()));
    rows
}

/// Compares a column at a time, so that the message is short.
pub(crate) fn assert_same(reader: &str, found: &[Row], expected: &[Row], schema: &SchemaRef) {
    assert_eq!(found.len(), expected.len(), "{reader}: number of rows");
    let mut problems = Vec::new();
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len(), "{reader}: number of columns");
        for (index, (a, b)) in found.iter().zip(expected).enumerate() {
            if a != b {
                let column = schema.fields().get(index).map_or("(key)", |f| f.name());
                problems.push(format!("row {:?} {column}: {a:?}, not {b:?}", expected[0]));
            }
        }
    }
    assert!(problems.is_empty(), "{reader} differs:\n{}", problems.join("\n"));
}

/// A decimal as Java prints it, `-1.50` or `1E-10`, without its point when it has `scale` digits behind it.
fn unscaled(text: &str, scale: i8) -> i128 {
    let (digits, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    let missing = i32::from(scale) - fraction.len() as i32 + exponent;
    digits * 10_i128.pow(u32::try_from(missing).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}
