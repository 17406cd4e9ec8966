//! Recency, frequency and monetary value of customers, their scores and groups.
//!
//! Place in the flow: order runs -> aggregation -> **one row a customer: recency, scores, group** -> k-means.
//! Pure: no I/O, no clock. What is not here: the aggregation itself, and the segments that k-means finds.
//!
//! | value | rule | source |
//! | --- | --- | --- |
//! | recency | calendar days from the date of the last order to the snapshot date, so at least 1 | Hive's `datediff` |
//! | frequency | number of distinct invoices | |
//! | monetary | sum of quantity x unit price, exact; the first purchase included | |
//! | scores | quintiles, 5 is best, equal values have equal scores | [`quintile_scores`] |
//! | group | from the recency and frequency scores | [`RfmGroup`] |

mod group;
mod score;

use order_model::{Date, Timestamp};

pub use group::RfmGroup;
pub use score::{Best, quintile_scores};

/// Calendar days (UTC) from the last order to the snapshot date.
///
/// ```
/// use order_model::{Date, DateFormat};
/// let last = DateFormat::MonthFirst.parse(b"12/7/2011 15:52").expect("a date");
/// let snapshot = Date::from_ymd(2011, 12, 10).expect("a day");
/// assert_eq!(rfm::recency_days(snapshot, last), 3);
/// ```
pub fn recency_days(snapshot: Date, last_order: Timestamp) -> i32 {
    snapshot.days_since(last_order.date())
}

/// The snapshot date that is taken when none is given: the day after the last order.
pub fn default_snapshot(last_order: Timestamp) -> Date {
    last_order.date().next()
}
