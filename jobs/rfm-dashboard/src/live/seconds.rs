//! What happened in each of the last seconds.

use std::collections::VecDeque;

/// Seconds that are kept: a quarter of an hour.
pub(super) const KEPT: usize = 900;
/// Seconds over which the hit rate is taken.
const HIT_WINDOW: usize = 10;
/// Lags of a second that are remembered: the median of so many is the median.
const MOST_LAGS: usize = 2_000;

/// A second that is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    /// Seconds since 1970.
    pub time: u64,
    pub orders: u64,
    /// Orders whose customer has a segment.
    pub known: u64,
    /// By position of the segment.
    pub by_segment: Vec<u64>,
    /// Median, in milliseconds.
    pub lag_ms: Option<i64>,
}

/// The second that runs, and those before it.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    past: VecDeque<Second>,
    running: Second,
    lags: Vec<i64>,
}

impl Seconds {
    pub(super) fn count(&mut self, segment: u16, is_known: bool, lag_ms: Option<i64>) {
        self.running.orders += 1;
        self.running.known += u64::from(is_known);
        let segment = usize::from(segment);
        if self.running.by_segment.len() <= segment {
            self.running.by_segment.resize(segment + 1, 0);
        }
        if let Some(n) = self.running.by_segment.get_mut(segment) {
            *n += 1;
        }
        if let Some(lag) = lag_ms.filter(|_| self.lags.len() < MOST_LAGS) {
            self.lags.push(lag);
        }
    }

    /// Ends the second.
    pub(super) fn tick(&mut self, now: u64) {
        let mut second = std::mem::take(&mut self.running);
        self.lags.sort_unstable();
        second.lag_ms = self.lags.get(self.lags.len() / 2).copied();
        second.time = now;
        self.lags.clear();
        self.past.push_back(second);
        while self.past.len() > KEPT {
            self.past.pop_front();
        }
    }

    /// The last second that is over.
    pub(super) fn last(&self) -> Option<&Second> {
        self.past.back()
    }

    pub(super) fn past(&self) -> &VecDeque<Second> {
        &self.past
    }

    /// Orders of the last second or of the running one, whichever are more.
    pub(super) fn rate(&self) -> u64 {
        self.last().map_or(0, |second| second.orders).max(self.running.orders)
    }

    /// Of the orders of the last ten seconds, those whose customer has a segment, 0 to 1.
    pub(super) fn hit_rate(&self) -> Option<f64> {
        let recent = || self.past.iter().rev().take(HIT_WINDOW);
        let orders: u64 = recent().map(|second| second.orders).sum();
        let known: u64 = recent().map(|second| second.known).sum();
        (orders > 0).then(|| known as f64 / orders as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_second() {
        let mut seconds = Seconds::default();
        for n in 0..30 {
            seconds.count(n % 3, n % 3 != 2, Some(i64::from(n)));
        }
        assert_eq!((seconds.rate(), seconds.hit_rate()), (30, None));
        seconds.tick(1_000);
        seconds.count(0, true, None);
        seconds.tick(1_001);
        let past: Vec<(u64, u64)> = seconds.past().iter().map(|s| (s.time, s.orders)).collect();
        assert_eq!(past, [(1_000, 30), (1_001, 1)]);
        assert_eq!(seconds.past()[0].by_segment, [10, 10, 10]);
        assert_eq!((seconds.past()[0].lag_ms, seconds.past()[1].lag_ms), (Some(15), None));
        assert_eq!(seconds.hit_rate(), Some(21.0 / 31.0));
        (0..2_000).for_each(|now| seconds.tick(now));
        assert_eq!((seconds.past().len(), seconds.hit_rate(), seconds.rate()), (KEPT, None, 0));
    }
}
