//! k-means, from customers to named segments.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans, KMeansError, KMeansInit, KMeansParamsError};
use linfa_nn::distance::Distance;
use ndarray::{Array2, ArrayView, ArrayView2, Axis, Dimension, s};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use thiserror::Error;

use crate::features::{Customers, DIMENSIONS, Features, Point, has_distinct};
use crate::names::name_clusters;
use crate::quality::silhouette;

/// How segments are sought.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Number of segments, 2 to 50.
    pub k: usize,
    /// Seed of the starts.
    pub seed: u64,
    /// Starts (k-means++) that are tried; the one with the lowest inertia is taken.
    pub restarts: usize,
    /// Iterations of a start at most.
    pub max_iterations: u64,
    /// A start has converged when all centroids together move by less (Euclidean, scaled space).
    pub tolerance: f64,
    /// Customers on which the starts are compared; with more, the best start is then refined on all of them.
    pub sample: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        let (restarts, max_iterations, tolerance, sample) = (10, 300, 1e-4, 20_000);
        Settings { k: 4, seed: 42, restarts, max_iterations, tolerance, sample }
    }
}

/// A segment: its id is its place in [`Segmentation::segments`].
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Such as `High Value VIP`.
    pub name: String,
    /// Recency in days, frequency in invoices, monetary in currency units.
    pub centroid: [f64; 3],
    /// The same in the space in which distances are measured.
    pub scaled: [f64; 3],
}

/// The segments found, and where each customer belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// By segment id.
    pub segments: Vec<Segment>,
    /// Segment id of each customer.
    pub segment_of: Vec<u32>,
    /// Distance of each customer to its centroid (Euclidean, scaled space).
    pub distance: Vec<f64>,
    /// Sum of the squared distances.
    pub inertia: f64,
    /// Mean silhouette with squared distances, -1 to 1.
    pub silhouette: f64,
}

