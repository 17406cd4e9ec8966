//! Numbers and names for clusters, from their centroids.

use std::cmp::Ordering;

use crate::features::Point;

const RECENCY: usize = 0;
const FREQUENCY: usize = 1;
const MONETARY: usize = 2;

/// Puts centroids in the order of their segment ids and names them. `centroids` may be scaled: only comparisons count.
///
/// - `k - 1`, **High Value VIP**: the highest monetary value;
/// - of the rest 0, **Churn Risk**: the highest recency (longest away);
/// - of the rest 1, **Loyal / Frequent**: the highest frequency; the others follow by falling frequency;
/// - the last of them, `k - 2`, **New / Promising**; any between are **Regular 1**, **Regular 2**, ...
///
/// With k = 3 there is no New / Promising, with k = 2 no Loyal / Frequent either.
pub(crate) fn name_clusters(mut centroids: Vec<Point>) -> Vec<(Point, String)> {
    let k = centroids.len();
    let vip = take_highest(&mut centroids, MONETARY);
    let churn = take_highest(&mut centroids, RECENCY);
    centroids.sort_by(|a, b| compare(b, a, FREQUENCY));
    let mut named: Vec<(Point, String)> = Vec::with_capacity(k);
    named.extend(churn.map(|centroid| (centroid, "Churn Risk".to_owned())));
    let others = centroids.len();
    for (index, centroid) in centroids.into_iter().enumerate() {
        let name = match index {
            0 => "Loyal / Frequent".to_owned(),
            last if last + 1 == others => "New / Promising".to_owned(),
            between => format!("Regular {between}"),
        };
        named.push((centroid, name));
    }
    named.extend(vip.map(|centroid| (centroid, "High Value VIP".to_owned())));
    named
}

fn take_highest(centroids: &mut Vec<Point>, dimension: usize) -> Option<Point> {
    let indexes = 0..centroids.len();
    let highest = indexes.max_by(|&a, &b| compare(&centroids[a], &centroids[b], dimension))?;
    Some(centroids.remove(highest))
}

/// By one dimension; equal ones by the others, so that the order never depends on which cluster was found first.
fn compare(a: &Point, b: &Point, dimension: usize) -> Ordering {
    let by = |d: usize| a[d].total_cmp(&b[d]);
    by(dimension).then(by(MONETARY)).then(by(FREQUENCY)).then(by(RECENCY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(centroids: &[Point]) -> Vec<(f64, String)> {
        name_clusters(centroids.to_vec()).into_iter().map(|(c, n)| (c[RECENCY], n)).collect()
    }

    #[test]
    fn the_four_of_the_contract_in_any_order() {
        let centroids = [[5.0, 9.0, 99.0], [90.0, 1.0, 5.0], [20.0, 4.0, 8.0], [10.0, 1.0, 3.0]];
        let expected = [
            (90.0, "Churn Risk".to_owned()),
            (20.0, "Loyal / Frequent".to_owned()),
            (10.0, "New / Promising".to_owned()),
            (5.0, "High Value VIP".to_owned()),
        ];
        assert_eq!(names(&centroids), expected);
        let [a, b, c, d] = centroids;
        assert_eq!(names(&[d, c, b, a]), expected);
        assert_eq!(names(&[c, a, d, b]), expected);
    }

    #[test]
    fn other_numbers_of_clusters() {
        let all = [
            [5.0, 9.0, 99.0],
            [90.0, 1.0, 5.0],
            [20.0, 4.0, 8.0],
            [11.0, 3.0, 3.0],
            [12.0, 2.0, 3.0],
            [10.0, 1.0, 3.0],
        ];
        let only = |k: usize| names(&all[..k]).into_iter().map(|(_, n)| n).collect::<Vec<_>>();
        assert_eq!(only(2), ["Churn Risk", "High Value VIP"]);
        assert_eq!(only(3), ["Churn Risk", "Loyal / Frequent", "High Value VIP"]);
        let six = ["Churn Risk", "Loyal / Frequent", "Regular 1", "Regular 2", "New / Promising"];
        assert_eq!(only(6)[..5], six);
    }
}
