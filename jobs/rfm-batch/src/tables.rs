//! Customers and segments -> the rows of the three tables, as `hive/ddl` defines them.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use order_model::Money;
use segmentation::Segmentation;

use crate::cluster::Profile;
use crate::customers::{Customers, Scores};

/// All that the tables are made of.
#[derive(Debug)]
pub(crate) struct Result<'a> {
    pub customers: &'a Customers,
    pub scores: &'a Scores,
    pub segmentation: &'a Segmentation,
    pub profiles: &'a [Profile],
    pub run_id: &'a str,
}

/// Digits of the money columns: of a customer, and of a segment's revenue.
const CUSTOMER_MONEY: u8 = 20;
const SEGMENT_MONEY: u8 = 24;

impl Result<'_> {
    /// Rows of `ecom_user_rfm_batch`.
    pub(crate) fn rfm(&self, rows: Range<usize>, schema: SchemaRef) -> anyhow::Result<RecordBatch> {
        let (c, s) = (self.customers, self.scores);
        let last_order = c.last_order[rows.clone()].iter().map(|instant| instant.micros());
        let country = StringArray::from_iter_values(rows.clone().map(|row| c.country(row)));
        let columns: Vec<ArrayRef> = vec![
            long(&c.id[rows.clone()]),
            int(&s.recency_days[rows.clone()]),
            long(&c.frequency[rows.clone()]),
            money(&c.monetary[rows.clone()], CUSTOMER_MONEY)?,
            Arc::new(TimestampMicrosecondArray::from_iter_values(last_order)),
            Arc::new(country),
            score(&s.r[rows.clone()]),
            score(&s.f[rows.clone()]),
            score(&s.m[rows]),
        ];
        batch(schema, columns)
    }

    /// Rows of `ecom_user_segments`.
    pub(crate) fn segments(
        &self,
        rows: Range<usize>,
        schema: SchemaRef,
    ) -> anyhow::Result<RecordBatch> {
        let (c, s) = (self.customers, self.scores);
        let segment_of = &self.segmentation.segment_of[rows.clone()];
        let names =
            segment_of.iter().map(|&id| self.segmentation.segments[id as usize].name.as_str());
        let groups = rows.clone().map(|row| s.group(row).name());
        let columns: Vec<ArrayRef> = vec![
            long(&c.id[rows.clone()]),
            int(&s.recency_days[rows.clone()]),
            long(&c.frequency[rows.clone()]),
            money(&c.monetary[rows.clone()], CUSTOMER_MONEY)?,
            Arc::new(Int32Array::from_iter_values(segment_of.iter().map(|&id| id as i32))),
            Arc::new(StringArray::from_iter_values(names)),
            Arc::new(Float64Array::from(self.segmentation.distance[rows.clone()].to_vec())),
            Arc::new(StringArray::from_iter_values(groups)),
            score(&s.r[rows.clone()]),
            score(&s.f[rows.clone()]),
            score(&s.m[rows]),
        ];
        batch(schema, columns)
    }

    /// All rows of `ecom_segment_profiles`.
    pub(crate) fn profiles(&self, schema: SchemaRef) -> anyhow::Result<RecordBatch> {
        let found = self.segmentation;
        let total = self.customers.len() as f64;
        let revenue = self.customers.revenue();
        let k = found.segments.len();
        let doubles = |value: &dyn Fn(usize) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..k).map(value)))
        };
        let profile = |id: usize| &self.profiles[id];
        let moneys = |value: &dyn Fn(usize) -> Money, precision| {
            money(&(0..k).map(value).collect::<Vec<_>>(), precision)
        };
        let centroid = |dimension: usize| doubles(&|id| found.segments[id].centroid[dimension]);
        let scaled = |dimension: usize| doubles(&|id| found.segments[id].scaled[dimension]);
        let names = found.segments.iter().map(|segment| segment.name.as_str());
        let sizes = self.profiles.iter().map(|profile| profile.customers as i64);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from_iter_values(0..k as i32)),
            Arc::new(StringArray::from_iter_values(names)),
            Arc::new(Int64Array::from_iter_values(sizes)),
            doubles(&|id| profile(id).customers as f64 / total),
            moneys(&|id| profile(id).revenue, SEGMENT_MONEY)?,
            doubles(&|id| profile(id).revenue.to_f64() / revenue.to_f64()),
            doubles(&|id| profile(id).avg_recency_days()),
            doubles(&|id| profile(id).avg_frequency()),
            moneys(&|id| profile(id).avg_monetary(), CUSTOMER_MONEY)?,
            centroid(0),
            centroid(1),
            centroid(2),
            scaled(0),
            scaled(1),
            scaled(2),
            Arc::new(Int32Array::from(vec![k as i32; k])),
            doubles(&|_| found.inertia),
            doubles(&|_| found.silhouette),
            Arc::new(StringArray::from_iter_values((0..k).map(|_| self.run_id))),
        ];
        batch(schema, columns)
    }
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> anyhow::Result<RecordBatch> {
    RecordBatch::try_new(schema, columns).context("the rows do not fit the table's definition")
}

fn long(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn int(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn score(values: &[u8]) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values.iter().map(|&score| i32::from(score))))
}

fn money(values: &[Money], precision: u8) -> std::result::Result<ArrayRef, ArrowError> {
    let values = values.iter().map(|money| money.ten_thousandths());
    let array = Decimal128Array::from_iter_values(values);
    Ok(Arc::new(array.with_precision_and_scale(precision, Money::SCALE as i8)?))
}
