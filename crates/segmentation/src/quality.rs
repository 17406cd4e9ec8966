//! How good a clustering is, and which k to take.

use crate::features::{Customers, Features, Point};
use crate::fit::{SegmentationError, Settings, nearest, run};

/// Quality of the best clustering found with k segments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KQuality {
    /// Number of segments.
    pub k: usize,
    /// Sum of squared distances of all customers to their centroid, in scaled space.
    pub inertia: f64,
    /// Mean silhouette over all customers, from -1 to 1, with squared distances.
    pub silhouette: f64,
}

/// Clusters with each k of a range and reports the quality: the silhouette's peak or the inertia's elbow tells which to take.
pub fn try_ks(
    customers: Customers<'_>,
    settings: &Settings,
    ks: std::ops::RangeInclusive<usize>,
) -> Result<Vec<KQuality>, SegmentationError> {
    let features = Features::new(customers);
    ks.map(|k| {
        let centroids = run(&features, &Settings { k, ..settings.clone() })?;
        let (cluster_of, inertia) = assign(features.rows(), &centroids);
        let silhouette = silhouette(features.rows(), &cluster_of, k);
        Ok(KQuality { k, inertia, silhouette })
    })
    .collect()
}

fn assign(points: &[Point], centroids: &[Point]) -> (Vec<u32>, f64) {
    let mut inertia = 0.0;
    let clusters = points.iter().map(|point| {
        let (cluster, squared) = nearest(point, centroids);
        inertia += squared;
        cluster
    });
    (clusters.collect(), inertia)
}

/// Mean silhouette with squared Euclidean distances, in time linear in the points.
///
/// The mean squared distance of a point x to all points y of a cluster of N is `|x|^2 + sum|y|^2/N - 2 x·sum(y)/N`: two sums a
/// cluster suffice. Source: Spark's `SquaredEuclideanSilhouette` (ClusteringEvaluator.scala), whose definition and treatment of clusters
/// of one point (silhouette 0) this follows, so that the figures of both systems can be compared.
pub(crate) fn silhouette(points: &[Point], cluster_of: &[u32], k: usize) -> f64 {
    #[derive(Clone, Copy, Default)]
    struct Sums {
        points: f64,
        coordinates: Point,
        squares: f64,
    }
    let square = |point: &Point| point.iter().map(|v| v * v).sum::<f64>();
    let mut sums = vec![Sums::default(); k];
    for (point, &cluster) in points.iter().zip(cluster_of) {
        let Some(sums) = sums.get_mut(cluster as usize) else { continue };
        sums.points += 1.0;
        sums.squares += square(point);
        for (sum, value) in sums.coordinates.iter_mut().zip(point) {
            *sum += value;
        }
    }
    let mut total = 0.0;
    for (point, &own) in points.iter().zip(cluster_of) {
        let own_square = square(point);
        let mut to_own = 0.0;
        let mut to_other = f64::INFINITY;
        let mut alone = false;
        for (cluster, sums) in sums.iter().enumerate().filter(|(_, sums)| sums.points > 0.0) {
            let cross: f64 = point.iter().zip(sums.coordinates).map(|(x, sum)| x * sum).sum();
            let mean = own_square + sums.squares / sums.points - 2.0 * cross / sums.points;
            if cluster == own as usize {
                alone = sums.points <= 1.0;
                // The point's distance to itself is 0 and does not count among the others.
                to_own = mean * sums.points / (sums.points - 1.0).max(1.0);
            } else {
                to_other = to_other.min(mean);
            }
        }
        let larger = to_own.max(to_other);
        if !alone && to_other.is_finite() && larger > 0.0 {
            total += (to_other - to_own) / larger;
        }
    }
    total / points.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(points: &[Point], cluster_of: &[u32], k: u32) -> f64 {
        let distance =
            |a: &Point, b: &Point| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let mut total = 0.0;
        for (i, point) in points.iter().enumerate() {
            let mean = |cluster: u32| {
                let others: Vec<f64> = (0..points.len())
                    .filter(|&j| j != i && cluster_of[j] == cluster)
                    .map(|j| distance(point, &points[j]))
                    .collect();
                (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64)
            };
            let own = mean(cluster_of[i]);
            let other =
                (0..k).filter(|&c| c != cluster_of[i]).filter_map(mean).min_by(f64::total_cmp);
            if let (Some(own), Some(other)) = (own, other)
                && own.max(other) > 0.0
            {
                total += (other - own) / own.max(other);
            }
        }
        total / points.len() as f64
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            rows in proptest::collection::vec(
                (prop::array::uniform3(-3.0..3.0_f64), 0..4_u32), 1..40)
        ) {
            let points: Vec<Point> = rows.iter().map(|r| r.0).collect();
            let clusters: Vec<u32> = rows.iter().map(|r| r.1).collect();
            let expected = naive(&points, &clusters, 4);
            prop_assert!((silhouette(&points, &clusters, 4) - expected).abs() < 1e-9);
        }
    }
}
