//! Made-up rows for the three batch tables.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

/// Rows `first..first + rows` of any schema that has no binary or date columns. The values follow from the row number and `salt`;
/// the first column is the row number times three and so ascending.
pub(crate) fn rows(schema: &SchemaRef, first: i64, rows: i64, salt: i64) -> RecordBatch {
    let numbers = first..first + rows;
    let columns = schema.fields().iter().enumerate().map(|(index, field)| -> ArrayRef {
        let value = |row: i64| match index {
            0 => row * 3,
            _ => mix(row, index as i64 + salt * 100),
        };
        let numbers = numbers.clone();
        match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(numbers.map(value))),
            DataType::Int32 => {
                Arc::new(Int32Array::from_iter_values(numbers.map(|row| {
                    if index == 0 { (row * 3) as i32 } else { (value(row) % 400) as i32 }
                })))
            }
            DataType::Float64 => Arc::new(Float64Array::from_iter_values(
                numbers.map(|row| value(row) as f64 / 1e12),
            )),
            DataType::Utf8 => Arc::new(StringArray::from_iter(
                numbers.map(|row| (row % 11 != 0).then(|| format!("country {}", value(row) % 40))),
            )),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                // 1901 to 2036, so many of them before 1970
                let spread = 135 * 365 * 86_400_i64;
                Arc::new(TimestampMicrosecondArray::from_iter_values(numbers.map(|row| {
                    (value(row) % spread - 69 * 365 * 86_400) * 1_000_000 + value(row) % 1_000_000
                })))
            }
            DataType::Decimal128(precision, scale) => Arc::new(
                Decimal128Array::from_iter_values(
                    numbers.map(|row| i128::from(value(row) % 10_000_000_000) - 1_000_000),
                )
                .with_precision_and_scale(*precision, *scale)
                .unwrap(),
            ),
            other => panic!("no rows of type {other}"),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

/// A number that looks random, at least 0.
fn mix(row: i64, salt: i64) -> i64 {
    let mut x = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (salt as u64) << 17;
    x ^= x >> 31;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 29;
    (x >> 2) as i64
}
