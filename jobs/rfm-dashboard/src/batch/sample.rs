//! Some customers of each segment, as many as a page can draw: the same ones each time, the extremes among them.

use std::collections::BinaryHeap;

/// A customer as a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Point {
    pub customer_id: i64,
    pub recency: i32,
    pub frequency: i64,
    /// Ten-thousandths.
    pub monetary: i128,
}

/// Of one segment, the customers with the smallest hashes, and those with the smallest and largest values.
#[derive(Debug)]
pub(super) struct Sampler {
    most: usize,
    drawn: BinaryHeap<Drawn>,
    extremes: Vec<Point>,
    n: u64,
}

#[derive(Debug)]
struct Drawn {
    hash: u64,
    point: Point,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.hash, self.point.customer_id).cmp(&(other.hash, other.point.customer_id))
    }
}

/// The customers of a segment that may be drawn, the first ones first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Extremes, then the others in the order in which they were drawn by lot.
    points: Vec<Point>,
    /// Customers of the segment.
    pub n: u64,
}

impl Sampler {
    pub(super) fn new(most: usize) -> Self {
        Self { most, drawn: BinaryHeap::new(), extremes: Vec::new(), n: 0 }
    }

    pub(super) fn push(&mut self, point: Point) {
        self.n += 1;
        self.keep_extremes(point);
        let hash = mix(point.customer_id as u64);
        if self.drawn.len() == self.most {
            match self.drawn.peek() {
                Some(last) if last.hash > hash => drop(self.drawn.pop()),
                _ => return,
            }
        }
        self.drawn.push(Drawn { hash, point });
    }

    fn keep_extremes(&mut self, point: Point) {
        // Smallest and largest of each of the three values; the first customer who has it.
        let values = |p: &Point| [i128::from(p.recency), i128::from(p.frequency), p.monetary];
        if self.extremes.is_empty() {
            self.extremes = vec![point; 6];
            return;
        }
        for (dimension, value) in values(&point).into_iter().enumerate() {
            for (slot, is_beyond) in [
                (2 * dimension, value < values(&self.extremes[2 * dimension])[dimension]),
                (2 * dimension + 1, value > values(&self.extremes[2 * dimension + 1])[dimension]),
            ] {
                if is_beyond {
                    self.extremes[slot] = point;
                }
            }
        }
    }

    pub(super) fn finish(self) -> Sample {
        let mut points: Vec<Point> = Vec::new();
        let mut drawn = self.drawn.into_vec();
        drawn.sort_unstable();
        for point in self.extremes {
            if !points.contains(&point) {
                points.push(point);
            }
        }
        let extremes = points.clone();
        let is_new = |point: &Point| !extremes.contains(point);
        points.extend(drawn.into_iter().map(|drawn| drawn.point).filter(is_new));
        points.truncate(self.most);
        Sample { points, n: self.n }
    }
}

impl Sample {
    /// So many points at most, ascending by customer.
    pub(crate) fn take(&self, most: usize) -> Vec<Point> {
        let mut points: Vec<Point> = self.points.iter().take(most).copied().collect();
        points.sort_unstable_by_key(|point| point.customer_id);
        points
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.points.capacity() * size_of::<Point>()
    }
}

/// How many points each segment gets of `most`: in proportion to its customers, but enough of each to be seen.
pub(crate) fn shares(customers: &[u64], most: usize) -> Vec<usize> {
    let total: u64 = customers.iter().sum();
    if total <= most as u64 {
        return customers.iter().map(|n| *n as usize).collect();
    }
    // A tenth of an equal share is for everybody.
    let least = most / (10 * customers.len().max(1));
    let floor = |n: u64| least.min(usize::try_from(n).unwrap_or(usize::MAX));
    let given: usize = customers.iter().map(|n| floor(*n)).sum();
    let rest = most.saturating_sub(given) as u128;
    let left: u128 = customers.iter().map(|n| u128::from(*n - floor(*n) as u64)).sum();
    let share = |n: &u64| {
        let beyond = u128::from(*n - floor(*n) as u64);
        floor(*n) + usize::try_from(rest * beyond / left.max(1)).unwrap_or(0)
    };
    customers.iter().map(share).collect()
}

/// The finaliser of SplitMix64: neighbouring ids come far apart.
fn mix(id: u64) -> u64 {
    let mut z = id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: i64) -> Point {
        Point {
            customer_id: id,
            recency: (id % 300) as i32,
            frequency: id % 20,
            monetary: i128::from(id * 37 % 9_999),
        }
    }

    #[test]
    fn small_segments_are_whole_and_large_ones_keep_their_extremes() {
        let sample = |n: i64| {
            let mut sampler = Sampler::new(100);
            (0..n).for_each(|id| sampler.push(point(id)));
            sampler.push(Point {
                customer_id: n,
                recency: 9_999,
                frequency: 50_000,
                monetary: 10_i128.pow(19),
            });
            sampler.finish()
        };
        let small = sample(60);
        assert_eq!((small.n, small.take(100).len()), (61, 61));
        let large = sample(50_000);
        let points = large.take(20);
        assert_eq!((large.n, points.len()), (50_001, 20));
        assert!(points.iter().any(|p| p.customer_id == 50_000), "the extreme one");
        assert!(points.is_sorted_by_key(|p| p.customer_id));
        assert_eq!(points, sample(50_000).take(20));
        assert_eq!(large.take(1_000).len(), 100);
    }

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(&[3, 0, 5], 100), [3, 0, 5]);
        let shares = shares(&[1_000_000, 100, 3], 5_000);
        assert!(shares.iter().sum::<usize>() <= 5_000);
        assert_eq!(shares[2], 3);
        assert!(shares[1] == 100 && shares[0] > 4_800, "{shares:?}");
    }
}
