//! Seeded chance. Only integer arithmetic and the four basic operations on floats, which give the
//! same bits on every machine; logarithms and powers would not.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// A stream of random numbers that belongs to one part of what a seed makes.
#[derive(Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of this seed and part; the parts of a seed have nothing in common. Files and live orders use the parts up to
    /// 2^63.
    pub fn of_part(seed: u64, part: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(mix(seed).wrapping_add(mix(!part))))
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..n`; 0 if `n` is 0. The bias of the multiplication is below n / 2^32.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// Uniform in `0.0..1.0`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Rounds up or down so that the mean over many calls is `x`: small parts keep rare rates.
    pub(crate) fn round(&mut self, x: f64) -> u64 {
        x as u64 + u64::from(self.chance(x - x.trunc()))
    }

    /// One of the items; `None` if there are none.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u32) as usize).copied()
    }
}

/// Spreads nearby numbers over all 64 bits (the finaliser of SplitMix64, Steele et al. 2014).
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A probability to compare 32 random bits with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threshold(u64);

impl Threshold {
    pub(crate) fn new(probability: f64) -> Self {
        Self((probability.clamp(0.0, 1.0) * (1_u64 << 32) as f64) as u64)
    }

    #[inline]
    pub(crate) fn hit(self, bits: u32) -> bool {
        u64::from(bits) < self.0
    }
}

/// Draws an index by weight with one look-up (Walker's alias method, built as by Vose 1991).
#[derive(Debug)]
pub(crate) struct WeightedIndex {
    /// Chance to stay in the slot (of 2^32), and where to go otherwise.
    slots: Vec<(u64, u32)>,
}

impl WeightedIndex {
    pub(crate) fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        let mut left: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut slots: Vec<(u64, u32)> =
            (0..weights.len() as u32).map(|index| (1_u64 << 32, index)).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) =
            (0..left.len()).partition(|&index| left[index] < 1.0);
        while let (Some(small), Some(&large)) = (poor.pop(), rich.last()) {
            slots[small] = ((left[small] * (1_u64 << 32) as f64) as u64, large as u32);
            left[large] -= 1.0 - left[small];
            if left[large] < 1.0 {
                rich.pop();
                poor.push(large);
            }
        }
        Self { slots }
    }

    /// The index for 64 random bits.
    #[inline]
    pub(crate) fn draw(&self, bits: u64) -> usize {
        let slot = (((bits >> 32) * self.slots.len() as u64) >> 32) as usize;
        let (stay, other) = self.slots[slot];
        if (bits & 0xffff_ffff) < stay { slot } else { other as usize }
    }
}

/// A distribution by its quantiles: `(share of values below, value)`, straight lines between.
pub(crate) fn quantile(points: &[(f64, f64)], share: f64) -> f64 {
    for pair in points.windows(2) {
        let ((low, from), (high, to)) = (pair[0], pair[1]);
        if share < high {
            return from + (to - from) * (share - low) / (high - low);
        }
    }
    points.last().map_or(0.0, |&(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept() {
        let weights = [5.0, 0.0, 1.0, 3.0, 1.0];
        let table = WeightedIndex::new(&weights);
        let mut random = Random::of_part(1, 2);
        let mut counts = [0_u32; 5];
        for _ in 0..100_000 {
            counts[table.draw(random.bits())] += 1;
        }
        for (weight, count) in weights.iter().zip(counts) {
            let expected = weight * 10_000.0;
            assert!((f64::from(count) - expected).abs() < 600.0, "{weight}: {count}");
        }
        assert_eq!(counts[1], 0);
    }

    #[test]
    fn rounding_keeps_the_mean() {
        let mut random = Random::of_part(3, 4);
        let sum: u64 = (0..10_000).map(|_| random.round(0.3)).sum();
        assert!((2_800..3_200).contains(&sum), "{sum}");
        assert_eq!(random.round(7.0), 7);
    }

    #[test]
    fn quantiles_are_straight_between_points() {
        let points = [(0.0, 1.0), (0.5, 3.0), (1.0, 11.0)];
        let check = |share, expected| assert_eq!(quantile(&points, share), expected);
        check(0.0, 1.0);
        check(0.25, 2.0);
        check(0.75, 7.0);
        check(1.0, 11.0);
    }

    #[test]
    fn parts_and_seeds_differ() {
        let first = |seed, part| Random::of_part(seed, part).bits();
        assert_ne!(first(1, 0), first(0, 1));
        assert_ne!(first(1, 1), first(1, 2));
        assert_eq!(first(9, 9), first(9, 9));
    }
}
