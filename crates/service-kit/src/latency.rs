//! How long things take: a histogram that costs a few nanoseconds a value and gives quantiles at any moment.
//!
//! Every power of two microseconds is cut into 32 buckets of the same width, so a bucket is at most 1/32 as wide as its
//! values are large, and its middle at most 1.6 % away from any of them. A value belongs to the bucket whose upper end
//! it does not exceed: so the powers of two, at which the buckets of Prometheus end, are counted exactly.

mod export;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The shortest duration that is told apart, in microseconds. Shorter ones count as this.
const MIN: u64 = 1;
/// The longest one: an hour, in microseconds. Longer ones count as this.
const MAX: u64 = 3_600_000_000;
/// Buckets per power of two, as a power of two.
const CUT: u32 = 5;
const N_BUCKETS: usize = bucket_of(MAX) + 1;

/// The bucket of a value from [`MIN`] to [`MAX`].
const fn bucket_of(micros: u64) -> usize {
    let below = micros - 1;
    // Up to 64 a bucket for every value; the `| 63` does away with a branch.
    let shift = (below | 63).ilog2() - CUT;
    let shift = if below < 64 { 0 } else { shift };
    ((shift as usize) << CUT) + (below >> shift) as usize
}

/// The smallest and the largest value of a bucket.
const fn range_of(bucket: usize) -> (u64, u64) {
    if bucket < 64 {
        return (bucket as u64 + 1, bucket as u64 + 1);
    }
    let shift = (bucket >> CUT) as u64 - 1;
    let cut = bucket as u64 - (shift << CUT);
    ((cut << shift) + 1, (cut + 1) << shift)
}

