//! Exact money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use thiserror::Error;

/// An exact amount of the shop's currency, in ten-thousandths: the values of Hive's `DECIMAL(p,4)`.
///
/// Sums are exact and independent of order. An amount that a table column holds is below 10^16 units
/// (`DECIMAL(20,4)`, see [`Money::fits_decimal_20_4`]); the 128-bit integer has room for 10^18 such amounts, so adding never overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not `[-]digits[.digits]`: also `NaN`, `inf` and exponents, which spreadsheets write but no price has.
    #[error("not a decimal number")]
    NotANumber,
    /// A non-zero digit after the fourth decimal, which the tables could not hold without rounding.
    #[error("more than 4 decimals")]
    TooPrecise,
    /// 10^14 units or more.
    #[error("out of range")]
    OutOfRange,
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// Decimals kept.
    pub const SCALE: u32 = 4;
    /// What `DECIMAL(20,4)` can hold, in ten-thousandths.
    const LIMIT_20_4: i128 = 10_i128.pow(20);
    /// Largest unit price accepted, in ten-thousandths: it fits 64 bits with room for the arithmetic.
    const LIMIT_PARSE: i128 = 10_i128.pow(18);

    /// From ten-thousandths.
    #[inline]
    pub const fn from_ten_thousandths(value: i128) -> Money {
        Money(value)
    }

    /// In ten-thousandths: the unscaled value of a `DECIMAL(p,4)`.
    #[inline]
    pub const fn ten_thousandths(self) -> i128 {
        self.0
    }

    /// Reads `[-]digits[.digits]`, exactly or not at all; ASCII spaces around it are allowed.
    pub fn parse(text: &[u8]) -> Result<Money, MoneyError> {
        let text = text.trim_ascii();
        let (negative, digits) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.iter().position(|&b| b == b'.') {
            Some(dot) => (&digits[..dot], &digits[dot + 1..]),
            None => (digits, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty()
            || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
        {
            return Err(MoneyError::NotANumber);
        }
        let (kept, rest) = fraction.split_at(fraction.len().min(Self::SCALE as usize));
        if rest.iter().any(|&b| b != b'0') {
            return Err(MoneyError::TooPrecise);
        }
        let mut value: i128 = 0;
        for &digit in whole.iter().chain(kept) {
            value = value * 10 + i128::from(digit - b'0');
            if value >= Self::LIMIT_PARSE {
                return Err(MoneyError::OutOfRange);
            }
        }
        for _ in kept.len()..Self::SCALE as usize {
            value *= 10;
        }
        if value >= Self::LIMIT_PARSE {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Money(if negative { -value } else { value }))
    }

    /// Whether the amount fits the tables' `DECIMAL(20,4)`.
    #[inline]
    pub fn fits_decimal_20_4(self) -> bool {
        self.0.abs() < Self::LIMIT_20_4
    }

    /// This amount shared among `n`, rounded half away from zero to the fourth decimal; `None` for `n` = 0.
    pub fn divided_by(self, n: u64) -> Option<Money> {
        let n = i128::from(n);
        if n == 0 {
            return None;
        }
        let half = if self.0 < 0 { -(n / 2) } else { n / 2 };
        Some(Money((self.0 + half) / n))
    }

    /// Nearest floating-point value, in units; for charts and clustering, never for sums.
    pub fn to_f64(self) -> f64 {
        // Both halves are exact below 2^53, so the result is the correctly rounded quotient for any real shop.
        self.0 as f64 / 10_000.0
    }
}

impl Add for Money {
    type Output = Money;
    #[inline]
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl AddAssign for Money {
    #[inline]
    fn add_assign(&mut self, other: Money) {
        self.0 += other.0;
    }
}

impl Mul<i64> for Money {
    type Output = Money;
    #[inline]
    fn mul(self, quantity: i64) -> Money {
        Money(self.0 * i128::from(quantity))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        f.pad(&format!("{sign}{}.{:04}", value / 10_000, value % 10_000))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_what_a_shop_writes_and_nothing_else() {
        let check = |text: &str, expected: Result<i128, MoneyError>| {
            assert_eq!(
                Money::parse(text.as_bytes()).map(Money::ten_thousandths),
                expected,
                "{text:?}"
            );
        };
        check("2.55", Ok(25_500));
        check("18", Ok(180_000));
        check(" 0.001 ", Ok(10));
        check("-11062.06", Ok(-110_620_600));
        check("1.23450000", Ok(12_345));
        check(".5", Ok(5_000));
        check("5.", Ok(50_000));
        check("99999999999999.9999", Ok(999_999_999_999_999_999));
        check("100000000000000", Err(MoneyError::OutOfRange));
        check("1.00001", Err(MoneyError::TooPrecise));
        for text in ["", ".", "-", "NaN", "inf", "1e5", "1,5", "+1", "--1", "1.2.3", "0x10", "1 2"]
        {
            check(text, Err(MoneyError::NotANumber));
        }
    }

    #[test]
    fn shares_round_half_away_from_zero() {
        let shared = |value, n| Money(value).divided_by(n).map(Money::ten_thousandths);
        assert_eq!(shared(10, 4), Some(3));
        assert_eq!(shared(-10, 4), Some(-3));
        assert_eq!(shared(9, 4), Some(2));
        assert_eq!(shared(1, 0), None);
    }

    proptest! {
        #[test]
        fn text_and_back(value in -999_999_999_999_999_999_i128..=999_999_999_999_999_999) {
            let money = Money::from_ten_thousandths(value);
            prop_assert_eq!(Money::parse(money.to_string().as_bytes()), Ok(money));
        }

        #[test]
        fn any_bytes_are_an_amount_or_an_error(text: Vec<u8>) {
            let _ = Money::parse(&text);
        }
    }
}
