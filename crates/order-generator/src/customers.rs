//! Who orders, how often and when.
//!
//! Customers come in four kinds that differ visibly in recency, frequency and monetary value. The
//! regular orders of a kind form a *stream*: evenly spaced slots over a part of the period, each
//! belonging to a known customer. A chunk takes the slots that fall into its own part of the
//! period, so nobody keeps a list of all orders. What remains of a chunk's orders goes to VIP and
//! loyal customers by chance, a few of them getting most.

use std::ops::Range;

use crate::random::{Random, mix};

/// The first customer id of the real data.
pub(crate) const FIRST_ID: u64 = 12_346;

/// What kind of customer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CustomerKind {
    /// A few percent: orders every third week or more, in large quantities, until the end.
    Vip,
    /// Orders every other month or more, until the end.
    Loyal,
    /// First order in the last third of all orders (about eleven weeks), one or two in all.
    New,
    /// One to three orders in the first half of the year, none since.
    ChurnRisk,
}

impl CustomerKind {
    pub const ALL: [Self; 4] = [Self::Vip, Self::Loyal, Self::New, Self::ChurnRisk];
}

/// A customer of the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer {
    /// As in the column `CustomerID`: 12346 and up, without gaps, in no relation to the kind.
    pub id: u64,
    pub kind: CustomerKind,
    /// As in the column `Country`.
    pub country: &'static str,
}

/// Customers of the real data by country. Where few of them buy a lot (EIRE has 3) or none has an
/// id (Hong Kong), their number here follows the lines instead.
const COUNTRIES: [(&str, u64); 38] = [
    ("United Kingdom", 3950),
    ("Germany", 95),
    ("France", 87),
    ("EIRE", 40),
    ("Spain", 31),
    ("Belgium", 25),
    ("Switzerland", 21),
    ("Portugal", 19),
    ("Italy", 15),
    ("Finland", 12),
    ("Austria", 11),
    ("Norway", 10),
    ("Australia", 9),
    ("Netherlands", 9),
    ("Channel Islands", 9),
    ("Denmark", 9),
    ("Japan", 8),
    ("Cyprus", 8),
    ("Sweden", 8),
    ("Poland", 6),
    ("Israel", 4),
    ("Greece", 4),
    ("Canada", 4),
    ("Unspecified", 4),
    ("USA", 4),
    ("United Arab Emirates", 2),
    ("Bahrain", 2),
    ("Malta", 2),
    ("Hong Kong", 2),
    ("Lithuania", 1),
    ("Iceland", 1),
    ("Singapore", 1),
    ("Lebanon", 1),
    ("Saudi Arabia", 1),
    ("Czech Republic", 1),
    ("Brazil", 1),
    ("European Community", 1),
    ("RSA", 1),
];

const ALL_COUNTRIES: u64 = {
    let (mut sum, mut i) = (0, 0);
    while i < COUNTRIES.len() {
        sum += COUNTRIES[i].1;
        i += 1;
    }
    sum
};

/// Regular orders of a VIP and of a loyal customer.
const VIP_ROUNDS: f64 = 16.0;
const LOYAL_ROUNDS: f64 = 5.0;

pub(crate) const HOME: &str = "United Kingdom";

/// The customers of a generated file, a pure function of seed and number.
#[derive(Clone, Debug)]
pub struct Customers {
    seed: u64,
    count: u32,
    /// Where loyal, new and churning customers begin; VIPs begin at 0.
    loyal_from: u32,
    new_from: u32,
    churn_from: u32,
    /// `index -> (index * factor + offset) % count` scatters the kinds over the ids.
    factor: u64,
    offset: u64,
}

impl Customers {
    /// `count` customers, at least 1. Fewer than four are all loyal.
    pub fn new(seed: u64, count: u32) -> Self {
        let count = count.max(1);
        let part = |share: f64| ((f64::from(count) * share) as u32).max(1);
        let (vip, new, churn) =
            if count < 4 { (0, 0, 0) } else { (part(0.06), part(0.29), part(0.41)) };
        let n = u64::from(count);
        // A step near the golden section, moved until it visits every id exactly once.
        let mut factor = (n * 618 / 1000).max(1);
        while greatest_common_divisor(factor, n) != 1 {
            factor += 1;
        }
        Self {
            seed,
            count,
            loyal_from: vip,
            new_from: count - new - churn,
            churn_from: count - churn,
            factor,
            offset: mix(seed) % n,
        }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The customer with this index, modulo the number of customers.
    pub fn customer(&self, index: u32) -> Customer {
        let index = index % self.count;
        let n = u64::from(self.count);
        let id = FIRST_ID + (u64::from(index) * self.factor + self.offset) % n;
        Customer { id, kind: self.kind(index), country: country_of(self.seed, id) }
    }

    /// The customers of a kind, by index.
    pub fn of_kind(&self, kind: CustomerKind) -> Range<u32> {
        match kind {
            CustomerKind::Vip => 0..self.loyal_from,
            CustomerKind::Loyal => self.loyal_from..self.new_from,
            CustomerKind::New => self.new_from..self.churn_from,
            CustomerKind::ChurnRisk => self.churn_from..self.count,
        }
    }

    /// Where the customer with this id is at home; also for an id that is not of this shop.
    pub(crate) fn country(&self, id: u64) -> &'static str {
        country_of(self.seed, id)
    }

