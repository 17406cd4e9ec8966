//! The fields of a message, by name.

use std::fmt;

/// A field that an order is made of. The order is that in which the producer writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    InvoiceNo,
    StockCode,
    Description,
    Quantity,
    InvoiceDate,
    UnitPrice,
    CustomerId,
    Country,
}

/// `"name":` as the sixteen bytes of a message that begin with it, the first one lowest.
#[derive(Clone, Copy)]
pub(crate) struct Pattern {
    bits: u128,
    mask: u128,
    pub(crate) len: usize,
}

impl Field {
    pub(crate) const COUNT: usize = 8;

    pub(crate) const ALL: [Field; Self::COUNT] = [
        Field::InvoiceNo,
        Field::StockCode,
        Field::Description,
        Field::Quantity,
        Field::InvoiceDate,
        Field::UnitPrice,
        Field::CustomerId,
        Field::Country,
    ];

    /// In the order of [`Field::ALL`].
    pub(crate) const PATTERNS: [Pattern; Self::COUNT] = {
        let mut patterns = [Pattern { bits: 0, mask: 0, len: 0 }; Self::COUNT];
        let mut at = 0;
        while at < Self::COUNT {
            patterns[at] = Pattern::of(Self::ALL[at].name().as_bytes());
            at += 1;
        }
        patterns
    };

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Field::InvoiceNo => "invoice_no",
            Field::StockCode => "stock_code",
            Field::Description => "description",
            Field::Quantity => "quantity",
            Field::InvoiceDate => "invoice_date",
            Field::UnitPrice => "unit_price",
            Field::CustomerId => "customer_id",
            Field::Country => "country",
        }
    }

    pub(crate) fn of_name(name: &[u8]) -> Option<Field> {
        Some(match name {
            b"invoice_no" => Field::InvoiceNo,
            b"stock_code" => Field::StockCode,
            b"description" => Field::Description,
            b"quantity" => Field::Quantity,
            b"invoice_date" => Field::InvoiceDate,
            b"unit_price" => Field::UnitPrice,
            b"customer_id" => Field::CustomerId,
            b"country" => Field::Country,
            _ => return None,
        })
    }

    /// Position in [`Field::ALL`].
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Pattern {
    const fn of(name: &[u8]) -> Pattern {
        let mut bits = b'"' as u128;
        let mut at = 0;
        while at < name.len() {
            bits |= (name[at] as u128) << (8 * (at + 1));
            at += 1;
        }
        bits |= (b'"' as u128) << (8 * (at + 1));
        bits |= (b':' as u128) << (8 * (at + 2));
        let len = at + 3;
        // All names are short enough; a longer one would not compile.
        Pattern { bits, mask: u128::MAX >> (128 - 8 * len), len }
    }

    /// Whether these sixteen bytes begin with the pattern.
    #[inline(always)]
    pub(crate) fn begins(&self, bytes: u128) -> bool {
        bytes & self.mask == self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), index);
            assert_eq!(Field::of_name(field.name().as_bytes()), Some(field));
        }
        assert_eq!(Field::of_name(b"Country"), None);
        assert_eq!(Field::of_name(b""), None);
    }

    #[test]
    fn patterns_are_quoted_names_and_a_colon() {
        for (field, pattern) in Field::ALL.into_iter().zip(Field::PATTERNS) {
            let text = format!("\"{field}\":");
            assert_eq!(pattern.len, text.len());
            let mut bytes = [b'x'; 16];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            assert!(pattern.begins(u128::from_le_bytes(bytes)), "{field}");
            for at in 0..text.len() {
                let mut other = bytes;
                other[at] ^= 1;
                assert!(!pattern.begins(u128::from_le_bytes(other)), "{field} {at}");
            }
        }
    }
}
