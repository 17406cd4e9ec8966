//! Who places a live order: mostly those who order often, sometimes somebody new.

use crate::customers::{CustomerKind, Customers, FIRST_ID};
use crate::random::{Random, Threshold};

/// Who an order is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buyer {
    pub(super) id: i64,
    pub(super) kind: CustomerKind,
    pub(super) country: &'static str,
}

#[derive(Debug)]
pub(super) struct Buyers {
    customers: Customers,
    /// Ids by rank, in place of the made-up ones.
    ids: Option<Vec<i64>>,
    unknown: Threshold,
    /// Unknown customers have ids from here on.
    unknown_from: i64,
    unknown_count: u32,
}

impl Buyers {
    pub(super) fn new(seed: u64, count: u32, ids: Option<Vec<i64>>, unknown: f64) -> Self {
        let ids = ids.map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            ids
        });
        let count = ids.as_ref().map_or(count, |ids| ids.len() as u32);
        let customers = Customers::new(seed, count);
        let highest = match &ids {
            Some(ids) => ids.last().copied().unwrap_or_default(),
            None => (FIRST_ID + u64::from(count)) as i64 - 1,
        };
        Self {
            customers,
            ids,
            unknown: Threshold::new(unknown),
            // Far enough for the shop to grow a little without meeting them.
            unknown_from: highest.saturating_add(1_000_000),
            unknown_count: count.max(100),
        }
    }

    /// Of a hundred orders with a customer about 71 are by those who order often, 27 by new customers and 2 by ones that
    /// were thought lost: the mix at the end of a file.
    pub(super) fn draw(&self, random: &mut Random) -> Buyer {
        let bits = random.bits();
        if self.unknown.hit(bits as u32) {
            let number = i64::from(random.below(self.unknown_count));
            let country = self.customers.country(number as u64);
            let id = self.unknown_from.saturating_add(number);
            return Buyer { id, kind: CustomerKind::New, country };
        }
        let range = match (bits >> 32) % 100 {
            0..=70 => 0..0,
            71..=97 => self.customers.of_kind(CustomerKind::New),
            _ => self.customers.of_kind(CustomerKind::ChurnRisk),
        };
        let index = if range.is_empty() {
            self.customers.extra_buyer(random)
        } else {
            range.start + random.below(range.end - range.start)
        };
        let customer = self.customers.customer(index);
        let id = match &self.ids {
            Some(ids) => ids[(customer.id - FIRST_ID) as usize],
            None => customer.id as i64,
        };
        Buyer { id, kind: customer.kind, country: customer.country }
    }
}
