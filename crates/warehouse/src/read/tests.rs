//! Reading some columns only.

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use tempfile::TempDir;

use super::*;
use crate::parquet_file::{ParquetFile, WriteOptions};

const N_ROWS: i64 = 20_000;

fn schema(text: DataType) -> SchemaRef {
    let fields = [("id", DataType::Int64), ("text", text), ("noise", DataType::Int64)];
    let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
    Arc::new(Schema::new(fields.to_vec()))
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Two files of a number, one of three texts, and a column that does not compress.
fn files(folder: &TempDir) -> Vec<Location> {
    let schema = schema(DataType::Utf8);
    let file = |n: i64| {
        let rows = n * N_ROWS..(n + 1) * N_ROWS;
        let noise = |row: i64| row.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_mul(row | 1);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(rows.clone())),
            Arc::new(StringArray::from_iter_values(rows.clone().map(text))),
            Arc::new(Int64Array::from_iter_values(rows.map(noise))),
        ];
        let path = Location::local(folder.path()).join(&format!("part-{n}.parquet"));
        let mut file = ParquetFile::create(&path, &schema, &WriteOptions::default()).unwrap();
        file.write(&RecordBatch::try_new(schema.clone(), columns).unwrap()).unwrap();
        file.finish().unwrap().path
    };
    (0..2).map(file).collect()
}

fn text(row: i64) -> &'static str {
    ["one", "two", "three"][row as usize % 3]
}

#[test]
fn reads_the_columns_in_the_order_of_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut row = 0;
    let columns = ["text", "id"];
    for batch in read_columns(files(&folder), schema(DataType::Utf8), &columns) {
        let batch = batch.unwrap();
        let names: Vec<_> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["id", "text"]);
        let (ids, texts) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1));
        for (id, found) in ids.values().iter().zip(texts.as_string::<i32>()) {
            assert_eq!((*id, found), (row, Some(text(row))));
            row += 1;
        }
    }
    assert_eq!(row, 2 * N_ROWS);
}

#[test]
fn gives_text_as_a_dictionary_if_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut row = 0;
    for batch in read_columns(files(&folder), schema(dictionary()), &["text"]) {
        let batch = batch.unwrap();
        let texts: &DictionaryArray<Int32Type> = batch.column(0).as_dictionary();
        assert_eq!(texts.values().len(), 3);
        for found in texts.downcast_dict::<StringArray>().unwrap() {
            assert_eq!(found, Some(text(row)));
            row += 1;
        }
    }
    assert_eq!(row, 2 * N_ROWS);
}

#[test]
fn leaves_other_columns_unread() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    let bytes_read = || -> u64 {
        let counters = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let rchar = counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        rchar.parse().unwrap()
    };
    let cost = |columns: &[&str]| {
        let before = bytes_read();
        let rows = read_columns(files.clone(), schema(DataType::Utf8), columns);
        assert_eq!(rows.map(|batch| batch.unwrap().num_rows() as i64).sum::<i64>(), 2 * N_ROWS);
        bytes_read() - before
    };
    let noise_bytes = 2 * N_ROWS as u64 * 8;
    let (some, all) = (cost(&["text"]), cost(&["id", "text", "noise"]));
    assert!(some < noise_bytes / 2 && all > noise_bytes, "{some} and {all}");
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = read_columns(files(&folder), schema(DataType::Utf8), &["id", "nothing"]);
    let error = rows.next().unwrap().unwrap_err();
    assert!(matches!(&error, ReadError::NoColumn { column, .. } if column == "nothing"), "{error}");
    assert!(error.to_string().contains("part-0.parquet"), "{error}");
    assert!(rows.next().is_none());
}
