//! The words of the suite: what an order line is, what money is, which lines count.
//!
//! Pure: no I/O, no clock, no async. The batch layer, the speed layer and the generator share these rules, so that a
//! line that counts in one counts in all.
//!
//! ```
//! use order_model::{Money, Rejection, clean_line};
//! let price = Money::parse(b"2.55").expect("a price");
//! assert_eq!(clean_line(b"536365", Some(17850), 6, price), Ok(()));
//! assert_eq!(clean_line(b"C536379", Some(14527), -1, price), Err(Rejection::Cancelled));
//! assert_eq!((price * 6).to_string(), "15.3000");
//! ```

mod calendar;
mod clean;
mod date_format;
mod money;

pub use calendar::{Date, MICROS_PER_DAY, Timestamp};
pub use clean::{Rejection, clean_line};
pub use date_format::DateFormat;
pub use money::{Money, MoneyError};
