use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use parquet::basic::{Compression, ConvertedType, Type as PhysicalType};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;

use super::*;
use crate::read::read_files;

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// One column of every type.
fn all_types() -> SchemaRef {
    schema(&[
        ("id", DataType::Int64),
        ("i", DataType::Int32),
        ("d", DataType::Float64),
        ("s", DataType::Utf8),
        ("b", DataType::Binary),
        ("day", DataType::Date32),
        ("ts", TIMESTAMP),
        ("flag", DataType::Boolean),
        ("small", DataType::Decimal128(7, 2)),
        ("middle", DataType::Decimal128(18, 4)),
        ("large", DataType::Decimal128(38, 10)),
    ])
}

fn sorted_by_id() -> WriteOptions {
    WriteOptions { sorted_by: Some("id".to_owned()), ..WriteOptions::default() }
}

/// Rows of `all_types`, with a null in each column but the first every few rows.
fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let every = |n: i64| rows.clone().map(move |row| (row % n != 1).then_some(row));
    let decimals = |precision, scale, factor: i128| {
        Decimal128Array::from_iter(every(4).map(|v| v.map(|v| i128::from(v) * factor - 500)))
            .with_precision_and_scale(precision, scale)
            .unwrap()
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row * 2))),
        Arc::new(Int32Array::from_iter(every(5).map(|v| v.map(|v| (v % 100) as i32 - 50)))),
        Arc::new(Float64Array::from_iter(every(6).map(|v| v.map(|v| v as f64 / 7.0)))),
        Arc::new(StringArray::from_iter(every(7).map(|v| v.map(|v| format!("v {}", v % 300))))),
        Arc::new(BinaryArray::from_iter(every(8).map(|v| v.map(|v| v.to_le_bytes())))),
        Arc::new(Date32Array::from_iter(every(9).map(|v| v.map(|v| v as i32 - 40_000)))),
        Arc::new(TimestampMicrosecondArray::from_iter(
            every(3).map(|v| v.map(|v| (v - 1_000) * 86_399_999_999)),
        )),
        Arc::new(BooleanArray::from_iter(every(10).map(|v| v.map(|v| v % 3 == 0)))),
        Arc::new(decimals(7, 2, 1)),
        Arc::new(decimals(18, 4, 1_000_000_007)),
        Arc::new(decimals(38, 10, 10_i128.pow(30))),
    ];
    RecordBatch::try_new(all_types(), columns).unwrap()
}

fn create(
    path: &Path,
    schema: &SchemaRef,
    options: &WriteOptions,
) -> Result<ParquetFile, ParquetFileError> {
    ParquetFile::create(&Location::local(path), schema, options)
}

fn write(path: &Path, batches: &[RecordBatch], options: &WriteOptions) -> FileInfo {
    let mut file = create(path, &batches[0].schema(), options).unwrap();
    for batch in batches {
        file.write(batch).unwrap();
    }
    file.finish().unwrap()
}

fn read(path: &Path, schema: &SchemaRef) -> RecordBatch {
    let batches: Result<Vec<_>, _> =
        read_files(vec![Location::local(path)], schema.clone()).collect();
    concat_batches(schema, &batches.unwrap()).unwrap()
}

fn metadata(path: &Path) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&File::open(path).unwrap())
        .unwrap()
}

