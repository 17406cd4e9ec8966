//! Where orders come from, and what time it is for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use order_generator::LiveOrders;
use order_message::Order;
use order_model::{Date, Timestamp};

use super::replay::{Replay, Skipped};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Order lines, one after the other.
pub(super) enum Source {
    /// Made up as they are sent, without end.
    Live(Box<LiveOrders>),
    /// The rows of a file.
    Replay(Box<Replay>),
}

impl Source {
    /// Goes on to the next line; false if there is none.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub(super) fn advance(&mut self) -> Result<bool> {
        match self {
            Self::Live(orders) => {
                orders.advance();
                Ok(true)
            }
            Self::Replay(replay) => replay.advance(),
        }
    }

    /// The line that [`Source::advance`] went to. A made-up one has no time of its own: it is of 1970.
    pub(super) fn order(&self) -> Option<Order<'_>> {
        match self {
            Self::Replay(replay) => replay.order(),
            Self::Live(orders) => {
                let line = orders.line()?;
                Some(Order {
                    invoice_no: line.invoice_no,
                    stock_code: line.stock_code,
                    description: line.description,
                    quantity: line.quantity,
                    event_time: Date::from_days(0).midnight(),
                    unit_price: line.unit_price,
                    customer_id: line.customer_id,
                    country: Some(line.country),
                })
            }
        }
    }

    /// The rows of a file that are no orders.
    pub(super) fn skipped(&self) -> Option<&Skipped> {
        match self {
            Self::Live(_) => None,
            Self::Replay(replay) => Some(replay.skipped()),
        }
    }
}

/// What time an order is of. Always whole seconds, as shops write them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum EventTimes {
    /// The moment it is sent.
    Now,
    /// As it stands in the file.
    OfTheFile,
    /// From `start` on so many a second: the same on every run.
    Even { start: Timestamp, per_second: f64 },
}

impl EventTimes {
    /// The time of the order with this number, from 0; `None` for its own.
    pub(super) fn of(self, number: u64) -> Option<Timestamp> {
        match self {
            Self::OfTheFile => None,
            Self::Now => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
                Some(Timestamp::from_micros(seconds.saturating_mul(MICROS_PER_SECOND)))
            }
            Self::Even { start, per_second } => {
                let seconds = (number as f64 / per_second) as i64;
                let micros = seconds.saturating_mul(MICROS_PER_SECOND);
                Some(Timestamp::from_micros(start.micros().saturating_add(micros)))
            }
        }
    }
}

/// When an order of a file is due: its time since the first one's, divided. One that is older than the first is due at once.
pub(super) fn due(first: Timestamp, event_time: Timestamp, speed_up: f64) -> Duration {
    let micros = event_time.micros().saturating_sub(first.micros()).max(0);
    Duration::try_from_secs_f64(micros as f64 / MICROS_PER_SECOND as f64 / speed_up)
        .unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        order_model::DateFormat::Iso8601.parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn even_times_go_on_by_the_rate() {
        let times = EventTimes::Even { start: at("2026-01-01T10:00:00Z"), per_second: 2.0 };
        let texts: Vec<String> =
            (0..5).map(|number| times.of(number).unwrap().to_string()).collect();
        let expected = [0, 0, 1, 1, 2].map(|second| format!("2026-01-01 10:00:0{second}"));
        assert_eq!(texts, expected);
        assert_eq!(EventTimes::OfTheFile.of(7), None);
        assert_eq!(EventTimes::Now.of(7).unwrap().micros() % MICROS_PER_SECOND, 0);
    }

    #[test]
    fn gaps_of_the_file_are_divided() {
        let first = at("2011-12-01T10:00:00Z");
        let due = |text, speed_up| due(first, at(text), speed_up).as_secs_f64();
        assert_eq!(due("2011-12-01T10:00:00Z", 60.0), 0.0);
        assert_eq!(due("2011-12-01T11:00:00Z", 60.0), 60.0);
        assert_eq!(due("2011-12-02T10:00:00Z", 0.5), 172_800.0);
        assert_eq!(due("2011-11-30T10:00:00Z", 1.0), 0.0);
    }
}
