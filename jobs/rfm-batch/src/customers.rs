//! Customers as columns, one value each, sorted by id: some 50 bytes a customer here, and as much again while they are clustered.

use std::collections::HashMap;

use order_model::{Date, Money, Timestamp};
use rfm::{Best, RfmGroup, quintile_scores, recency_days};

/// What the aggregation found.
#[derive(Debug, Default)]
pub(crate) struct Customers {
    pub id: Vec<i64>,
    /// Distinct invoices.
    pub frequency: Vec<i64>,
    pub monetary: Vec<Money>,
    pub last_order: Vec<Timestamp>,
    /// Country of the last order, as an index into `countries`.
    country: Vec<u32>,
    countries: Vec<String>,
    country_numbers: HashMap<String, u32>,
}

/// What follows from the aggregates and the snapshot date.
#[derive(Debug)]
pub(crate) struct Scores {
    pub recency_days: Vec<i32>,
    pub r: Vec<u8>,
    pub f: Vec<u8>,
    pub m: Vec<u8>,
}

impl Customers {
    pub(crate) fn len(&self) -> usize {
        self.id.len()
    }

    pub(crate) fn push(
        &mut self,
        id: i64,
        frequency: i64,
        monetary: Money,
        last_order: Timestamp,
        country: &str,
    ) {
        let number = match self.country_numbers.get(country) {
            Some(&number) => number,
            None => {
                let number = self.countries.len() as u32;
                self.countries.push(country.to_owned());
                self.country_numbers.insert(country.to_owned(), number);
                number
            }
        };
        self.id.push(id);
        self.frequency.push(frequency);
        self.monetary.push(monetary);
        self.last_order.push(last_order);
        self.country.push(number);
    }

    /// Brings the customers into the order of their ids, which is the order of everything that follows.
    pub(crate) fn sort_by_id(&mut self) {
        let mut order: Vec<(i64, usize)> = self.id.iter().copied().zip(0..).collect();
        order.sort_unstable();
        self.id = order.iter().map(|&(id, _)| id).collect();
        self.frequency = pick(&self.frequency, &order);
        self.monetary = pick(&self.monetary, &order);
        self.last_order = pick(&self.last_order, &order);
        self.country = pick(&self.country, &order);
    }

    pub(crate) fn country(&self, index: usize) -> &str {
        let number = self.country.get(index).copied().unwrap_or_default();
        self.countries.get(number as usize).map_or("", String::as_str)
    }

    /// The first customer whose monetary value the tables cannot hold.
    pub(crate) fn beyond_decimal(&self) -> Option<i64> {
        let found = self.monetary.iter().position(|monetary| !monetary.fits_decimal_20_4())?;
        self.id.get(found).copied()
    }

    pub(crate) fn revenue(&self) -> Money {
        self.monetary.iter().copied().sum()
    }

    pub(crate) fn orders(&self) -> i64 {
        self.frequency.iter().sum()
    }

    /// Recency and scores as of a date.
    pub(crate) fn score(&self, snapshot: Date) -> Scores {
        let recency: Vec<i32> =
            self.last_order.iter().map(|&last| recency_days(snapshot, last)).collect();
        // Three independent sorts, the longest work of this step.
        std::thread::scope(|scope| {
            let f = scope.spawn(|| quintile_scores(&self.frequency, Best::Highest));
            let m = scope.spawn(|| quintile_scores(&self.monetary, Best::Highest));
            let r = quintile_scores(&recency, Best::Lowest);
            let joined = |scores: std::thread::Result<Vec<u8>>| {
                scores.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            Scores { r, f: joined(f.join()), m: joined(m.join()), recency_days: recency }
        })
    }
}

impl Scores {
    pub(crate) fn group(&self, index: usize) -> RfmGroup {
        let score = |scores: &[u8]| scores.get(index).copied().unwrap_or_default();
        RfmGroup::of(score(&self.r), score(&self.f))
    }
}

fn pick<T: Copy>(values: &[T], order: &[(i64, usize)]) -> Vec<T> {
    order.iter().filter_map(|&(_, index)| values.get(index).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_by_id_with_everything_that_belongs_to_it() {
        let mut customers = Customers::default();
        let day = |d| Date::from_days(d).midnight();
        customers.push(7, 1, Money::from_ten_thousandths(70), day(1), "UK");
        customers.push(-3, 2, Money::from_ten_thousandths(30), day(5), "EIRE");
        customers.push(5, 3, Money::from_ten_thousandths(50), day(9), "UK");
        customers.sort_by_id();
        assert_eq!(customers.id, [-3, 5, 7]);
        assert_eq!(customers.frequency, [2, 3, 1]);
        assert_eq!((0..3).map(|i| customers.country(i)).collect::<Vec<_>>(), ["EIRE", "UK", "UK"]);
        assert_eq!(customers.revenue().ten_thousandths(), 150);
        assert_eq!(customers.orders(), 6);
        let scores = customers.score(Date::from_days(10));
        assert_eq!(scores.recency_days, [5, 1, 9]);
        assert_eq!((scores.r[1], scores.f[1], scores.m[2]), (5, 5, 5));
        assert_eq!(customers.beyond_decimal(), None);
        customers.push(9, 1, Money::from_ten_thousandths(10_i128.pow(20)), day(1), "UK");
        assert_eq!(customers.beyond_decimal(), Some(9));
    }
}