/// Durations of 1 us to 1 h, in whole microseconds. Clones are handles of the same.
///
/// Any number of threads may record. As a metric ([`crate::Metrics::latency`]) it has cumulative buckets that end at
/// the powers of two from 64 us to 36 min.
#[derive(Clone, Debug)]
pub struct Histogram {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    counts: [AtomicU64; N_BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Histogram {
    /// A histogram without values. Takes 7 KB.
    pub fn new() -> Self {
        let shared = Shared {
            counts: [const { AtomicU64::new(0) }; N_BUCKETS],
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Adds a duration, cut to whole microseconds.
    #[inline]
    pub fn record(&self, duration: Duration) {
        // `as_micros` calculates in 128 bits
        let micros = duration.as_secs().saturating_mul(1_000_000);
        self.record_micros(micros.saturating_add(duration.subsec_micros().into()), 1);
    }

    /// Adds `n` times the same duration, in microseconds: that of a batch to each of its `n` messages.
    #[inline]
    pub fn record_micros(&self, micros: u64, n: u64) {
        if n == 0 {
            return;
        }
        let micros = micros.clamp(MIN, MAX);
        // The maximum first: whoever sees the count sees a maximum that is not below it.
        if micros > self.shared.max.load(Ordering::Relaxed) {
            self.shared.max.fetch_max(micros, Ordering::Relaxed);
        }
        self.shared.sum.fetch_add(micros * n, Ordering::Relaxed);
        self.shared.counts[bucket_of(micros)].fetch_add(n, Ordering::Release);
    }

    /// What was recorded since the start or the last [`Histogram::reset`]. While others record it may lack some of
    /// their last values, or have them in the mean and not yet in the quantiles.
    pub fn snapshot(&self) -> Snapshot {
        let counts = self.shared.counts.iter().map(|count| count.load(Ordering::Acquire));
        let counts = counts.collect();
        let sum = self.shared.sum.load(Ordering::Relaxed);
        Snapshot::new(counts, sum, Some(self.shared.max.load(Ordering::Relaxed)))
    }

    /// Forgets all values, and gives what they were; none is lost or counted twice. Not for one that is exported:
    /// Prometheus takes it for a restart of the job. See [`Window`].
    pub fn reset(&self) -> Snapshot {
        let counts = self.shared.counts.iter().map(|count| count.swap(0, Ordering::Acquire));
        let counts = counts.collect();
        let sum = self.shared.sum.swap(0, Ordering::Relaxed);
        Snapshot::new(counts, sum, Some(self.shared.max.swap(0, Ordering::Relaxed)))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The values of a histogram at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    counts: Vec<u64>,
    /// Microseconds.
    sum: u64,
    /// Microseconds; 0 when there are no values.
    max: u64,
}

impl Snapshot {
    /// `max` is the largest value as far as it is known: somebody who records or resets meanwhile may have changed it.
    fn new(counts: Vec<u64>, sum: u64, max: Option<u64>) -> Self {
        let highest = counts.iter().rposition(|&count| count > 0);
        let max = highest.map_or(0, |bucket| {
            let (low, high) = range_of(bucket);
            max.map_or(low.midpoint(high), |max| max.clamp(low, high)).min(MAX)
        });
        Self { counts, sum, max }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their mean; `None` without values.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.count())?;
        Some(Duration::from_micros(mean))
    }

    /// The largest value; `None` without values. Exact, but in a [`Window`] without a new
    /// maximum of the histogram within 1.6 %.
    pub fn max(&self) -> Option<Duration> {
        (self.max > 0).then(|| Duration::from_micros(self.max))
    }

    /// The value that the share `q` of the values does not exceed, within 1.6 % of it: 0.5 is the median, 1 the maximum.
    /// `None` without values.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((count as f64 * q.clamp(0.0, 1.0)).ceil() as u64).clamp(1, count.max(1));
        if rank == count {
            return self.max();
        }
        let mut seen = 0;
        let bucket = self.counts.iter().position(|n| {
            seen += n;
            seen >= rank
        })?;
        let (low, high) = range_of(bucket);
        Some(Duration::from_micros(low.midpoint(high).min(self.max)))
    }

    /// What came after `earlier`, a snapshot of the same histogram.
    fn since(&self, earlier: &Self) -> Self {
        let pairs = self.counts.iter().zip(&earlier.counts);
        let counts = pairs.map(|(now, before)| now.saturating_sub(*before)).collect();
        let max = (self.max > earlier.max).then_some(self.max);
        Self::new(counts, self.sum.saturating_sub(earlier.sum), max)
    }
}

/// What a histogram gets between two looks at it, without touching what others see: for a line on the terminal.
#[derive(Debug)]
pub struct Window {
    histogram: Histogram,
    before: Snapshot,
}

impl Window {
    /// A window that starts now.
    pub fn new(histogram: &Histogram) -> Self {
        Self { histogram: histogram.clone(), before: histogram.snapshot() }
    }

    /// The values since the start of the window; the next one starts now.
    pub fn advance(&mut self) -> Snapshot {
        let now = self.histogram.snapshot();
        let window = now.since(&self.before);
        self.before = now;
        window
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Durations of all magnitudes.
    fn micros() -> impl Strategy<Value = u64> {
        prop_oneof![1..100u64, 1..100_000u64, 1..=MAX, (0..32u32).prop_map(|bits| 1 << bits)]
            .prop_map(|micros| micros.min(MAX))
    }

    /// Within 1.6 %.
    fn is_near(estimate: Option<Duration>, exact: u64) -> bool {
        let Some(estimate) = estimate else { return false };
        let estimate = estimate.as_micros() as f64;
        (estimate - exact as f64).abs() <= 0.016 * exact as f64
    }

    #[test]
    fn buckets_follow_each_other() {
        let mut next = MIN;
        for bucket in 0..N_BUCKETS {
            let (low, high) = range_of(bucket);
            assert_eq!(low, next, "{bucket}");
            assert_eq!((bucket_of(low), bucket_of(high.min(MAX))), (bucket, bucket));
            assert!(low == high || (high - low + 1) * 32 <= low, "{low} {high}");
            next = high + 1;
        }
        assert!(next > MAX);
        // the buckets of Prometheus end where one of these ends
        for power in (0..32).map(|bits| 1 << bits) {
            assert_eq!(range_of(bucket_of(power)).1, power);
        }
    }

    #[test]
    fn values_out_of_range() {
        let histogram = Histogram::new();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::from_nanos(1));
        assert_eq!(histogram.reset().max(), Some(Duration::from_micros(1)));
        histogram.record(Duration::MAX);
        histogram.record_micros(u64::MAX, 1);
        histogram.record_micros(5, 0);
        let hour = Some(Duration::from_secs(3600));
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.max(), snapshot.mean()), (2, hour, hour));
        assert!(is_near(snapshot.quantile(0.5), MAX));
    }

    #[test]
    fn without_values() {
        let snapshot = Histogram::new().snapshot();
        assert_eq!((snapshot.count(), snapshot.max(), snapshot.mean()), (0, None, None));
        assert_eq!((snapshot.quantile(0.0), snapshot.quantile(1.0)), (None, None));
    }

    #[test]
    fn many_threads() {
        let histogram = Histogram::new();
        let n = 10_000;
        let reset = thread::scope(|scope| {
            for start in 1..=4 {
                let histogram = &histogram;
                scope.spawn(move || (0..n).for_each(|i| histogram.record_micros(start + i, 1)));
            }
            // a reset meanwhile loses nothing
            (0..100).map(|_| histogram.reset().count()).sum::<u64>()
        });
        assert_eq!(reset + histogram.snapshot().count(), 4 * n);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            mut values in vec(micros(), 1..300),
            q in 0.0..=1.0f64,
        ) {
            let histogram = Histogram::new();
            for &value in &values {
                histogram.record(Duration::from_micros(value));
            }
            values.sort_unstable();
            let n = values.len();
            let snapshot = histogram.snapshot();
            for q in [0.0, 0.5, 0.99, q] {
                let rank = ((n as f64 * q).ceil() as usize).clamp(1, n);
                let (estimate, exact) = (snapshot.quantile(q), values[rank - 1]);
                prop_assert!(is_near(estimate, exact), "{} {:?} {}", q, estimate, exact);
            }
            let max = Duration::from_micros(values[n - 1]);
            prop_assert_eq!((snapshot.max(), snapshot.quantile(1.0)), (Some(max), Some(max)));
            let mean = Duration::from_micros(values.iter().sum::<u64>() / n as u64);
            prop_assert_eq!((snapshot.count(), snapshot.mean()), (n as u64, Some(mean)));
            prop_assert_eq!(histogram.reset(), snapshot);
            prop_assert_eq!(histogram.snapshot().count(), 0);
        }

        #[test]
        fn a_window_has_what_came_in_it(
            before in vec(micros(), 0..50),
            within in vec((micros(), 1..4u64), 1..50),
        ) {
            let histogram = Histogram::new();
            before.iter().for_each(|&value| histogram.record_micros(value, 1));
            let mut window = Window::new(&histogram);
            within.iter().for_each(|&(value, n)| histogram.record_micros(value, n));
            let snapshot = window.advance();
            prop_assert_eq!(snapshot.count(), within.iter().map(|&(_, n)| n).sum::<u64>());
            let sum: u64 = within.iter().map(|&(value, n)| value * n).sum();
            prop_assert_eq!(snapshot.mean(), Some(Duration::from_micros(sum / snapshot.count())));
            let max = within.iter().map(|&(value, _)| value).max().unwrap_or_default();
            prop_assert!(is_near(snapshot.max(), max), "{:?} {}", snapshot.max(), max);
            if before.iter().all(|&value| value < max) {
                prop_assert_eq!(snapshot.max(), Some(Duration::from_micros(max)));
            }
            prop_assert_eq!(window.advance().count(), 0);
        }
    }
}
