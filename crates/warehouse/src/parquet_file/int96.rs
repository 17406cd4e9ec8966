//! Timestamps as INT96, the form Spark writes and the only one Hive 3.1 reads.
//!
//! Layout (twelve bytes, little end first): nanoseconds of the day (u64), then the Julian day number (u32). Source:
//! Hive's `NanoTime` and `NanoTimeUtils`, Spark's `ParquetWriteSupport`. The Arrow writer of this release has no arm
//! for the type, so the column is written through the low-level column writer.

use arrow::array::{Array, TimestampMicrosecondArray};
use parquet::data_type::{Int96, Int96Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;

/// Julian day number of 1970-01-01.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// 0001-01-01 00:00:00 and the last microsecond of 9999: what a Hive timestamp can be. A value outside would be
/// written without complaint and read as something else.
pub(super) const MIN_MICROS: i64 = -719_162 * MICROS_PER_DAY;
pub(super) const MAX_MICROS: i64 = 2_932_897 * MICROS_PER_DAY - 1;

/// The values of one column chunk, ready to be written.
pub(super) struct Int96Column {
    /// The values that are not null.
    present: Vec<Int96>,
    /// One a row: 1 = there is a value, 0 = null.
    levels: Vec<i16>,
}

impl Int96Column {
    /// `values` must lie within [`MIN_MICROS`] and [`MAX_MICROS`].
    pub(super) fn new(values: &TimestampMicrosecondArray) -> Self {
        Self {
            present: values.iter().flatten().map(int96_from_micros).collect(),
            levels: (0..values.len()).map(|row| i16::from(values.is_valid(row))).collect(),
        }
    }

    /// Encodes and writes the chunk as the next column of the row group.
    pub(super) fn append_to<W: std::io::Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let mut column = row_group
            .next_column()?
            .ok_or_else(|| ParquetError::General("the row group has no column left".to_owned()))?;
        column.typed::<Int96Type>().write_batch(&self.present, Some(&self.levels), None)?;
        column.close()
    }
}

/// Euclidean division: an instant before 1970 belongs to the day it is in, counted from that day's midnight.
fn int96_from_micros(micros: i64) -> Int96 {
    let day = micros.div_euclid(MICROS_PER_DAY) + EPOCH_JULIAN_DAY;
    let nanos = micros.rem_euclid(MICROS_PER_DAY) * 1_000;
    let mut value = Int96::new();
    // Both halves of the nanoseconds and every day between the years 1 and 9999 fit 32 bits.
    value.set_data(nanos as u32, (nanos >> 32) as u32, day as u32);
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_instants() {
        for (micros, day, nanos) in [
            (0, 2_440_588, 0_i64),
            (-1, 2_440_587, 86_399_999_999_000),
            (MIN_MICROS, 1_721_426, 0),
            (MAX_MICROS, 5_373_484, 86_399_999_999_000),
            (1_323_436_200_000_000, 2_455_905, 47_400_000_000_000),
        ] {
            let value = int96_from_micros(micros);
            assert_eq!(value.data()[2], day, "{micros}");
            assert_eq!(
                i64::from(value.data()[1]) << 32 | i64::from(value.data()[0]),
                nanos,
                "{micros}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_instant_survives(micros in MIN_MICROS..=MAX_MICROS) {
            prop_assert_eq!(int96_from_micros(micros).to_micros(), micros);
        }
    }
}
