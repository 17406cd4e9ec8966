//! Numbers as text to exact integers of a power of ten.

/// Why a number is not the integer that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// Not `[-]digits[.digits][e[+-]digits]`.
    NotANumber,
    /// A non-zero digit after the last decimal that is kept.
    TooPrecise,
    /// More digits than the limit.
    TooLarge,
}

/// Most digits that [`scaled`] gives back: enough for 64 bits, and never too many for 128.
const MAX_DIGITS: i64 = 19;

/// The number times 10^`scale`, which has to be a whole number of at most 19 digits.
///
/// As JSON writes numbers, but also with leading zeros, without digits on one side of the point, and with ASCII spaces
/// around it, as [`order_model::Money::parse`] takes them.
pub(crate) fn scaled(text: &[u8], scale: i64) -> Result<i128, DecimalError> {
    let text = text.trim_ascii();
    let (negative, unsigned) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let is_e = |byte: &u8| matches!(byte, b'e' | b'E');
    let (mantissa, exponent) = match unsigned.iter().position(is_e) {
        Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&mantissa[..dot], &mantissa[dot + 1..]),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty()
        || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return Err(DecimalError::NotANumber);
    }
    // The digits from the first to the last that is not 0, as an integer, times a power of ten.
    let count = whole.len() + fraction.len();
    let digits = || whole.iter().chain(fraction).map(|digit| i128::from(digit - b'0'));
    let Some(leading) = digits().position(|digit| digit != 0) else { return Ok(0) };
    let trailing = digits().rev().take_while(|&digit| digit == 0).count();
    let len = (count - leading - trailing) as i64;
    let power = exponent - fraction.len() as i64 + trailing as i64 + scale;
    if power < 0 {
        return Err(DecimalError::TooPrecise);
    }
    if len + power > MAX_DIGITS {
        return Err(DecimalError::TooLarge);
    }
    let value = digits().skip(leading).take(len as usize).fold(0, |value, d| value * 10 + d);
    let value = value * 10_i128.pow(power as u32);
    Ok(if negative { -value } else { value })
}

/// The exponent, cut to a size that no message's digits make up for.
fn exponent(text: &[u8]) -> Result<i64, DecimalError> {
    const MOST: i64 = 1 << 40;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::NotANumber);
    }
    let value =
        digits.iter().fold(0, |value: i64, digit| MOST.min(value * 10 + i64::from(digit - b'0')));
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use order_model::{Money, MoneyError};
    use proptest::prelude::*;

    use super::DecimalError::{NotANumber, TooLarge, TooPrecise};
    use super::*;

    #[test]
    fn values() {
        let check = |text: &str, scale, expected| {
            assert_eq!(scaled(text.as_bytes(), scale), expected, "{text:?} at {scale}");
        };
        check("6", 0, Ok(6));
        check("6.0", 0, Ok(6));
        check("60e-1", 0, Ok(6));
        check("0.06E+02", 0, Ok(6));
        check("-006.", 0, Ok(-6));
        check(" -.5 ", 4, Ok(-5_000));
        check("0", 4, Ok(0));
        check("-0.000e99999999999999999999999", 4, Ok(0));
        check("2.55", 4, Ok(25_500));
        check("1e2", 4, Ok(1_000_000));
        check("1.00001", 4, Err(TooPrecise));
        check("1e-5", 4, Err(TooPrecise));
        check("6.5", 0, Err(TooPrecise));
        // Too precise and too large: the first rule counts.
        check("123456789012345678901234567890.00001", 4, Err(TooPrecise));
        check("1e-99999999999999999999999", 0, Err(TooPrecise));
        check("1e99999999999999999999999", 0, Err(TooLarge));
        check("9223372036854775807", 0, Ok(i64::MAX.into()));
        check("9999999999999999999", 0, Ok(9_999_999_999_999_999_999));
        check("10000000000000000000", 0, Err(TooLarge));
        check(&format!("1{}e-5000", "0".repeat(5000)), 0, Ok(1));
        check(&format!("0.{}1e5001", "0".repeat(5000)), 0, Ok(1));
        for text in
            ["", ".", "-", "+1", "e1", "1e", "1e+", "1e1.0", "1,5", "1 2", "NaN", "0x1", "--1", "٣"]
        {
            check(text, 0, Err(NotANumber));
        }
    }

    proptest! {
        #[test]
        fn prices_without_exponent_are_as_the_model_reads_them(text in " ?-?[0-9]{0,18}[.]?[0-9]{0,8} ?") {
            let found = scaled(text.as_bytes(), 4).and_then(|value| {
                if value.abs() < 10_i128.pow(18) { Ok(value) } else { Err(TooLarge) }
            });
            let expected = match Money::parse(text.as_bytes()) {
                Ok(money) => Ok(money.ten_thousandths()),
                Err(MoneyError::NotANumber) => Err(NotANumber),
                Err(MoneyError::TooPrecise) => Err(TooPrecise),
                Err(MoneyError::OutOfRange) => Err(TooLarge),
            };
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_a_number_or_an_error(text: Vec<u8>) {
            let _ = scaled(&text, 4);
        }
    }
}
