//! Values at the limits of their types.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, SchemaRef};
use arrow::record_batch::RecordBatch;

/// The columns of [`rows`], with Hive's types.
pub(super) const COLUMNS: [(&str, &str); 14] = [
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

/// Days since 1970 of a date of the Gregorian calendar, carried on backwards.
pub(super) fn day(text: &str) -> i32 {
    let days = cast(&StringArray::from(vec![text]), &DataType::Date32).unwrap();
    days.as_primitive::<Date32Type>().value(0)
}

/// Microseconds since 1970 of a moment of that day.
pub(super) fn at(date: &str, micros: i64) -> i64 {
    i64::from(day(date)) * 86_400_000_000 + micros
}

/// What every reader must read alike.
pub(super) fn rows(schema: &SchemaRef) -> RecordBatch {
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
