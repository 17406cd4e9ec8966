//! The physical layout of a file: which Parquet type stands for which column.
//!
//! Chosen for the strictest reader. Hive 3.1 reads a timestamp only as INT96 (an INT64 raises a cast error) and a
//! decimal only as FIXED_LEN_BYTE_ARRAY or BINARY (HIVE-19069, HIVE-21987), whatever its precision; Hive 4, Spark,
//! Trino and DuckDB read both forms.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

use crate::schema::{HiveType, SchemaError};

/// The Parquet schema of a file with these columns, all of them optional.
pub(super) fn parquet_schema(columns: &[(String, HiveType)]) -> Result<TypePtr, ParquetError> {
    let fields = columns
        .iter()
        .map(|(name, hive_type)| leaf(name, *hive_type).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder("hive_schema").with_fields(fields).build()?))
}

/// The columns of an Arrow schema with their Hive types.
pub(super) fn hive_columns(schema: &Schema) -> Result<Vec<(String, HiveType)>, SchemaError> {
    let column = |field: &Arc<Field>| Ok((field.name().clone(), HiveType::from_arrow(field)?));
    schema.fields().iter().map(column).collect()
}

/// Whether values of this type are written as INT96.
pub(super) fn is_int96(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn leaf(name: &str, hive_type: HiveType) -> Result<Type, ParquetError> {
    let plain = |physical| Type::primitive_type_builder(name, physical);
    let builder = match hive_type {
        HiveType::Boolean => plain(PhysicalType::BOOLEAN),
        HiveType::Int => plain(PhysicalType::INT32),
        HiveType::BigInt => plain(PhysicalType::INT64),
        HiveType::Double => plain(PhysicalType::DOUBLE),
        HiveType::Binary => plain(PhysicalType::BYTE_ARRAY),
        HiveType::Timestamp => plain(PhysicalType::INT96),
        // The older annotation (converted type) stands beside the newer one: parquet-mr 1.10, which Hive 3.1 ships,
        // knows only that. The library derives it from the logical type.
        HiveType::String => {
            plain(PhysicalType::BYTE_ARRAY).with_logical_type(Some(LogicalType::String))
        }
        HiveType::Date => plain(PhysicalType::INT32).with_logical_type(Some(LogicalType::Date)),
        HiveType::Decimal { precision, scale } => plain(PhysicalType::FIXED_LEN_BYTE_ARRAY)
            .with_length(decimal_bytes(precision))
            .with_precision(i32::from(precision))
            .with_scale(i32::from(scale))
            .with_converted_type(ConvertedType::DECIMAL)
            .with_logical_type(Some(LogicalType::decimal(i32::from(scale), i32::from(precision)))),
    };
    builder.with_repetition(Repetition::OPTIONAL).build()
}

/// The fewest bytes that hold every signed number of `precision` digits: 9 for 20 digits.
fn decimal_bytes(precision: u8) -> i32 {
    let bits = f64::from(precision) * std::f64::consts::LOG2_10 + 1.0;
    (bits / 8.0).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_fewest_bytes() {
        for precision in 1..=38_u8 {
            let bytes = decimal_bytes(precision) as u32;
            let largest = 10_i128.pow(u32::from(precision)) - 1;
            let fits = |bytes: u32| bytes >= 16 || largest < 1_i128 << (8 * bytes - 1);
            assert!(fits(bytes), "{precision}: {bytes}");
            assert!(bytes == 1 || !fits(bytes - 1), "{precision}: {bytes}");
        }
    }
}
