//! Bytes of a message to an order.

use order_model::{Date, Timestamp};

use crate::field::Field;
use crate::json::{self, Slot};
use crate::order::Order;
use crate::rejection::Rejection;
use crate::rules::Values;
use crate::usual;

/// What is accepted. See [`Limits::until`] for the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes; beyond 2^32 - 1 it is taken as that.
    pub max_bytes: usize,
    /// First instant that an order may have.
    pub earliest: Timestamp,
    /// Last instant that an order may have. Clocks differ, so this is somewhat after now.
    pub latest: Timestamp,
}

impl Limits {
    /// Messages up to 1 MiB, orders from 1990-01-01T00:00:00Z to `latest`.
    pub fn until(latest: Timestamp) -> Limits {
        // 1990-01-01 in days since 1970-01-01.
        let earliest = Date::from_days(7_305).midnight();
        Limits { max_bytes: 1024 * 1024, earliest, latest }
    }
}

/// Reads messages, one after the other; what it allocates is used again.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Texts of the last message with their escapes resolved.
    scratch: String,
}

impl Decoder {
    /// Nothing is allocated before a message needs it.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Reads a message's value; `None` is a message without one.
    ///
    /// The order borrows from the value, and from the decoder if a text has escapes.
    ///
    /// # Errors
    /// [`Rejection`]: the value is no order, or not within the limits. The decoder can be used on.
    pub fn decode<'a>(
        &'a mut self,
        value: Option<&'a [u8]>,
        limits: &Limits,
    ) -> Result<Order<'a>, Rejection> {
        let Some(value) = value else { return Err(Rejection::tombstone()) };
        let most = limits.max_bytes.min(u32::MAX as usize);
        if value.len() > most {
            return Err(Rejection::too_large(value.len(), most));
        }
        let text = match std::str::from_utf8(value) {
            Ok(text) => text,
            Err(error) => return Err(Rejection::not_utf8(value, error.valid_up_to())),
        };
        if let Some(order) = usual::read(text, limits) {
            return Ok(order);
        }
        self.decode_any(text, limits)
    }

    #[inline(never)]
    fn decode_any<'a>(
        &'a mut self,
        text: &'a str,
        limits: &Limits,
    ) -> Result<Order<'a>, Rejection> {
        self.scratch.clear();
        let mut slots = [Slot::Absent; Field::COUNT];
        if let Err(fault) = json::read(text, &mut slots, &mut self.scratch) {
            return Err(fault.into_rejection(text));
        }
        let values = Values { text, scratch: &self.scratch, slots: &slots, limits };
        values.order().map_err(|fault| fault.into_rejection(text))
    }
}
