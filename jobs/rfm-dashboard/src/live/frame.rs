//! Orders of a tenth of a second, and what different watchers are given of them.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::encode::write_orders;
use super::order::LiveOrder;

/// Most orders of a frame.
pub(super) const MOST_ORDERS: usize = 100;
/// How long a frame keeps what was encoded: those who are further behind are few, and get theirs encoded anew.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// How many orders a second a watcher wants to see at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rate {
    Few,
    Some,
    Many,
}

impl Rate {
    /// The next one that is not smaller.
    pub(crate) fn at_least(orders: u32) -> Self {
        match orders {
            0..=20 => Self::Few,
            21..=100 => Self::Some,
            _ => Self::Many,
        }
    }

    fn orders(self) -> u64 {
        match self {
            Self::Few => 20,
            Self::Some => 100,
            Self::Many => 1_000,
        }
    }
}

/// Which orders a watcher wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Filter {
    All,
    /// Those of a segment, by slug.
    Segment(String),
    /// Those of a customer; never sampled.
    Customer(i64),
}

/// All who want the same of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Class {
    /// Position of the segment; `None` for all.
    segment: Option<u16>,
    rate: Rate,
}

/// An event with an id, made of some orders; does not change but for what was encoded of it.
#[derive(Debug)]
pub(super) struct Frame {
    /// From 1.
    pub seq: u64,
    pub made: Instant,
    pub orders: Vec<LiveOrder>,
    /// Orders a second when it was made.
    pub rate: u64,
    /// Orders before it, since the start.
    pub before: u64,
    pub bytes: usize,
    encoded: Mutex<Vec<(Class, Option<Bytes>)>>,
}

impl Frame {
    pub(super) fn new(seq: u64, orders: Vec<LiveOrder>, rate: u64, before: u64) -> Self {
        let bytes = orders.iter().map(LiveOrder::memory_bytes).sum::<usize>() + size_of::<Self>();
        let encoded = Mutex::default();
        Self { seq, made: Instant::now(), orders, rate, before, bytes, encoded }
    }

    /// Forgets what was encoded.
    pub(super) fn cool(&self) {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The event for a watcher; `None` when it has nothing for it.
    pub(super) fn event(
        &self,
        boot: &str,
        filter: &Filter,
        rate: Rate,
        slugs: &[String],
    ) -> Option<Bytes> {
        let segment = match filter {
            Filter::All => None,
            Filter::Segment(slug) => {
                let position = slugs.iter().position(|known| known == slug)?;
                Some(u16::try_from(position).ok()?)
            }
            Filter::Customer(id) => {
                let orders = self.orders.iter().filter(|order| order.customer_id == Some(*id));
                return self.encode(boot, 1, &orders.collect::<Vec<_>>(), slugs);
            }
        };
        let class = Class { segment, rate };
        if self.made.elapsed() > FRESH {
            return self.encode_class(boot, class, slugs);
        }
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, event)) = encoded.iter().find(|(known, _)| *known == class) {
            return event.clone();
        }
        let event = self.encode_class(boot, class, slugs);
        encoded.push((class, event.clone()));
        event
    }

    fn encode_class(&self, boot: &str, class: Class, slugs: &[String]) -> Option<Bytes> {
        let one_in = self.rate.div_ceil(class.rate.orders()).max(1);
        let is_wanted = |order: &&LiveOrder| {
            class.segment.is_none_or(|segment| order.segment == segment)
                && (one_in == 1 || order.lot().is_multiple_of(one_in))
        };
        let orders: Vec<&LiveOrder> = self.orders.iter().filter(is_wanted).collect();
        self.encode(boot, one_in, &orders, slugs)
    }

    fn encode(
        &self,
        boot: &str,
        one_in: u64,
        orders: &[&LiveOrder],
        slugs: &[String],
    ) -> Option<Bytes> {
        if orders.is_empty() {
            return None;
        }
        let mut text = String::with_capacity(256 + orders.len() * 220);
        let (seq, n) = (self.seq, orders.len());
        let _ = write!(
            text,
            "event: orders\nid: {boot}.{seq}\ndata: {{\"n\":{n},\"sampled\":{one_in},\"orders\":"
        );
        write_orders(orders, slugs, &mut text);
        text.push_str("}\n\n");
        Some(Bytes::from(text))
    }
}
