//! When the next message may go.

use std::time::Duration;

/// What a machine that was busy may catch up with: more would be a burst, less would lose pace to a late wake-up.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Shorter waits would wake up more often than they let messages go.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// Lets messages go at an even rate. It knows no clock: times are since the start.
#[derive(Debug)]
pub(super) struct Pacer {
    per_second: f64,
    /// From when on the rate counts, and what has gone since.
    origin: Duration,
    gone: u64,
}

impl Pacer {
    /// `per_second` is above 0.
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, origin: Duration::ZERO, gone: 0 }
    }

    /// How many messages may go at `now`; one at the start.
    pub(super) fn due(&mut self, now: Duration) -> u64 {
        let most = (self.per_second * CATCH_UP.as_secs_f64()).max(1.0);
        let credit = self.credit(now);
        if credit > most + 1e-6 {
            // What was missed is not made up for.
            self.origin += Duration::from_secs_f64((credit - most) / self.per_second);
            return most as u64;
        }
        credit.max(0.0) as u64
    }

    /// Notes that so many went.
    pub(super) fn went(&mut self, messages: u64) {
        self.gone += messages;
    }

    /// How long to wait at `now` until a message is due.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        let missing = (1.0 - self.credit(now)).max(0.0);
        Duration::try_from_secs_f64(missing / self.per_second)
            .unwrap_or(Duration::MAX)
            .max(SHORTEST_WAIT)
    }

    fn credit(&self, now: Duration) -> f64 {
        let elapsed = now.saturating_sub(self.origin).as_secs_f64();
        // A billionth makes up for what is lost when a whole number of messages is due.
        1.0 + elapsed * self.per_second - self.gone as f64 + 1e-9
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The messages that go in each of `seconds`, by a sender that wakes up as it is told to.
    fn run(rate: f64, seconds: usize) -> Vec<u64> {
        let mut pacer = Pacer::new(rate);
        let (mut now, mut sent) = (Duration::ZERO, vec![0; seconds]);
        while now.as_secs() < seconds as u64 {
            let due = pacer.due(now);
            sent[now.as_secs() as usize] += due;
            pacer.went(due);
            now += pacer.wait(now);
        }
        sent
    }

    #[test]
    fn rates_are_kept_every_second() {
        assert_eq!(run(1.0, 3), [1, 1, 1]);
        assert_eq!(run(0.5, 4), [1, 0, 1, 0]);
        for rate in [10.0, 250.0, 1_000.0, 77_777.0] {
            for sent in run(rate, 5) {
                assert!((sent as f64 - rate).abs() <= rate * 0.003 + 1.0, "{sent} at {rate}");
            }
        }
    }

    #[test]
    fn there_are_no_bursts() {
        let mut pacer = Pacer::new(1_000.0);
        assert_eq!(pacer.due(Duration::ZERO), 1);
        pacer.went(1);
        // Ten seconds without a chance to send, then a tenth of a second's worth, then as before.
        assert_eq!(pacer.due(Duration::from_secs(10)), 100);
        pacer.went(100);
        assert_eq!(pacer.due(Duration::from_secs(10)), 0);
        assert_eq!(pacer.due(Duration::from_millis(10_020)), 20);
    }

    #[test]
    fn a_slow_rate_waits_exactly_as_long_as_needed() {
        let mut pacer = Pacer::new(0.1);
        assert_eq!(pacer.due(Duration::ZERO), 1);
        pacer.went(1);
        let wait = pacer.wait(Duration::from_secs(4)).as_secs_f64();
        assert!((wait - 6.0).abs() < 1e-6, "{wait}");
        assert_eq!(pacer.due(Duration::from_secs(10)), 1);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_a_tenth_of_a_second(
            rate in 0.01_f64..2_000_000.0,
            steps in prop::collection::vec(0_u64..3_000_000, 1..200),
        ) {
            let mut pacer = Pacer::new(rate);
            let (mut now, mut sent) = (Duration::ZERO, 0);
            for step in steps {
                now += Duration::from_micros(step);
                let due = pacer.due(now);
                prop_assert!(due as f64 <= (rate * 0.1).max(1.0));
                pacer.went(due);
                sent += due;
                prop_assert!(sent as f64 <= 1.001 + rate * now.as_secs_f64());
                // After the wait there is something to send.
                prop_assert!(pacer.due(now + pacer.wait(now) + Duration::from_nanos(100)) > 0);
            }
        }
    }
}
