//! Column types: Hive's name for each, and the Arrow type its values have in memory.
//!
//! | Hive | Arrow | unit |
//! | --- | --- | --- |
//! | `BOOLEAN` | `Boolean` | |
//! | `INT` | `Int32` | |
//! | `BIGINT` | `Int64` | |
//! | `DOUBLE` | `Float64` | |
//! | `STRING` | `Utf8` | |
//! | `BINARY` | `Binary` | |
//! | `DATE` | `Date32` | days since 1970-01-01 |
//! | `TIMESTAMP` | `Timestamp(Microsecond, None)` | microseconds since 1970-01-01 00:00 UTC |
//! | `DECIMAL(p,s)` | `Decimal128(p, s)` | 1 <= p <= 38, 0 <= s <= p |
//!
//! Every other type is refused, in both directions: a type that is written one way and read another by one of the
//! engines is worse than none.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// The most digits a Hive `DECIMAL` can have.
const MAX_DECIMAL_PRECISION: u8 = 38;

/// The type of a column, as Hive knows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HiveType {
    /// `BOOLEAN`
    Boolean,
    /// `INT`, 32 bits, signed
    Int,
    /// `BIGINT`, 64 bits, signed
    BigInt,
    /// `DOUBLE`, 64-bit floating point
    Double,
    /// `STRING`, UTF-8
    String,
    /// `BINARY`
    Binary,
    /// `DATE`
    Date,
    /// `TIMESTAMP`, microseconds, UTC
    Timestamp,
    /// `DECIMAL(precision,scale)`
    Decimal {
        /// Number of digits in all, 1 to 38.
        precision: u8,
        /// Number of digits after the point, at most `precision`.
        scale: u8,
    },
}

/// A named, commented column of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Lower-case name.
    pub name: String,
    /// Type of its values.
    pub hive_type: HiveType,
    /// What the column holds, with its unit.
    pub comment: String,
}

/// A type without a counterpart on the other side.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A Hive type name that is unknown or not supported.
    #[error(
        "Hive type '{0}' is not supported; use BOOLEAN, INT, BIGINT, DOUBLE, STRING, BINARY, DATE, TIMESTAMP or \
         DECIMAL(p,s) with 1 <= p <= 38 and 0 <= s <= p"
    )]
    UnknownHiveType(String),
    /// An Arrow type that no Hive column holds.
    #[error(
        "column '{column}' has the Arrow type {arrow_type}, which has no Hive counterpart here"
    )]
    UnsupportedArrowType {
        /// Name of the column.
        column: String,
        /// Its Arrow type.
        arrow_type: DataType,
    },
}

impl SchemaError {
    /// Never: the same schema fails again.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl HiveType {
    /// The Arrow type of the values in memory.
    pub fn arrow_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::String => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            // A scale is at most 38 and so fits the signed byte that Arrow uses.
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        }
    }

    /// The Hive type of an Arrow field.
    ///
    /// # Errors
    /// [`SchemaError::UnsupportedArrowType`] for every Arrow type that is not in the module's table, also for near
    /// relatives such as `LargeUtf8` or a timestamp with a zone.
    pub fn from_arrow(field: &Field) -> Result<Self, SchemaError> {
        let hive_type = match field.data_type() {
            DataType::Boolean => Self::Boolean,
            DataType::Int32 => Self::Int,
            DataType::Int64 => Self::BigInt,
            DataType::Float64 => Self::Double,
            DataType::Utf8 => Self::String,
            DataType::Binary => Self::Binary,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp,
            DataType::Decimal128(precision, scale)
                if *scale >= 0 && is_decimal(*precision, scale.unsigned_abs()) =>
            {
                Self::Decimal { precision: *precision, scale: scale.unsigned_abs() }
            }
            other => {
                return Err(SchemaError::UnsupportedArrowType {
                    column: field.name().clone(),
                    arrow_type: other.clone(),
                });
            }
        };
        Ok(hive_type)
    }
}

/// The Arrow schema of `columns`. Every field is nullable, as every Hive column is.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, column.hive_type.arrow_type(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn is_decimal(precision: u8, scale: u8) -> bool {
    (1..=MAX_DECIMAL_PRECISION).contains(&precision) && scale <= precision
}

impl fmt::Display for HiveType {
    /// The lower-case spelling that the metastore stores.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Binary => f.write_str("binary"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
        }
    }
}

impl FromStr for HiveType {
    type Err = SchemaError;

    /// Reads a type name in any case, with or without blanks: `DECIMAL(20, 4)`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || SchemaError::UnknownHiveType(text.to_owned());
        let name: String =
            text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        match name.as_str() {
            "boolean" => Ok(Self::Boolean),
            "int" => Ok(Self::Int),
            "bigint" => Ok(Self::BigInt),
            "double" => Ok(Self::Double),
            "string" => Ok(Self::String),
            "binary" => Ok(Self::Binary),
            "date" => Ok(Self::Date),
            "timestamp" => Ok(Self::Timestamp),
            other => {
                let digits = other
                    .strip_prefix("decimal(")
                    .and_then(|rest| rest.strip_suffix(')'))
                    .and_then(|rest| rest.split_once(','));
                let (precision, scale) = digits.ok_or_else(unknown)?;
                let precision = precision.parse().map_err(|_| unknown())?;
                let scale = scale.parse().map_err(|_| unknown())?;
                if !is_decimal(precision, scale) {
                    return Err(unknown());
                }
                Ok(Self::Decimal { precision, scale })
            }
        }
    }
}

impl TryFrom<String> for HiveType {
    type Error = SchemaError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HiveType> for String {
    fn from(hive_type: HiveType) -> Self {
        hive_type.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [HiveType; 9] = [
        HiveType::Boolean,
        HiveType::Int,
        HiveType::BigInt,
        HiveType::Double,
        HiveType::String,
        HiveType::Binary,
        HiveType::Date,
        HiveType::Timestamp,
        HiveType::Decimal { precision: 20, scale: 4 },
    ];

    #[test]
    fn every_type_survives_both_ways() {
        for hive_type in ALL {
            assert_eq!(hive_type.to_string().parse::<HiveType>().unwrap(), hive_type);
            let upper = hive_type.to_string().to_uppercase();
            assert_eq!(upper.parse::<HiveType>().unwrap(), hive_type);
            let field = Field::new("c", hive_type.arrow_type(), true);
            assert_eq!(HiveType::from_arrow(&field).unwrap(), hive_type);
        }
    }

    #[test]
    fn refuses_unknown_hive_types() {
        for text in [
            "",
            "varchar(10)",
            "float",
            "decimal",
            "decimal(20)",
            "decimal(39,4)",
            "decimal(4,5)",
            "decimal(0,0)",
            "decimal(20,-1)",
            "array<int>",
            "timestamp with local time zone",
            "decimal(20,4",
            "decimal(300,4)",
        ] {
            let error = text.parse::<HiveType>().unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn refuses_unknown_arrow_types() {
        for arrow_type in [
            DataType::UInt64,
            DataType::LargeUtf8,
            DataType::Utf8View,
            DataType::Float32,
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Decimal128(20, -1),
        ] {
            let error = HiveType::from_arrow(&Field::new("c", arrow_type, true)).unwrap_err();
            assert!(error.to_string().contains("column 'c'"), "{error}");
        }
    }
}
