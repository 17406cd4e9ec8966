//! Order runs as Arrow batches: what the scan hands to the aggregation.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, Decimal128Builder, Int64Builder, RecordBatch,
    StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use order_model::{Money, Timestamp};

/// Decimal digits of a run's amount: a run of 10^8 lines of the largest allowed amount fits.
const AMOUNT_PRECISION: u8 = 28;

static RUNS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(columns())));
static LINES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut columns = columns();
    columns.push(Field::new("line", DataType::Binary, false));
    Arc::new(Schema::new(columns))
});

/// The columns of order runs. Neighbouring lines with the same customer, invoice and country are one run.
///
/// | column | type | |
/// | --- | --- | --- |
/// | `customer_id` | Int64 | positive |
/// | `invoice` | Utf8View | |
/// | `amount` | Decimal128(28,4) | sum of quantity x unit price |
/// | `lines` | Int64 | order lines in the run |
/// | `last_seen` | Binary | instant and country of the latest line, see [`split_last_seen_key`] |
/// | `line` | Binary | only with `whole_lines`: the line's bytes; each run is then a single line |
pub fn schema(whole_lines: bool) -> SchemaRef {
    Arc::clone(if whole_lines { &LINES } else { &RUNS })
}

fn columns() -> Vec<Field> {
    vec![
        Field::new("customer_id", DataType::Int64, false),
        Field::new("invoice", DataType::Utf8View, false),
        Field::new("amount", DataType::Decimal128(AMOUNT_PRECISION, Money::SCALE as i8), false),
        Field::new("lines", DataType::Int64, false),
        Field::new("last_seen", DataType::Binary, false),
    ]
}

/// Instant and country as bytes whose greatest value is the latest order: so that `max` finds when and from where a customer last ordered.
///
/// Eight bytes of the instant (big-endian, microseconds, sign bit turned), then the country. Of two countries at the
/// same microsecond the one later in byte order wins: an arbitrary rule, but one that does not depend on the order of rows.
fn last_seen_key(instant: Timestamp, country: &[u8], key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&(instant.micros() ^ i64::MIN).to_be_bytes());
    key.extend_from_slice(country);
}

/// Takes a `last_seen` key apart: eight bytes of the instant, then the country, so that the greatest key is the latest order. `None` if
/// it is not such a key.
pub fn split_last_seen_key(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (instant, country) = key.split_first_chunk()?;
    let instant = Timestamp::from_micros(i64::from_be_bytes(*instant) ^ i64::MIN);
    Some((instant, std::str::from_utf8(country).ok()?))
}

/// Collects runs into batches.
#[derive(Debug)]
pub(crate) struct RunsBuilder {
    whole_lines: bool,
    customer_id: Int64Builder,
    invoice: StringViewBuilder,
    amount: Decimal128Builder,
    lines: Int64Builder,
    last_seen: BinaryBuilder,
    line: BinaryBuilder,
    key: Vec<u8>,
}

/// One run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub customer_id: i64,
    pub invoice: &'a str,
    pub amount: Money,
    pub lines: i64,
    pub last: Timestamp,
    pub country: &'a [u8],
    /// The whole line, where whole lines are asked for.
    pub line: &'a [u8],
}

impl RunsBuilder {
    pub(crate) fn new(whole_lines: bool) -> RunsBuilder {
        RunsBuilder {
            whole_lines,
            customer_id: Int64Builder::new(),
            invoice: StringViewBuilder::new(),
            amount: Decimal128Builder::new(),
            lines: Int64Builder::new(),
            last_seen: BinaryBuilder::new(),
            line: BinaryBuilder::new(),
            key: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.customer_id.len()
    }

    pub(crate) fn push(&mut self, run: &Run<'_>) {
        self.customer_id.append_value(run.customer_id);
        self.invoice.append_value(run.invoice);
        self.amount.append_value(run.amount.ten_thousandths());
        self.lines.append_value(run.lines);
        last_seen_key(run.last, run.country, &mut self.key);
        self.last_seen.append_value(&self.key);
        if self.whole_lines {
            self.line.append_value(run.line);
        }
    }

    /// The runs so far as a batch; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let amount =
            self.amount.finish().with_precision_and_scale(AMOUNT_PRECISION, Money::SCALE as i8)?;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.customer_id.finish()),
            Arc::new(self.invoice.finish()),
            Arc::new(amount),
            Arc::new(self.lines.finish()),
            Arc::new(self.last_seen.finish()),
        ];
        if self.whole_lines {
            columns.push(Arc::new(self.line.finish()));
        }
        RecordBatch::try_new(schema(self.whole_lines), columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_keys_are_later() {
        let key = |micros, country: &str| {
            let mut key = Vec::new();
            last_seen_key(Timestamp::from_micros(micros), country.as_bytes(), &mut key);
            key
        };
        assert!(key(-1, "Z") < key(0, "A"));
        assert!(key(0, "Z") < key(256, "A"));
        assert!(key(7, "EIRE") < key(7, "France"));
        assert_eq!(
            split_last_seen_key(&key(-5, "EIRE")),
            Some((Timestamp::from_micros(-5), "EIRE"))
        );
        assert_eq!(split_last_seen_key(b"short"), None);
    }
}
