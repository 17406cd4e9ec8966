//! One customer: what the newest snapshot says, and what the older ones said.

use arrow::array::RecordBatch;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use order_model::{Money, Timestamp};

use super::rows::{amounts, numbers, text, texts, value};
use super::segments::slug;
use super::snapshots::Snapshot;
use super::watch::{Batch, BatchError};

/// A customer in a snapshot.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Customer {
    pub customer_id: i64,
    pub segment_id: i32,
    pub segment: String,
    pub segment_name: String,
    pub recency_days: i32,
    pub frequency: i64,
    pub monetary: Money,
    /// r, f, m from 1 to 5.
    pub scores: [i32; 3],
    pub rfm_group: String,
    pub distance: Option<f64>,
    pub country: Option<String>,
    pub last_order: Option<Timestamp>,
}

/// A customer in older snapshots, newest first; `None` where the customer is not in it.
pub(crate) type History = Vec<(std::sync::Arc<Snapshot>, Option<Customer>)>;

impl Customer {
    /// Reads a row of the table of segments, and one of the table of RFM values.
    fn of(segments: &RecordBatch, rfm: Option<&RecordBatch>) -> Result<Self, BatchError> {
        let int = |name| -> Result<i32, BatchError> {
            Ok(value(numbers::<Int32Type>(segments, name)?, 0).unwrap_or_default())
        };
        let long = |name| -> Result<i64, BatchError> {
            Ok(value(numbers::<Int64Type>(segments, name)?, 0).unwrap_or_default())
        };
        let name = text(texts(segments, "segment")?, 0).unwrap_or_default().to_owned();
        let (mut country, mut last_order) = (None, None);
        if let Some(rfm) = rfm {
            country = text(texts(rfm, "country")?, 0).map(str::to_owned);
            let micros = value(numbers::<TimestampMicrosecondType>(rfm, "last_order")?, 0);
            last_order = micros.map(Timestamp::from_micros);
        }
        let monetary = value(amounts(segments, "monetary")?, 0).unwrap_or_default();
        Ok(Self {
            customer_id: long("customer_id")?,
            segment_id: int("segment_id")?,
            segment: slug(&name),
            segment_name: name,
            recency_days: int("recency_days")?,
            frequency: long("frequency")?,
            monetary: Money::from_ten_thousandths(monetary),
            scores: [int("r_score")?, int("f_score")?, int("m_score")?],
            rfm_group: text(texts(segments, "rfm_group")?, 0).unwrap_or_default().to_owned(),
            distance: value(numbers::<Float64Type>(segments, "distance")?, 0)
                .filter(|distance| distance.is_finite()),
            country,
            last_order,
        })
    }
}

impl Batch {
    /// A customer in a snapshot; `None` when it has no such customer.
    pub(crate) fn customer(
        &self,
        snapshot: &Snapshot,
        customer_id: i64,
    ) -> Result<Option<Customer>, BatchError> {
        let segments = self.segment_files(snapshot)?;
        let Some(row) = segments.find(customer_id)? else { return Ok(None) };
        let rfm = match self.rfm_files(snapshot)? {
            Some(files) => files.find(customer_id)?,
            None => None,
        };
        Customer::of(&row, rfm.as_ref()).map(Some)
    }

    /// `customer` as found in `newest`, and in the snapshots before it, `most` altogether, and whether there are more.
    pub(crate) fn history(
        &self,
        newest: &Snapshot,
        customer: &Customer,
        most: usize,
    ) -> Result<(History, bool), BatchError> {
        let snapshots = self.snapshots();
        let mut older = snapshots.all().iter().filter(|snapshot| snapshot.date <= newest.date);
        let mut history = Vec::new();
        for snapshot in older.by_ref().take(most) {
            let then = if snapshot.run_id == newest.run_id {
                Some(customer.clone())
            } else {
                let files = self.segment_files(snapshot)?;
                let row = files.find(customer.customer_id)?;
                row.map(|row| Customer::of(&row, None)).transpose()?
            };
            history.push((std::sync::Arc::clone(snapshot), then));
        }
        Ok((history, older.next().is_some()))
    }
}
