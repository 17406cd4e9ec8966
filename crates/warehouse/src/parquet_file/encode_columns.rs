//! Turns the rows of one row group into column chunks, one task a column.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Decimal128Type, Schema, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use rayon::prelude::*;

use super::int96::{self, Int96Column};
use super::leaf_schema::is_int96;

/// A column chunk in memory, still to be written to the file.
pub(super) enum EncodedColumn {
    Arrow(Box<ArrowColumnChunk>),
    Int96(Int96Column),
}

impl EncodedColumn {
    /// Writes the chunk as the next column of the row group.
    pub(super) fn append_to<W: std::io::Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Self::Arrow(chunk) => chunk.append_to_row_group(row_group),
            Self::Int96(column) => column.append_to(row_group),
        }
    }
}

/// Why a row group could not be encoded.
pub(super) enum EncodeError {
    Parquet(ParquetError),
    /// A value that the column's type cannot hold.
    Value {
        column: String,
        problem: String,
    },
}

impl From<ParquetError> for EncodeError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

/// Encodes each column in a task of its own. The outcome does not depend on the number of threads: a column is
/// encoded by one task from first row to last, and all of them get the same rows.
pub(super) fn encode_columns(
    schema: &Schema,
    writers: Vec<ArrowColumnWriter>,
    batches: &[RecordBatch],
) -> Result<Vec<EncodedColumn>, EncodeError> {
    writers
        .into_par_iter()
        .enumerate()
        .map(|(index, mut writer)| {
            let field = schema.field(index);
            let values = concat_column(batches, index)?;
            check_values(field.name(), &values)?;
            if is_int96(field.data_type()) {
                let values = values.as_primitive::<TimestampMicrosecondType>();
                return Ok(EncodedColumn::Int96(Int96Column::new(values)));
            }
            for leaf in compute_leaves(field, &values)? {
                writer.write(&leaf)?;
            }
            Ok(EncodedColumn::Arrow(Box::new(writer.close()?)))
        })
        .collect()
}

/// One array a row group: page boundaries then depend on the rows alone, not on how they were batched.
fn concat_column(batches: &[RecordBatch], index: usize) -> Result<ArrayRef, ParquetError> {
    if let [batch] = batches {
        return Ok(batch.column(index).clone());
    }
    let arrays: Vec<&dyn Array> =
        batches.iter().map(|batch| batch.column(index).as_ref()).collect();
    concat(&arrays).map_err(|error| ParquetError::External(Box::new(error)))
}

/// Refuses what the encoders would silently cut: digits beyond the precision, years beyond Hive's.
fn check_values(column: &str, values: &ArrayRef) -> Result<(), EncodeError> {
    let refuse = |problem| Err(EncodeError::Value { column: column.to_owned(), problem });
    match values.data_type() {
        DataType::Decimal128(precision, _) => {
            let decimals = values.as_primitive::<Decimal128Type>();
            match decimals.validate_decimal_precision(*precision) {
                Ok(()) => Ok(()),
                Err(error) => refuse(error.to_string()),
            }
        }
        data_type if is_int96(data_type) => {
            let instants = values.as_primitive::<TimestampMicrosecondType>();
            let outside = |micros: &i64| !(int96::MIN_MICROS..=int96::MAX_MICROS).contains(micros);
            match instants.iter().flatten().find(outside) {
                None => Ok(()),
                Some(micros) => refuse(format!(
                    "{micros} microseconds since 1970 is not within the years 1 to 9999"
                )),
            }
        }
        _ => Ok(()),
    }
}