#[test]
fn physical_types_are_those_that_hive_3_1_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let info = write(&path, &[batch(0..10)], &WriteOptions::default());
    assert_eq!(info.rows, 10);
    assert_eq!(info.bytes, std::fs::metadata(&path).unwrap().len());

    let metadata = metadata(&path);
    let columns: Vec<_> = metadata
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|c| (c.name().to_owned(), c.physical_type(), c.converted_type(), c.type_length()))
        .collect();
    let expected = [
        ("id", PhysicalType::INT64, ConvertedType::NONE, -1),
        ("i", PhysicalType::INT32, ConvertedType::NONE, -1),
        ("d", PhysicalType::DOUBLE, ConvertedType::NONE, -1),
        ("s", PhysicalType::BYTE_ARRAY, ConvertedType::UTF8, -1),
        ("b", PhysicalType::BYTE_ARRAY, ConvertedType::NONE, -1),
        ("day", PhysicalType::INT32, ConvertedType::DATE, -1),
        ("ts", PhysicalType::INT96, ConvertedType::NONE, -1),
        ("flag", PhysicalType::BOOLEAN, ConvertedType::NONE, -1),
        ("small", PhysicalType::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL, 4),
        ("middle", PhysicalType::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL, 8),
        ("large", PhysicalType::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL, 16),
    ];
    assert_eq!(columns, expected.map(|(name, p, c, len)| (name.to_owned(), p, c, len)));
    assert!(metadata.file_metadata().created_by().unwrap().starts_with("parquet-rs version "));
    // An embedded Arrow schema would make Arrow readers ask for INT64 timestamps.
    assert!(metadata.file_metadata().key_value_metadata().is_none());
    for column in metadata.row_group(0).columns() {
        assert_eq!(column.compression(), Compression::SNAPPY);
    }
}

#[test]
fn row_groups_pages_and_order_are_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    write(&path, &[batch(0..65_000), batch(65_000..70_000)], &sorted_by_id());
    let metadata = metadata(&path);
    let rows: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [65_536, 4_464]);
    for (group, indexes) in metadata.row_groups().iter().zip(metadata.offset_index().unwrap()) {
        let expected: Vec<i64> = (0..group.num_rows()).step_by(4_096).collect();
        for (column, index) in group.columns().iter().zip(indexes) {
            let first_rows: Vec<_> =
                index.page_locations().iter().map(|page| page.first_row_index).collect();
            // Where a dictionary grows too large, the page under way ends early and, for binary columns, the next is
            // up to 1,024 rows longer. The key never has a dictionary.
            if column.column_path().string() == "id" {
                assert_eq!(first_rows, expected);
            }
            let longest = first_rows.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(longest.unwrap() <= 4_096 + 1_024, "{}", column.column_path());
        }
        let order = group.sorting_columns().unwrap();
        assert_eq!(order.len(), 1);
        assert_eq!(
            (order[0].column_idx, order[0].descending, order[0].nulls_first),
            (0, false, true)
        );
    }
    let unsorted = folder.path().join("y.parquet");
    write(&unsorted, &[batch(0..10)], &WriteOptions::default());
    assert!(self::metadata(&unsorted).row_group(0).sorting_columns().is_none());
}

#[test]
fn dictionaries_stay_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    write(&path, &[batch(0..65_536)], &sorted_by_id());
    for column in metadata(&path).row_group(0).columns() {
        let name = column.column_path().string();
        // The library writes none for decimals and booleans.
        let expected = matches!(name.as_str(), "i" | "s" | "b" | "day" | "ts");
        assert_eq!(column.dictionary_page_offset().is_some(), expected, "{name}");
        if let Some(start) = column.dictionary_page_offset() {
            // The library looks at the size after each 1,024 values.
            let bytes = column.data_page_offset() - start;
            assert!(bytes < 2 * MAX_DICTIONARY_BYTES as i64, "{name}: {bytes}");
        }
    }
}

#[test]
fn statistics_are_exact_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema =
        schema(&[("s", DataType::Utf8), ("ts", TIMESTAMP), ("m", DataType::Decimal128(9, 2))]);
    let long = "é".repeat(300);
    let rows = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(StringArray::from(vec![Some(long.as_str()), None, Some("a")])),
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-5), Some(7), None])),
            Arc::new(
                Decimal128Array::from(vec![Some(-300), Some(200), None])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ],
    );
    let rows = [rows.unwrap()];
    write(&path, &rows, &WriteOptions::default());
    let without = folder.path().join("y.parquet");
    write(&without, &rows, &WriteOptions { text_statistics: false, ..WriteOptions::default() });
    let of_without = metadata(&without);
    assert!(of_without.row_group(0).column(0).statistics().is_none());
    assert!(matches!(of_without.column_index().unwrap()[0][0], ColumnIndexMetaData::NONE));
    let metadata = metadata(&path);
    let group = metadata.row_group(0);
    assert_eq!(of_without.row_group(0).column(2).statistics(), group.column(2).statistics());
    let Some(Statistics::ByteArray(text)) = group.column(0).statistics() else { panic!() };
    assert_eq!(text.min_opt().unwrap().data(), b"a");
    assert_eq!(text.max_opt().unwrap().data(), long.as_bytes());
    assert!(text.max_is_exact() && text.min_is_exact());
    assert_eq!(text.null_count_opt(), Some(1));
    assert!(group.column(1).statistics().is_none());
    let Some(Statistics::FixedLenByteArray(money)) = group.column(2).statistics() else { panic!() };
    assert_eq!(money.min_opt().unwrap().data(), (-300_i32).to_be_bytes());
    assert_eq!(money.max_opt().unwrap().data(), 200_i32.to_be_bytes());
    let indexes = &metadata.column_index().unwrap()[0];
    let ColumnIndexMetaData::BYTE_ARRAY(index) = &indexes[0] else { panic!() };
    assert_eq!(index.max_value(0).unwrap(), long.as_bytes());
    assert!(matches!(indexes[1], ColumnIndexMetaData::NONE));
}

