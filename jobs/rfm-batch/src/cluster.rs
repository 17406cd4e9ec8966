//! Customers -> segments, and what each segment is worth.

use anyhow::Context as _;
use order_model::Money;
use segmentation::{KQuality, Segmentation, segment, try_ks};

use crate::customers::{Customers, Scores};

/// A segment in figures.
#[derive(Debug)]
pub(crate) struct Profile {
    pub customers: u64,
    pub revenue: Money,
    recency_days: i64,
    frequency: i64,
}

impl Profile {
    pub(crate) fn avg_recency_days(&self) -> f64 {
        self.recency_days as f64 / self.customers.max(1) as f64
    }

    pub(crate) fn avg_frequency(&self) -> f64 {
        self.frequency as f64 / self.customers.max(1) as f64
    }

    /// Rounded half away from zero to four decimals.
    pub(crate) fn avg_monetary(&self) -> Money {
        self.revenue.divided_by(self.customers).unwrap_or_default()
    }
}

/// Finds the segments, and sums up each (by segment id).
pub(crate) fn cluster(
    customers: &Customers,
    scores: &Scores,
    settings: &segmentation::Settings,
) -> anyhow::Result<(Segmentation, Vec<Profile>)> {
    let monetary = to_floats(customers);
    let found = segment(points(customers, scores, &monetary), settings).context("clustering")?;
    let empty = || Profile { customers: 0, revenue: Money::ZERO, recency_days: 0, frequency: 0 };
    let mut profiles: Vec<Profile> = found.segments.iter().map(|_| empty()).collect();
    for (index, &segment) in found.segment_of.iter().enumerate() {
        let profile = &mut profiles[segment as usize];
        profile.customers += 1;
        profile.revenue += customers.monetary[index];
        profile.recency_days += i64::from(scores.recency_days[index]);
        profile.frequency += customers.frequency[index];
    }
    Ok((found, profiles))
}

/// The quality of clusterings with k = 2 to 10.
pub(crate) fn choose_k(
    customers: &Customers,
    scores: &Scores,
    settings: &segmentation::Settings,
) -> anyhow::Result<Vec<KQuality>> {
    let monetary = to_floats(customers);
    try_ks(points(customers, scores, &monetary), settings, 2..=10).context("trying k = 2 to 10")
}

fn to_floats(customers: &Customers) -> Vec<f64> {
    customers.monetary.iter().map(|monetary| monetary.to_f64()).collect()
}

fn points<'a>(
    customers: &'a Customers,
    scores: &'a Scores,
    monetary: &'a [f64],
) -> segmentation::Customers<'a> {
    let (recency_days, frequency) = (&scores.recency_days, &customers.frequency);
    segmentation::Customers { recency_days, frequency, monetary }
}
