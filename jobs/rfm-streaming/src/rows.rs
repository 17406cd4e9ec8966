//! Orders and rejected messages as columns of the two tables.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Int32Array, Int32Builder,
    Int64Array, Int64Builder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use order_message::{Order, Rejection};
use order_model::Timestamp;
use segment_index::SegmentIndex;
use stream_sink::source::Source;

/// The segment of a customer that has none.
pub(crate) const UNKNOWN: &str = "Unknown";

/// The code of a customer without a segment. An index has fewer segments.
pub(crate) const NO_SEGMENT: u8 = u8::MAX;

/// Rows of `ecom_orders_tagged` of one Kafka partition and one day, tagged with one snapshot.
#[derive(Debug)]
pub(crate) struct TaggedRows {
    invoice_no: StringBuilder,
    stock_code: StringBuilder,
    description: StringBuilder,
    quantity: Int32Builder,
    event_time: TimestampMicrosecondBuilder,
    unit_price: Decimal128Builder,
    customer_id: Int64Builder,
    country: StringBuilder,
    is_return: BooleanBuilder,
    ingest_time: Vec<i64>,
    offsets: Vec<i64>,
    text_bytes: usize,
}

/// What a builder has room for at first. A replay of years has a day's builders for each of its days, with few rows in each.
const ROOM: usize = 16;

impl Default for TaggedRows {
    fn default() -> Self {
        let text = || StringBuilder::with_capacity(ROOM, ROOM * 16);
        Self {
            invoice_no: text(),
            stock_code: text(),
            description: text(),
            quantity: Int32Builder::with_capacity(ROOM),
            event_time: TimestampMicrosecondBuilder::with_capacity(ROOM),
            unit_price: Decimal128Builder::with_capacity(ROOM),
            customer_id: Int64Builder::with_capacity(ROOM),
            country: text(),
            is_return: BooleanBuilder::with_capacity(ROOM),
            ingest_time: Vec::new(),
            offsets: Vec::new(),
            text_bytes: 0,
        }
    }
}

/// Bytes of a row in memory besides its texts: eight fixed columns, and the offsets of four texts.
const FIXED_BYTES: usize = 80;

impl TaggedRows {
    pub(crate) fn push(&mut self, order: &Order<'_>, ingest: Timestamp, offset: i64) {
        self.invoice_no.append_value(order.invoice_no);
        self.stock_code.append_value(order.stock_code);
        self.description.append_option(order.description);
        self.quantity.append_value(order.quantity);
        self.event_time.append_value(order.event_time.micros());
        self.unit_price.append_value(order.unit_price.ten_thousandths());
        self.customer_id.append_option(order.customer_id);
        self.country.append_option(order.country);
        self.is_return.append_value(order.is_return());
        self.ingest_time.push(ingest.micros());
        self.offsets.push(offset);
        self.text_bytes += order.invoice_no.len()
            + order.stock_code.len()
            + order.description.map_or(0, str::len)
            + order.country.map_or(0, str::len);
    }

    pub(crate) fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// About how much memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + self.rows() * FIXED_BYTES
    }

    /// The rows, which this holds no more, tagged with `segments`; counts them by segment code.
    pub(crate) fn finish(
        &mut self,
        schema: &SchemaRef,
        source: &Source,
        segments: &SegmentIndex,
        by_code: &mut [u64; 256],
    ) -> Result<RecordBatch, ArrowError> {
        let rows = self.rows();
        self.text_bytes = 0;
        let customers = self.customer_id.finish();
        let codes = codes_of(&customers, segments);
        for code in &codes {
            by_code[usize::from(*code)] += 1;
        }
        let segment = |code: &u8| segments.segments().get(usize::from(*code));
        let ids: Int32Array = codes.iter().map(|code| segment(code).map(|s| s.id)).collect();
        let names = codes.iter().map(|code| segment(code).map_or(UNKNOWN, |s| s.name.as_str()));
        let names = StringArray::from_iter_values(names);
        let snapshot = segments.snapshot().map(|snapshot| snapshot.date.as_str());
        let unit_price = self.unit_price.finish();
        let price_type = schema.field(5).data_type().clone();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.invoice_no.finish()),
            Arc::new(self.stock_code.finish()),
            Arc::new(self.description.finish()),
            Arc::new(self.quantity.finish()),
            Arc::new(self.event_time.finish()),
            Arc::new(unit_price.with_data_type(price_type)),
            Arc::new(customers),
            Arc::new(self.country.finish()),
            Arc::new(self.is_return.finish()),
            Arc::new(ids),
            Arc::new(names),
            Arc::new(StringArray::from_iter(std::iter::repeat_n(snapshot, rows))),
            Arc::new(TimestampMicrosecondArray::from(std::mem::take(&mut self.ingest_time))),
            repeated(&source.topic, rows),
            Arc::new(Int32Array::from(vec![source.partition; rows])),
            Arc::new(Int64Array::from(std::mem::take(&mut self.offsets))),
        ];
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// The segment code of each customer. All at once, which is faster than one by one.
fn codes_of(customers: &Int64Array, segments: &SegmentIndex) -> Vec<u8> {
    let mut found = Vec::new();
    segments.get_many(customers.values(), &mut found);
    let code = |(row, code): (usize, Option<u8>)| match code {
        Some(code) if customers.is_valid(row) => code,
        _ => NO_SEGMENT,
    };
    found.into_iter().enumerate().map(code).collect()
}

/// Rows of `ecom_orders_rejected` of one Kafka partition and one day of ingestion.
#[derive(Debug, Default)]
pub(crate) struct RejectedRows {
    reason: StringBuilder,
    detail: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    ingest_time: TimestampMicrosecondBuilder,
    kafka_timestamp: TimestampMicrosecondBuilder,
    offsets: Vec<i64>,
    bytes: usize,
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub timestamp: Option<Timestamp>,
    pub offset: i64,
}

impl RejectedRows {
    pub(crate) fn push(&mut self, raw: &Raw<'_>, rejection: &Rejection, ingest: Timestamp) {
        let detail = rejection.to_string();
        self.bytes += raw.key.map_or(0, <[u8]>::len)
            + raw.value.map_or(0, <[u8]>::len)
            + detail.len()
            + FIXED_BYTES;
        self.reason.append_value(rejection.reason().as_str());
        self.detail.append_value(detail);
        self.key.append_option(raw.key);
        self.value.append_option(raw.value);
        self.ingest_time.append_value(ingest.micros());
        self.kafka_timestamp.append_option(raw.timestamp.map(Timestamp::micros));
        self.offsets.push(raw.offset);
    }

    pub(crate) fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// About how much memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows, which this holds no more.
    pub(crate) fn finish(
        &mut self,
        schema: &SchemaRef,
        source: &Source,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = self.rows();
        self.bytes = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.reason.finish()),
            Arc::new(self.detail.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.ingest_time.finish()),
            Arc::new(self.kafka_timestamp.finish()),
            repeated(&source.topic, rows),
            Arc::new(Int32Array::from(vec![source.partition; rows])),
            Arc::new(Int64Array::from(std::mem::take(&mut self.offsets))),
        ];
        RecordBatch::try_new(schema.clone(), columns)
    }
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}