    pub(crate) fn kind(&self, index: u32) -> CustomerKind {
        if index < self.loyal_from {
            CustomerKind::Vip
        } else if index < self.new_from {
            CustomerKind::Loyal
        } else if index < self.churn_from {
            CustomerKind::New
        } else {
            CustomerKind::ChurnRisk
        }
    }

    /// A VIP or loyal customer who orders beyond the regular: low indices far more often.
    pub(crate) fn extra_buyer(&self, random: &mut Random) -> u32 {
        let kind = if random.chance(0.5) { CustomerKind::Vip } else { CustomerKind::Loyal };
        let mut range = self.of_kind(kind);
        if range.is_empty() {
            range = self.of_kind(CustomerKind::Loyal);
        }
        let share = random.unit() * random.unit();
        range.start + (share * f64::from(range.end - range.start)) as u32
    }

    /// The streams of regular orders, thinned so that they leave something of `orders`.
    pub(crate) fn streams(&self, orders: f64) -> Vec<Stream> {
        let size = |kind| f64::from(self.of_kind(kind).end - self.of_kind(kind).start);
        let (vip, loyal) = (size(CustomerKind::Vip), size(CustomerKind::Loyal));
        let seldom = 1.5 * size(CustomerKind::New) + 1.7 * size(CustomerKind::ChurnRisk);
        // With the default number of customers all rounds fit; with more, these order less.
        let room = (0.9 * orders - seldom) / (VIP_ROUNDS * vip + LOYAL_ROUNDS * loyal);
        let rounds = |most: f64, least: u64| ((most * room.clamp(0.0, 1.0)) as u64).max(least);
        let over = |kind, from: f64, to: f64, every: u64, rounds: u64| {
            let range = self.of_kind(kind);
            let members = u64::from(range.end - range.start);
            Stream { from, to, slots: members * rounds / every, first: range.start, members, every }
        };
        use CustomerKind::{ChurnRisk, Loyal, New, Vip};
        vec![
            over(Vip, 0.0, 1.0, 1, rounds(VIP_ROUNDS, 4)),
            over(Loyal, 0.0, 1.0, 1, rounds(LOYAL_ROUNDS, 2)),
            over(New, 0.66, 1.0, 1, 1),
            over(New, 0.74, 1.0, 2, 1),
            over(ChurnRisk, 0.0, 0.38, 1, 1),
            over(ChurnRisk, 0.04, 0.45, 2, 1),
            over(ChurnRisk, 0.08, 0.45, 5, 1),
        ]
    }
}

/// Orders of a kind of customers at even distances; every `every`-th customer takes part.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// The part of the period it covers, as shares of all orders.
    from: f64,
    to: f64,
    slots: u64,
    first: u32,
    members: u64,
    every: u64,
}

impl Stream {
    /// Its orders between the shares `start` and `end`: when, and by which customer.
    pub(crate) fn orders(&self, start: f64, end: f64) -> impl Iterator<Item = (f64, u32)> {
        let width = self.slot_width();
        (self.first_slot(start)..self.first_slot(end)).map(move |slot| {
            let at = self.from + width * (slot as f64 + 0.5);
            (at, self.first + (slot * self.every % self.members) as u32)
        })
    }

    /// Distance between two slots, as a share of all orders.
    pub(crate) fn slot_width(&self) -> f64 {
        (self.to - self.from) / self.slots.max(1) as f64
    }

    /// The first slot whose middle is not before `share`; the same bound for the two chunks that
    /// meet there, so that a slot is in exactly one chunk.
    fn first_slot(&self, share: f64) -> u64 {
        let slot = ((share - self.from) / self.slot_width() - 0.5).ceil();
        (slot.max(0.0) as u64).min(self.slots)
    }
}

fn country_of(seed: u64, id: u64) -> &'static str {
    let mut rest = mix(seed ^ mix(id)) % ALL_COUNTRIES;
    for (country, customers) in COUNTRIES {
        if rest < customers {
            return country;
        }
        rest -= customers;
    }
    HOME
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_id_belongs_to_one_customer() {
        for count in [1, 2, 3, 4, 5, 64, 1_000, 4_335] {
            let customers = Customers::new(7, count);
            let ids: HashSet<u64> = (0..count).map(|index| customers.customer(index).id).collect();
            assert_eq!(ids.len(), count as usize);
            assert!(ids.iter().all(|id| (FIRST_ID..FIRST_ID + u64::from(count)).contains(id)));
        }
    }

    #[test]
    fn four_customers_are_of_four_kinds() {
        let customers = Customers::new(1, 4);
        let kinds: HashSet<_> = (0..4).map(|index| customers.customer(index).kind).collect();
        assert_eq!(kinds.len(), 4);
        for kind in CustomerKind::ALL {
            for index in customers.of_kind(kind) {
                assert_eq!(customers.customer(index).kind, kind);
            }
        }
    }

    #[test]
    fn nine_in_ten_are_at_home() {
        let customers = Customers::new(1, 10_000);
        let home = (0..10_000).filter(|&index| customers.customer(index).country == HOME).count();
        assert!((8_800..9_100).contains(&home), "{home}");
    }

    #[test]
    fn each_slot_is_in_exactly_one_part() {
        let customers = Customers::new(1, 1_000);
        for stream in customers.streams(10_000.0) {
            let whole: Vec<_> = stream.orders(0.0, 1.0).collect();
            assert_eq!(whole.len() as u64, stream.slots);
            let parts: Vec<_> = (0..37)
                .flat_map(|part| stream.orders(f64::from(part) / 37.0, f64::from(part + 1) / 37.0))
                .collect();
            assert_eq!(parts, whole);
        }
    }
}
