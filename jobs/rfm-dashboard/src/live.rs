//! The live view: tagged orders from Kafka, kept for a moment, and sent to whoever watches.
//!
//! One thread reads ([`feed`]) and hands orders to the [`Hub`]. The hub makes a frame of them each tenth of a second and
//! keeps frames in a ring. A browser's connection ([`stream`]) is a position in that ring, so a slow one costs nothing: when
//! it can be written to again, it is given what comes next, or is told what it has missed. A frame is encoded once for
//! all who want the same of it.

mod encode;
mod feed;
mod frame;
mod hub;
mod order;
mod seconds;
mod stream;

pub(crate) use self::encode::{columns_of, order_cells, order_columns};
pub(crate) use self::feed::{Source as FeedSource, run as run_feed};
pub(crate) use self::frame::{Filter, Rate};
pub(crate) use self::hub::{Hub, RingLimits};
pub(crate) use self::seconds::Second;
pub(crate) use self::stream::{After, open as open_stream};
