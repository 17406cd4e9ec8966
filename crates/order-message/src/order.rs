//! An order line as a message has it.

use order_model::{Money, Timestamp};

/// One line of an order. Borrowed from the message, or from the decoder where a text had to be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// Never blank; a prefix `C` marks a cancellation, `A` an adjustment.
    pub invoice_no: &'a str,
    /// Never blank.
    pub stock_code: &'a str,
    /// `None` if absent, null or blank.
    pub description: Option<&'a str>,
    /// Pieces: negative for a return; 0 is allowed.
    pub quantity: i32,
    /// When the order was placed.
    pub event_time: Timestamp,
    /// Price of a piece, exact, below 10^14 either way; negative and 0 are allowed.
    pub unit_price: Money,
    /// Positive. `None`: an order without a customer.
    pub customer_id: Option<i64>,
    /// `None` if absent, null or blank.
    pub country: Option<&'a str>,
}

impl Order<'_> {
    /// Whether goods came back: a negative quantity, or an invoice that cancels another one (prefix `C`, upper case as
    /// in [`order_model::clean_line`]; an adjustment, prefix `A`, is no return).
    #[inline]
    pub fn is_return(&self) -> bool {
        self.quantity < 0 || self.invoice_no.as_bytes().first() == Some(&b'C')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns() {
        for (invoice_no, quantity, expected) in [
            ("536365", 6, false),
            ("536365", 0, false),
            ("536365", -1, true),
            ("C536379", -1, true),
            ("C536379", 1, true),
            ("c536379", 1, false),
            ("A563185", 1, false),
            ("", 1, false),
        ] {
            let order = Order {
                invoice_no,
                stock_code: "D",
                description: None,
                quantity,
                event_time: Timestamp::from_micros(0),
                unit_price: Money::ZERO,
                customer_id: None,
                country: None,
            };
            assert_eq!(order.is_return(), expected, "{invoice_no} {quantity}");
        }
    }
}
