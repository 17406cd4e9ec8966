//! Customers as points: log1p of recency, frequency and monetary, standardised.
//!
//! All three are strongly skewed (a few customers buy most), which k-means cannot bear; logarithms make them roughly
//! symmetric, and standardising gives each the same say.

use ndarray::Array2;

/// Features of a customer.
pub(crate) const DIMENSIONS: usize = 3;
/// A customer, or a centroid: recency, frequency, monetary.
pub(crate) type Point = [f64; DIMENSIONS];

/// The columns that are clustered, one value a customer, all of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Customers<'a> {
    /// Days since the last order.
    pub recency_days: &'a [i32],
    /// Invoices.
    pub frequency: &'a [i64],
    /// Revenue in units of the currency; only the position among the segments is taken from it, never a sum.
    pub monetary: &'a [f64],
}

/// Points and the way back to the original units.
#[derive(Debug)]
pub(crate) struct Features {
    /// Shape (customers, 3).
    pub points: Array2<f64>,
    mean: Point,
    deviation: Point,
}

impl Features {
    /// Scales the customers. A feature in which all customers are equal becomes 0.
    pub(crate) fn new(customers: Customers<'_>) -> Features {
        let n = customers.recency_days.len();
        let mut points = Array2::zeros((n, DIMENSIONS));
        let rows = points.rows_mut().into_iter();
        let values = customers.recency_days.iter().zip(customers.frequency).zip(customers.monetary);
        for (mut row, ((&recency, &frequency), &monetary)) in rows.zip(values) {
            let point = [f64::from(recency), frequency as f64, monetary];
            for (to, from) in row.iter_mut().zip(point) {
                // Below zero there is no logarithm; no kept order leads there.
                *to = from.max(0.0).ln_1p();
            }
        }
        let mut mean = [0.0; DIMENSIONS];
        let mut deviation = [1.0; DIMENSIONS];
        for (dimension, mut column) in points.columns_mut().into_iter().enumerate() {
            let average = column.iter().sum::<f64>() / n.max(1) as f64;
            let squares: f64 = column.iter().map(|v| (v - average).powi(2)).sum();
            // The sample's deviation, as Spark's StandardScaler has it.
            let spread = (squares / n.saturating_sub(1).max(1) as f64).sqrt();
            let spread = if spread > 0.0 { spread } else { 1.0 };
            column.mapv_inplace(|v| (v - average) / spread);
            (mean[dimension], deviation[dimension]) = (average, spread);
        }
        Features { points, mean, deviation }
    }

    /// A point in days, invoices and currency units.
    pub(crate) fn unscale(&self, point: Point) -> Point {
        let mut raw = [0.0; DIMENSIONS];
        for (dimension, raw) in raw.iter_mut().enumerate() {
            *raw = (point[dimension] * self.deviation[dimension] + self.mean[dimension]).exp_m1();
        }
        raw
    }

    /// The points as a flat slice, row by row.
    pub(crate) fn rows(&self) -> &[Point] {
        self.points.as_slice().map_or(&[], |flat| flat.as_chunks().0)
    }
}

/// Whether at least `k` points differ; if not, how many do.
pub(crate) fn has_distinct<'a>(
    points: impl IntoIterator<Item = &'a Point>,
    k: usize,
) -> Result<(), usize> {
    let mut distinct: Vec<&Point> = Vec::with_capacity(k);
    for point in points {
        if !distinct.contains(&point) {
            distinct.push(point);
        }
        if distinct.len() >= k {
            return Ok(());
        }
    }
    Err(distinct.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_and_back() {
        let customers = Customers {
            recency_days: &[1, 10, 100],
            frequency: &[7, 7, 7],
            monetary: &[0.5, 5.0, 1e9],
        };
        let features = Features::new(customers);
        let back: Vec<Point> =
            features.rows().iter().map(|&point| features.unscale(point)).collect();
        for (row, expected) in
            back.iter().zip([[1.0, 7.0, 0.5], [10.0, 7.0, 5.0], [100.0, 7.0, 1e9]])
        {
            for (found, expected) in row.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6 * expected, "{found} {expected}");
            }
        }
        assert_eq!(features.points.column(1).to_vec(), [0.0; 3]);
        assert_eq!(has_distinct(features.rows(), 3), Ok(()));
        assert_eq!(has_distinct(features.rows(), 4), Err(3));
    }
}
