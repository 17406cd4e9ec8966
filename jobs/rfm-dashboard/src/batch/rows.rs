//! Typed access to the columns of a batch.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Decimal128Type};

use super::watch::BatchError;

/// A column of numbers.
pub(super) fn numbers<'b, T: ArrowPrimitiveType>(
    batch: &'b RecordBatch,
    name: &'static str,
) -> Result<&'b PrimitiveArray<T>, BatchError> {
    column(batch, name)?.as_primitive_opt().ok_or(BatchError::Column { name })
}

/// A column of amounts with four decimals, as ten-thousandths.
pub(super) fn amounts<'b>(
    batch: &'b RecordBatch,
    name: &'static str,
) -> Result<&'b PrimitiveArray<Decimal128Type>, BatchError> {
    let amounts = numbers::<Decimal128Type>(batch, name)?;
    if amounts.scale() == 4 { Ok(amounts) } else { Err(BatchError::Column { name }) }
}

/// A column of texts.
pub(super) fn texts<'b>(
    batch: &'b RecordBatch,
    name: &'static str,
) -> Result<&'b StringArray, BatchError> {
    column(batch, name)?.as_string_opt().ok_or(BatchError::Column { name })
}

fn column<'b>(batch: &'b RecordBatch, name: &'static str) -> Result<&'b ArrayRef, BatchError> {
    batch.column_by_name(name).ok_or(BatchError::Column { name })
}

/// The value in a row, unless it is null.
pub(super) fn value<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    row: usize,
) -> Option<T::Native> {
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// The text in a row, unless it is null.
pub(super) fn text(array: &StringArray, row: usize) -> Option<&str> {
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}
