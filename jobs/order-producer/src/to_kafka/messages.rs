//! Orders to messages, with late ones, duplicates and malformed ones among them as asked for.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use order_generator::Random;
use order_message::{Order, encode};
use order_model::{Date, Money, Timestamp};

use super::faults::Fault;
use super::source::{EventTimes, Source, due};

/// The part of the seed's randomness that no orders use.
const NOISE_PART: u64 = (1 << 63) + 1;
/// How many of the last messages may be sent again.
const RECENT: usize = 256;
/// A late order is of one hour to one week ago.
const LATE_SECONDS: (u32, u32) = (3_600, 7 * 86_400);

/// Shares of all messages that are not an order of this moment, each 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Noise {
    pub(crate) faults: Vec<Fault>,
    pub(crate) fault_rate: f64,
    pub(crate) late_rate: f64,
    pub(crate) duplicate_rate: f64,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Order,
    Late,
    Duplicate,
    Malformed(Fault),
}

/// Messages by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) orders: u64,
    pub(super) late: u64,
    pub(super) duplicates: u64,
    pub(super) malformed: [u64; Fault::ALL.len()],
}

impl Counts {
    pub(super) fn add(&mut self, kind: Kind) {
        *match kind {
            Kind::Order => &mut self.orders,
            Kind::Late => &mut self.late,
            Kind::Duplicate => &mut self.duplicates,
            Kind::Malformed(fault) => &mut self.malformed[fault as usize],
        } += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.orders + self.late + self.duplicates + self.malformed.iter().sum::<u64>()
    }
}

/// Whether there is a next message, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At this time since the start, or at once.
    At(Duration),
    /// There is none.
    End,
}

/// Makes the messages. The same source, noise and seed make the same ones.
pub(super) struct Messages {
    source: Source,
    event_times: EventTimes,
    /// What the gaps of a file are divided by, if it is sent with them.
    speed_up: Option<f64>,
    noise: Noise,
    random: Random,
    orders: u64,
    first_time: Option<Timestamp>,
    prepared: Option<Kind>,
    current: Current,
    good: Message,
    fault: Vec<u8>,
    recent: Vec<Message>,
}

/// A message of an order.
#[derive(Clone, Debug, Default)]
struct Message {
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Where the message is that was made last.
#[derive(Clone, Copy, Debug)]
enum Current {
    Good,
    Recent(usize),
    Fault { has_value: bool },
}

impl Messages {
    pub(super) fn new(
        source: Source,
        event_times: EventTimes,
        speed_up: Option<f64>,
        noise: Noise,
        seed: u64,
    ) -> Self {
        let mut good = Message::default();
        // What malformed messages are made of as long as there is no order.
        encode(&example(), &mut good.value);
        Self {
            source,
            event_times,
            speed_up,
            noise,
            random: Random::of_part(seed, NOISE_PART),
            orders: 0,
            first_time: None,
            prepared: None,
            current: Current::Good,
            good,
            fault: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// Gets the next message ready. Again before [`Messages::make`] it changes nothing.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn prepare(&mut self) -> Result<Next> {
        let kind = match self.prepared {
            Some(kind) => kind,
            None => {
                let kind = self.draw_kind();
                if matches!(kind, Kind::Order | Kind::Late) && !self.source.advance()? {
                    return Ok(Next::End);
                }
                *self.prepared.insert(kind)
            }
        };
        let (Kind::Order | Kind::Late, Some(speed_up)) = (kind, self.speed_up) else {
            return Ok(Next::At(Duration::ZERO));
        };
        let Some(time) = self.source.order().map(|order| order.event_time) else {
            return Ok(Next::End);
        };
        let first = *self.first_time.get_or_insert(time);
        Ok(Next::At(due(first, time, speed_up)))
    }

    /// Makes the message that is ready; `None` if none is.
    pub(super) fn make(&mut self) -> Option<Kind> {
        let kind = self.prepared.take()?;
        match kind {
            Kind::Order | Kind::Late => {
                let mut order = self.source.order()?;
                if let Some(time) = self.event_times.of(self.orders) {
                    order.event_time = time;
                }
                if kind == Kind::Late {
                    let (least, most) = LATE_SECONDS;
                    let seconds = i64::from(self.random.between(least, most));
                    let micros = order.event_time.micros().saturating_sub(seconds * 1_000_000);
                    order.event_time = Timestamp::from_micros(micros);
                }
                self.good.value.clear();
                encode(&order, &mut self.good.value);
                self.good.key.clear();
                if let Some(id) = order.customer_id {
                    // Writing to memory does not fail.
                    let _ = write!(self.good.key, "{id}");
                }
                self.orders += 1;
                self.current = Current::Good;
                self.remember();
            }
            Kind::Duplicate => {
                let index = self.random.below(self.recent.len() as u32) as usize;
                self.current = Current::Recent(index);
            }
            Kind::Malformed(fault) => {
                let has_value = fault.make(&self.good.value, &mut self.random, &mut self.fault);
                self.current = Current::Fault { has_value };
            }
        }
        Some(kind)
    }

    /// The key of the message that was made last: the customer's id. `None` for an order without a customer.
    pub(super) fn key(&self) -> Option<&[u8]> {
        let message = match self.current {
            Current::Recent(index) => self.recent.get(index)?,
            Current::Good | Current::Fault { .. } => &self.good,
        };
        (!message.key.is_empty()).then_some(message.key.as_slice())
    }

    /// The value of the message that was made last; `None` for one without.
    pub(super) fn value(&self) -> Option<&[u8]> {
        match self.current {
            Current::Good => Some(&self.good.value),
            Current::Recent(index) => Some(&self.recent.get(index)?.value),
            Current::Fault { has_value } => has_value.then_some(self.fault.as_slice()),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// One draw a message decides, so that the shares are of all messages.
    fn draw_kind(&mut self) -> Kind {
        let Noise { faults, fault_rate, late_rate, duplicate_rate } = &self.noise;
        if fault_rate + late_rate + duplicate_rate == 0.0 {
            return Kind::Order;
        }
        let drawn = self.random.unit();
        if drawn < *fault_rate {
            return Fault::draw(faults, &mut self.random).map_or(Kind::Order, Kind::Malformed);
        }
        let drawn = drawn - fault_rate;
        if drawn < *duplicate_rate {
            return if self.recent.is_empty() { Kind::Order } else { Kind::Duplicate };
        }
        if drawn - duplicate_rate < *late_rate { Kind::Late } else { Kind::Order }
    }

    fn remember(&mut self) {
        if self.noise.duplicate_rate == 0.0 {
            return;
        }
        if self.recent.len() < RECENT {
            self.recent.push(self.good.clone());
        } else {
            let slot = &mut self.recent[(self.orders % RECENT as u64) as usize];
            slot.key.clone_from(&self.good.key);
            slot.value.clone_from(&self.good.value);
        }
    }
}

fn example() -> Order<'static> {
    Order {
        invoice_no: "536365",
        stock_code: "85123A",
        description: Some("WHITE HANGING HEART T-LIGHT HOLDER"),
        quantity: 6,
        // 2010-12-01.
        event_time: Date::from_days(14_944).midnight(),
        unit_price: Money::from_ten_thousandths(25_500),
        customer_id: None,
        country: Some("United Kingdom"),
    }
}

#[cfg(test)]
mod tests;
