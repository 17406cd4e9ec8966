use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{Field, Int64Type, Schema};
use store::Location;
use warehouse::parquet_file::{ParquetFile, WriteOptions};

use super::*;

const COLUMNS: [&str; 2] = [CUSTOMER_ID, "name"];

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(CUSTOMER_ID, DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
    ]))
}

/// A file of these customers, with tiny pages and row groups.
fn file(folder: &std::path::Path, name: &str, ids: &[i64]) -> Location {
    let path = Location::local(folder.join(name));
    let options =
        WriteOptions { rows_per_row_group: 2_048, rows_per_page: 1_024, ..WriteOptions::default() };
    let mut file = ParquetFile::create(&path, &schema(), &options).unwrap();
    let names = ids.iter().map(|id| format!("customer {id}"));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(StringArray::from_iter_values(names)),
    ];
    file.write(&RecordBatch::try_new(schema(), columns).unwrap()).unwrap();
    file.finish().unwrap();
    path
}

#[test]
fn finds_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    // Every third number, over several row groups and two files; the second one is not sorted.
    let first: Vec<i64> = (0..5_000).map(|n| n * 3).collect();
    let second: Vec<i64> = (0..3_000).map(|n| 20_000 + (n * 7_919) % 3_000).collect();
    let files = vec![file(folder.path(), "a", &first), file(folder.path(), "b", &second)];
    let reopen = || CustomerFiles::open(&files, &schema(), &COLUMNS).unwrap();
    let open = reopen();
    assert_eq!(open.rows(), 8_000);
    assert!(open.memory_bytes() > 0);
    let held = reopen().hold(1 << 20).unwrap();
    let bytes: u64 = files.iter().map(|file| file.stat().unwrap().unwrap().size).sum();
    let more = held.memory_bytes() - open.memory_bytes();
    assert!((bytes / 2..=bytes).contains(&(more as u64)), "{more} of {bytes}");
    let too_large = reopen().hold(1_000).unwrap();
    assert_eq!(too_large.memory_bytes(), open.memory_bytes());
    // What is held is asked of nobody.
    for file in &files {
        std::fs::write(file.path(), vec![0; file.stat().unwrap().unwrap().size as usize]).unwrap();
    }
    assert!(open.find(3).is_err());
    let open = held;
    let asked = [0, 3, 14_997, 20_000, 22_999, 1, 2, -3, 15_000, 23_000, i64::MIN, i64::MAX];
    for id in asked.into_iter().chain((0..15_000).step_by(487)) {
        let found = open.find(id).unwrap();
        let is_there = (0..15_000).contains(&id) && id % 3 == 0 || (20_000..23_000).contains(&id);
        assert_eq!(found.is_some(), is_there, "{id}");
        if let Some(row) = found {
            assert_eq!(row.column(0).as_primitive::<Int64Type>().value(0), id);
            assert_eq!(row.column(1).as_string::<i32>().value(0), format!("customer {id}"));
        }
    }
}

#[test]
fn what_is_gone_or_damaged_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a", &[1, 2, 3]);
    // An open local file can still be read when its name is gone.
    let open = CustomerFiles::open(std::slice::from_ref(&path), &schema(), &COLUMNS).unwrap();
    path.remove_file().unwrap();
    assert!(open.find(2).unwrap().is_some());
    let gone = CustomerFiles::open(std::slice::from_ref(&path), &schema(), &COLUMNS).unwrap_err();
    assert!(matches!(gone, ReadError::Gone { .. }) && gone.is_retryable());
    path.write(b"PAR1 is not all there is to a file PAR1").unwrap();
    let damaged =
        CustomerFiles::open(std::slice::from_ref(&path), &schema(), &COLUMNS).unwrap_err();
    assert!(matches!(damaged, ReadError::Parquet { .. }), "{damaged}");
}
