//! The cleaning rule: which order lines count as a purchase.

use std::fmt;

use crate::Money;

/// Why an order line does not count. Each rejected line has exactly one reason: the first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// A field is missing or does not parse.
    Malformed,
    /// The customer id is empty: the shop does not know who bought.
    MissingCustomer,
    /// The invoice is a cancellation (prefix `C`) or an accounting adjustment (prefix `A`).
    Cancelled,
    /// The quantity is zero or negative: a return, or a stock write-off.
    NonPositiveQuantity,
    /// The unit price is zero or negative: a gift, a sample, or a bad-debt booking.
    NonPositivePrice,
}

impl Rejection {
    /// All reasons, in the order in which they are tried.
    pub const ALL: [Rejection; 5] = [
        Rejection::Malformed,
        Rejection::MissingCustomer,
        Rejection::Cancelled,
        Rejection::NonPositiveQuantity,
        Rejection::NonPositivePrice,
    ];

    /// The name used in reports and reject files.
    pub fn name(self) -> &'static str {
        match self {
            Rejection::Malformed => "malformed",
            Rejection::MissingCustomer => "missing_customer",
            Rejection::Cancelled => "cancelled",
            Rejection::NonPositiveQuantity => "non_positive_quantity",
            Rejection::NonPositivePrice => "non_positive_price",
        }
    }

    /// Position in [`Rejection::ALL`], for tables of counts.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Says whether a line whose fields all parsed is a purchase, and if not, why.
///
/// `quantity` is in pieces, `unit_price` in the shop's currency. The prefixes are upper case, as the shop writes them.
#[inline]
pub fn clean_line(
    invoice: &[u8],
    customer: Option<i64>,
    quantity: i64,
    unit_price: Money,
) -> Result<(), Rejection> {
    if customer.is_none() {
        Err(Rejection::MissingCustomer)
    } else if matches!(invoice.first(), Some(b'C' | b'A')) {
        Err(Rejection::Cancelled)
    } else if quantity <= 0 {
        Err(Rejection::NonPositiveQuantity)
    } else if unit_price <= Money::ZERO {
        Err(Rejection::NonPositivePrice)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_that_applies_is_given() {
        let check = |invoice: &str, customer, quantity, price: &str| {
            clean_line(
                invoice.as_bytes(),
                customer,
                quantity,
                Money::parse(price.as_bytes()).unwrap(),
            )
        };
        assert_eq!(check("536365", Some(1), 1, "0.001"), Ok(()));
        assert_eq!(check("C1", None, -1, "0"), Err(Rejection::MissingCustomer));
        assert_eq!(check("C1", Some(1), -1, "0"), Err(Rejection::Cancelled));
        assert_eq!(check("A563185", Some(1), 1, "11062.06"), Err(Rejection::Cancelled));
        assert_eq!(check("1", Some(1), 0, "0"), Err(Rejection::NonPositiveQuantity));
        assert_eq!(check("1", Some(1), 1, "0"), Err(Rejection::NonPositivePrice));
        assert_eq!(check("1", Some(1), 1, "-1"), Err(Rejection::NonPositivePrice));
        // A lower-case letter is part of an invoice's name, not a cancellation mark.
        assert_eq!(check("c1", Some(1), 1, "1"), Ok(()));
    }

    #[test]
    fn indexes_follow_the_order_of_all() {
        for (index, reason) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }
}