#[test]
fn bytes_depend_on_the_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let whole = batch(0..150_000);
    let options = WriteOptions { rows_per_row_group: 20_000, ..sorted_by_id() };
    let mut files = Vec::new();
    for (name, threads, step) in
        [("a", 1, 150_000), ("b", 4, 150_000), ("c", 4, 7_777), ("d", 2, 20_000)]
    {
        let path = folder.path().join(name);
        let starts = (0..whole.num_rows()).step_by(step);
        let parts: Vec<_> =
            starts.map(|at| whole.slice(at, step.min(whole.num_rows() - at))).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| write(&path, &parts, &options));
        files.push(std::fs::read(&path).unwrap());
    }
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_file_without_rows_has_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let info = create(&path, &all_types(), &sorted_by_id()).unwrap().finish().unwrap();
    assert_eq!(info.rows, 0);
    assert_eq!(read(&path, &all_types()).num_rows(), 0);
}

#[test]
fn never_overwrites_and_removes_what_is_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    std::fs::write(&path, "precious").unwrap();
    let error = create(&path, &all_types(), &sorted_by_id()).err().unwrap();
    assert!(error.to_string().contains("never overwritten"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");

    let path = folder.path().join("y.parquet");
    let mut file = create(&path, &all_types(), &sorted_by_id()).unwrap();
    file.write(&batch(0..70_000)).unwrap();
    assert!(path.exists());
    drop(file);
    assert!(!path.exists());
}

#[test]
fn refuses_rows_out_of_order() {
    let folder = tempfile::tempdir().unwrap();
    let row_groups_of_4 = WriteOptions { rows_per_row_group: 4, ..sorted_by_id() };
    for (name, batches, row) in [
        ("within", vec![batch(0..3), batch(1..2)], 3),
        ("across row groups", vec![batch(0..8), batch(6..9)], 8),
    ] {
        let mut file = create(&folder.path().join(name), &all_types(), &row_groups_of_4).unwrap();
        let error = batches
            .iter()
            .try_for_each(|batch| file.write(batch))
            .and_then(|()| file.finish().map(drop))
            .unwrap_err();
        assert!(error.to_string().ends_with(&format!("sorted by 'id': see row {row}")), "{error}");
    }
    let error = create(
        &folder.path().join("z"),
        &all_types(),
        &WriteOptions { sorted_by: Some("nothing".to_owned()), ..WriteOptions::default() },
    );
    let message = error.err().unwrap().to_string();
    assert!(message.contains("no column 'nothing' to sort by"), "{message}");
}

#[test]
fn refuses_values_that_would_be_cut() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, array: ArrayRef, message: &str| {
        let schema = schema(&[("c", array.data_type().clone())]);
        let path = folder.path().join(name);
        let mut file = create(&path, &schema, &WriteOptions::default()).unwrap();
        file.write(&RecordBatch::try_new(schema, vec![array]).unwrap()).unwrap();
        let error = file.finish().unwrap_err();
        assert!(error.to_string().contains("column 'c'"), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.is_retryable());
    };
    let decimal =
        |value| Decimal128Array::from(vec![value]).with_precision_and_scale(5, 2).unwrap();
    check("a", Arc::new(decimal(100_000)), "too large");
    check("b", Arc::new(decimal(-100_000)), "too small");
    for (name, micros) in [("c", int96::MIN_MICROS - 1), ("d", int96::MAX_MICROS + 1)] {
        let instants = TimestampMicrosecondArray::from(vec![micros]);
        check(name, Arc::new(instants), "years 1 to 9999");
    }
}

