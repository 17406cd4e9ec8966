//! The table of segment profiles.

use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type};
use order_model::Money;
use warehouse::catalog::Catalog;
use warehouse::read::read_files;

use super::rows::{amounts, numbers, text, texts, value};
use super::segments::{order_of, slug};
use super::snapshots::Part;
use super::watch::BatchError;

/// The segments of a snapshot in the order of display, and how good the clustering is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles {
    pub k: i32,
    pub inertia: Option<f64>,
    /// -1 to 1.
    pub silhouette: Option<f64>,
    pub segments: Vec<Profile>,
}

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub id: i32,
    pub slug: String,
    pub name: String,
    pub customers: i64,
    /// Of the customers, 0 to 1.
    pub share: f64,
    pub revenue: Money,
    pub revenue_share: f64,
    /// Mean and centroid of days, invoices, currency units.
    pub avg_recency_days: f64,
    pub avg_frequency: f64,
    pub avg_monetary: Money,
    pub centroid: [f64; 3],
}

impl Profiles {
    pub(super) fn read(catalog: &dyn Catalog, part: &Part) -> Result<Self, BatchError> {
        let mut profiles = Self::default();
        for batch in read_files(catalog.data_files(&part.partition)?, part.schema.clone()) {
            let batch = batch?;
            let ids = numbers::<Int32Type>(&batch, "segment_id")?;
            let names = texts(&batch, "segment")?;
            let customers = numbers::<Int64Type>(&batch, "customers")?;
            let (revenue, monetary) =
                (amounts(&batch, "revenue")?, amounts(&batch, "avg_monetary")?);
            let float = |name| numbers::<Float64Type>(&batch, name);
            let (share, revenue_share) = (float("share")?, float("revenue_share")?);
            let (recency, frequency) = (float("avg_recency_days")?, float("avg_frequency")?);
            let centroids = [
                float("centroid_recency_days")?,
                float("centroid_frequency")?,
                float("centroid_monetary")?,
            ];
            let k = numbers::<Int32Type>(&batch, "k")?;
            let (inertia, silhouette) = (float("inertia")?, float("silhouette")?);
            for row in 0..batch.num_rows() {
                let money = |array| {
                    Money::from_ten_thousandths(
                        value::<Decimal128Type>(array, row).unwrap_or_default(),
                    )
                };
                let number = |array| value::<Float64Type>(array, row).unwrap_or_default();
                let name = text(names, row).unwrap_or_default().to_owned();
                profiles.k = value(k, row).unwrap_or_default();
                profiles.inertia = value(inertia, row).filter(|n| n.is_finite());
                profiles.silhouette = value(silhouette, row).filter(|n| n.is_finite());
                profiles.segments.push(Profile {
                    id: value(ids, row).unwrap_or(-1),
                    slug: slug(&name),
                    name,
                    customers: value(customers, row).unwrap_or_default(),
                    share: number(share),
                    revenue: money(revenue),
                    revenue_share: number(revenue_share),
                    avg_recency_days: number(recency),
                    avg_frequency: number(frequency),
                    avg_monetary: money(monetary),
                    centroid: centroids.map(number),
                });
            }
        }
        profiles.segments.sort_by_key(|segment| order_of(&segment.slug, segment.id));
        Ok(profiles)
    }

    pub(crate) fn customers(&self) -> i64 {
        self.segments.iter().map(|segment| segment.customers).sum()
    }

    pub(crate) fn revenue(&self) -> Money {
        self.segments.iter().map(|segment| segment.revenue).sum()
    }
}
