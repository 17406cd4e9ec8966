//! The order message of the Kafka topic: JSON bytes to an order, and back.
//!
//! ```text
//! {"invoice_no":"536365","stock_code":"85123A","description":"WHITE HANGING HEART","quantity":6,
//!  "invoice_date":"2010-12-01T08:26:00Z","unit_price":2.55,"customer_id":17850,"country":"United Kingdom"}
//! ```
//!
//! Pure: no I/O, no clock. A message is hostile until it is read: sizes and nesting are bounded, the whole JSON is
//! checked even where it is ignored, and every message that is no order has exactly one [`Reason`].
//!
//! - Fields in any order, whitespace wherever JSON allows it, escapes in names and texts; unknown fields are ignored.
//! - `null` is the same as an absent field. `description`, `customer_id` and `country` may be absent, and a blank
//!   text there is `None` as well; all others are required.
//! - `invoice_no` and `stock_code`: a text, or an unsigned JSON integer, whose digits are kept. Never blank.
//! - `quantity`, `unit_price`, `customer_id`: a JSON number, or a text with one in it, spaces around it allowed. What
//!   counts is the value (`6`, `6.0`, `6e0`), read exactly: never through a float, never rounded.
//! - `invoice_date`: ISO 8601 or `yyyy-MM-dd HH:mm:ss`, as [`order_model::DateFormat`] has them; UTC without a zone.
//!
//! ```
//! use order_message::{Decoder, Limits, Reason};
//! use order_model::Date;
//!
//! let tomorrow = Date::from_ymd(2011, 12, 10).expect("a day").midnight();
//! let (mut decoder, limits) = (Decoder::new(), Limits::until(tomorrow));
//! let value = br#"{"invoice_no":"C536379","stock_code":"D","description":"Discount","quantity":-1,
//!     "invoice_date":"2010-12-01T09:41:00Z","unit_price":27.50,"customer_id":14527,"country":"United Kingdom"}"#;
//! let order = decoder.decode(Some(value), &limits)?;
//! assert_eq!((order.unit_price.to_string().as_str(), order.is_return()), ("27.5000", true));
//!
//! let rejection = decoder.decode(Some(b"{\"invoice_no\":\"1\""), &limits).unwrap_err();
//! assert_eq!(rejection.reason(), Reason::NotJson);
//! # Ok::<(), order_message::Rejection>(())
//! ```

mod dates;
mod decimal;
mod decoder;
mod encode;
mod field;
mod json;
mod order;
mod rejection;
mod rules;
mod usual;
mod words;

pub use decoder::{Decoder, Limits};
pub use encode::encode;
pub use order::Order;
pub use rejection::{Reason, Rejection};