#[test]
fn refuses_other_columns() {
    let folder = tempfile::tempdir().unwrap();
    let file_schema = schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]);
    let path = folder.path().join("x");
    let mut file = create(&path, &file_schema, &WriteOptions::default()).unwrap();
    for (fields, message) in [
        (&[("a", DataType::Int64)][..], "column 'b' is missing"),
        (
            &[("a", DataType::Int32), ("b", DataType::Utf8)],
            "column 1 is 'a' Int32, expected 'a' Int64",
        ),
        (
            &[("b", DataType::Utf8), ("a", DataType::Int64)],
            "column 1 is 'b' Utf8, expected 'a' Int64",
        ),
        (
            &[("a", DataType::Int64), ("b", DataType::Utf8), ("c", DataType::Utf8)],
            "column 'c' is not expected",
        ),
    ] {
        let error = file.write(&RecordBatch::new_empty(schema(fields))).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
    }
    let unsupported = schema(&[("u", DataType::UInt8)]);
    let error = create(&folder.path().join("y"), &unsupported, &WriteOptions::default());
    assert!(matches!(error.err().unwrap(), ParquetFileError::Schema { .. }));
}

#[test]
fn reads_back_every_type_with_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let rows = batch(0..20_000);
    write(&path, std::slice::from_ref(&rows), &sorted_by_id());
    assert_eq!(read(&path, &all_types()), rows);
}

#[test]
fn timestamps_are_read_as_microseconds_over_the_whole_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = schema(&[("ts", TIMESTAMP)]);
    let micros = vec![
        Some(int96::MIN_MICROS),
        Some(-2_208_988_800_000_001),
        Some(-1),
        None,
        Some(0),
        Some(1_323_436_200_123_456),
        Some(int96::MAX_MICROS),
    ];
    let rows = TimestampMicrosecondArray::from(micros.clone());
    let rows = RecordBatch::try_new(schema.clone(), vec![Arc::new(rows)]).unwrap();
    write(&path, &[rows], &WriteOptions::default());
    let read = read(&path, &schema);
    let values = read.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(values.iter().collect::<Vec<_>>(), micros);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_survive(
        values in prop::collection::vec(
            (
                any::<Option<i64>>(),
                any::<Option<f64>>(),
                any::<Option<String>>(),
                prop::option::of(int96::MIN_MICROS..=int96::MAX_MICROS),
                prop::option::of(-(10_i128.pow(20) - 1)..10_i128.pow(20)),
                prop::option::of(-99_999_i128..=99_999),
            ),
            0..40,
        ),
        rows_per_row_group in 1_usize..20,
    ) {
        let schema = schema(&[
            ("i", DataType::Int64),
            ("d", DataType::Float64),
            ("s", DataType::Utf8),
            ("ts", TIMESTAMP),
            ("m", DataType::Decimal128(20, 4)),
            ("n", DataType::Decimal128(5, 0)),
        ]);
        let decimals = |values: Vec<Option<i128>>, precision, scale| {
            Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap()
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(values.iter().map(|v| v.0).collect::<Int64Array>()),
            Arc::new(values.iter().map(|v| v.1).collect::<Float64Array>()),
            Arc::new(values.iter().map(|v| v.2.clone()).collect::<StringArray>()),
            Arc::new(values.iter().map(|v| v.3).collect::<TimestampMicrosecondArray>()),
            Arc::new(decimals(values.iter().map(|v| v.4).collect(), 20, 4)),
            Arc::new(decimals(values.iter().map(|v| v.5).collect(), 5, 0)),
        ];
        let rows = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let options = WriteOptions { rows_per_row_group, ..WriteOptions::default() };
        write(&path, std::slice::from_ref(&rows), &options);
        prop_assert_eq!(read(&path, &schema), rows);
    }
}