/// Why no segments were found.
#[derive(Debug, Error)]
pub enum SegmentationError {
    /// Fewer distinct customers than segments.
    #[error(
        "{k} segments need at least {k} customers that differ in recency, frequency or monetary value, found {found}; \
         give more data or a smaller k"
    )]
    TooFewCustomers {
        /// Segments asked for.
        k: usize,
        /// Distinct customers.
        found: usize,
    },
    /// A segment came out without a customer.
    #[error(
        "k-means left a segment without customers; the data has fewer than {k} groups, give a smaller k"
    )]
    EmptySegment {
        /// Segments asked for.
        k: usize,
    },
    /// A setting is out of range.
    #[error("k must be between 2 and 50, not {k}")]
    BadK {
        /// The value.
        k: usize,
    },
    /// k-means refused its parameters.
    #[error("k-means refused its settings")]
    Parameters(#[from] KMeansParamsError),
    /// k-means failed.
    #[error("k-means failed")]
    KMeans(#[from] KMeansError),
}

/// Finds and names the segments of customers.
pub fn segment(
    customers: Customers<'_>,
    settings: &Settings,
) -> Result<Segmentation, SegmentationError> {
    let features = Features::new(customers);
    let centroids = run(&features, settings)?;
    let named = name_clusters(centroids);
    let scaled: Vec<Point> = named.iter().map(|(centroid, _)| *centroid).collect();
    let points = features.rows();
    let mut segment_of = Vec::with_capacity(points.len());
    let mut distance = Vec::with_capacity(points.len());
    let mut inertia = 0.0;
    let mut sizes = vec![0_u64; scaled.len()];
    for point in points {
        let (segment, squared) = nearest(point, &scaled);
        segment_of.push(segment);
        distance.push(squared.sqrt());
        inertia += squared;
        sizes[segment as usize] += 1;
    }
    if sizes.contains(&0) {
        return Err(SegmentationError::EmptySegment { k: settings.k });
    }
    let silhouette = silhouette(points, &segment_of, settings.k);
    let segments = named.into_iter().map(|(scaled, name)| Segment {
        name,
        centroid: features.unscale(scaled),
        scaled,
    });
    Ok(Segmentation { segments: segments.collect(), segment_of, distance, inertia, silhouette })
}

/// The centroids of the best clustering, in no particular order.
pub(crate) fn run(
    features: &Features,
    settings: &Settings,
) -> Result<Vec<Point>, SegmentationError> {
    let k = settings.k;
    if !(2..=50).contains(&k) {
        return Err(SegmentationError::BadK { k });
    }
    let all = features.rows();
    has_distinct(all, k).map_err(|found| SegmentationError::TooFewCustomers { k, found })?;
    let points = features.points.view();
    // Every n-th customer, in the order of ids, which is about the order of joining: all generations are in the sample.
    let mut stride = all.len().div_ceil(settings.sample.max(k)).max(1);
    if has_distinct(all.iter().step_by(stride), k).is_err() {
        // k-means++ cannot draw k starts from fewer points; nearly all customers are alike.
        stride = 1;
    }
    let sample = points.slice(s![..;stride, ..]);
    // k-means++ draws its starts from sums in a fixed order, so they do not depend on the number of threads (those
    // of k-means|| do, even with a fixed seed).
    let mut best = fit(sample, settings, KMeansInit::KMeansPlusPlus, settings.restarts)?;
    if stride > 1 {
        best = fit(points, settings, KMeansInit::Precomputed(best), 1)?;
    }
    let mut centroids = Vec::with_capacity(k);
    for row in best.axis_iter(Axis(0)) {
        let mut centroid = [0.0; DIMENSIONS];
        for (to, from) in centroid.iter_mut().zip(row) {
            *to = *from;
        }
        centroids.push(centroid);
    }
    Ok(centroids)
}

fn fit(
    points: ArrayView2<'_, f64>,
    settings: &Settings,
    start: KMeansInit<f64>,
    runs: usize,
) -> Result<Array2<f64>, SegmentationError> {
    let rng = Xoshiro256Plus::seed_from_u64(settings.seed);
    let params = KMeans::params_with(settings.k, rng, Euclidean)
        .init_method(start)
        .n_runs(runs)
        .max_n_iterations(settings.max_iterations)
        .tolerance(settings.tolerance);
    let params = linfa::ParamGuard::check(params)?;
    Ok(params.fit(&DatasetBase::from(points))?.centroids().clone())
}

/// Euclidean distance, as `linfa_nn::distance::L2Dist` has it, in a form that the compiler can inline: three dimensions are too few to
/// pay for calls.
#[derive(Clone, Debug, PartialEq)]
struct Euclidean;

impl Distance<f64> for Euclidean {
    #[inline]
    fn distance<D: Dimension>(&self, a: ArrayView<'_, f64, D>, b: ArrayView<'_, f64, D>) -> f64 {
        self.rdistance(a, b).sqrt()
    }

    /// Its square: the order of distances, without the root.
    #[inline]
    fn rdistance<D: Dimension>(&self, a: ArrayView<'_, f64, D>, b: ArrayView<'_, f64, D>) -> f64 {
        match (a.as_slice(), b.as_slice()) {
            (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum(),
            _ => a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum(),
        }
    }

    fn rdist_to_dist(&self, squared: f64) -> f64 {
        squared.sqrt()
    }

    fn dist_to_rdist(&self, distance: f64) -> f64 {
        distance * distance
    }
}

/// The nearest centroid (the first of equally near ones) and the squared distance to it.
#[inline]
pub(crate) fn nearest(point: &Point, centroids: &[Point]) -> (u32, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, centroid) in (0..).zip(centroids) {
        let mut squared = 0.0;
        for dimension in 0..DIMENSIONS {
            squared += (point[dimension] - centroid[dimension]).powi(2);
        }
        if squared < best.1 {
            best = (index, squared);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Customers of four kinds, in an order that depends on the seed alone.
    fn shop(n: usize, seed: u64) -> (Vec<i32>, Vec<i64>, Vec<f64>) {
        let mut state = seed | 1;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut recency, mut frequency, mut monetary) = (vec![], vec![], vec![]);
        for _ in 0..n {
            let (days, orders, spent) = match draw(4) {
                0 => (1 + draw(10), 20 + draw(50), 5_000 + draw(9_000)),
                1 => (5 + draw(30), 5 + draw(10), 1_000 + draw(2_000)),
                2 => (5 + draw(60), 1 + draw(2), 100 + draw(300)),
                _ => (150 + draw(200), 1 + draw(3), 100 + draw(500)),
            };
            recency.push(days as i32);
            frequency.push(orders as i64);
            monetary.push(spent as f64);
        }
        (recency, frequency, monetary)
    }

    fn segment_shop(shop: &(Vec<i32>, Vec<i64>, Vec<f64>), settings: &Settings) -> Segmentation {
        let customers = Customers { recency_days: &shop.0, frequency: &shop.1, monetary: &shop.2 };
        segment(customers, settings).unwrap()
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let shop = shop(30_000, 7);
        let found = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| segment_shop(&shop, &Settings::default()))
        });
        assert_eq!(found[0], found[1]);
        assert_eq!(found[0], found[2]);
    }

    #[test]
    fn a_sample_finds_the_segments_of_the_whole() {
        let shop = shop(40_000, 3);
        let sampled = segment_shop(&shop, &Settings { sample: 1_000, ..Settings::default() });
        let whole = segment_shop(&shop, &Settings { sample: 40_000, ..Settings::default() });
        assert!((sampled.inertia / whole.inertia - 1.0).abs() < 1e-3);
        let same = sampled.segment_of.iter().zip(&whole.segment_of).filter(|(a, b)| a == b).count();
        assert!(same > 39_500, "{same}");
        assert!(whole.silhouette > 0.5, "{}", whole.silhouette);
    }

    #[test]
    fn too_few_customers_are_an_error() {
        let check = |n: usize, k| {
            let shop = (vec![5; n], vec![1; n], vec![2.0; n]);
            let customers =
                Customers { recency_days: &shop.0, frequency: &shop.1, monetary: &shop.2 };
            segment(customers, &Settings { k, ..Settings::default() }).unwrap_err().to_string()
        };
        assert!(check(3, 4).contains("4 segments need at least 4 customers"));
        assert!(check(50_000, 4).contains("found 1"));
        assert!(check(0, 2).contains("found 0"));
        assert!(check(5, 1).contains("between 2 and 50"));
        assert!(check(5, 51).contains("between 2 and 50"));
    }

    #[test]
    fn nearly_equal_customers_do_no_harm() {
        let n = 100_001;
        let mut shop = (vec![5; n], vec![1; n], vec![2.0; n]);
        for (at, days) in [(1, 9), (2, 99), (3, 999)] {
            shop.0[at] = days;
        }
        let found = segment_shop(&shop, &Settings::default());
        assert!(found.distance.iter().all(|d| d.is_finite()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_customers_are_segmented_or_too_few(
            rows in proptest::collection::vec((0..400_i32, 1..9_i64, 0.0..1e6_f64), 0..40), k in 2..6_usize
        ) {
            let recency: Vec<_> = rows.iter().map(|r| r.0).collect();
            let frequency: Vec<_> = rows.iter().map(|r| r.1).collect();
            let monetary: Vec<_> = rows.iter().map(|r| r.2).collect();
            let customers =
                Customers { recency_days: &recency, frequency: &frequency, monetary: &monetary };
            if let Ok(found) = segment(customers, &Settings { k, restarts: 2, ..Settings::default() }) {
                prop_assert_eq!(found.segment_of.len(), rows.len());
                prop_assert_eq!(found.segments.len(), k);
                let squares: f64 = found.distance.iter().map(|d| d * d).sum();
                prop_assert!((squares - found.inertia).abs() <= 1e-9 * (1.0 + squares));
                prop_assert!((-1.0..=1.0).contains(&found.silhouette));
            }
        }
    }
}
