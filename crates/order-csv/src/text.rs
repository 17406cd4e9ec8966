//! Short texts as integers: eight bytes at a time instead of one.
//!
//! Fields of an order line are short: nearly all fit two 64-bit words. Comparing words and reading digits within a word
//! (SWAR) avoids loops over bytes whose lengths no branch predictor can guess.

use order_model::{Money, MoneyError};

/// Bytes that must follow every text in its buffer, so that a word can be loaded anywhere in it.
pub(crate) const PADDING: usize = 16;

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight bytes at `at`, the first one lowest; 0 if the buffer ends before.
#[inline(always)]
fn load(data: &[u8], at: usize) -> u64 {
    data.get(at..).and_then(|tail| tail.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
}

/// Keeps the first `len` (0 to 8 or more) bytes of a word.
#[inline(always)]
fn keep(word: u64, len: usize) -> u64 {
    const MASKS: [u64; 9] = {
        let mut masks = [u64::MAX; 9];
        let mut len = 0;
        while len < 8 {
            masks[len] = (1 << (8 * len)) - 1;
            len += 1;
        }
        masks
    };
    word & MASKS[if len < 8 { len } else { 8 }]
}

/// The last text seen in a column, to tell at the price of two comparisons that the next one is the same.
#[derive(Debug, Default)]
pub(crate) struct LastText {
    low: u64,
    high: u64,
    bytes: Vec<u8>,
    /// Nothing was seen yet: even the empty text differs.
    seen: bool,
}

impl LastText {
    /// Whether `data[start..end]` equals the last text.
    #[inline(always)]
    pub(crate) fn is_same(&self, data: &[u8], start: usize, end: usize) -> bool {
        let len = end - start;
        let low = keep(load(data, start), len);
        let high = if len > 8 { keep(load(data, start + 8), len - 8) } else { 0 };
        low == self.low
            && high == self.high
            && len == self.bytes.len()
            && self.seen
            // Sixteen bytes are compared; a longer text has to agree in its tail as well.
            && (len <= 16 || data.get(start..end) == Some(self.bytes.as_slice()))
    }

    /// Makes `data[start..end]` the last text.
    #[inline(never)]
    pub(crate) fn set(&mut self, data: &[u8], start: usize, end: usize) {
        let len = end - start;
        self.low = keep(load(data, start), len);
        self.high = if len > 8 { keep(load(data, start + 8), len - 8) } else { 0 };
        self.bytes.clear();
        self.bytes.extend_from_slice(data.get(start..end).unwrap_or_default());
        self.seen = true;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The number that `len` (1 to 8) bytes of a word spell, or `None` if one is not a digit.
#[inline(always)]
fn digits(word: u64, len: usize) -> Option<u64> {
    let shift = 64 - 8 * len as u32;
    // Leading zeros fill the word up to eight digits.
    let word = (word << shift) | (ZEROS & !(u64::MAX << shift));
    // All bytes are 0x30..=0x39: the high nibble is 3, and stays 3 when 6 is added.
    let all_digits = ((word & 0xf0f0_f0f0_f0f0_f0f0)
        | ((word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0) >> 4))
        == 0x3333_3333_3333_3333;
    // Source: Johnny Lee and Daniel Lemire, "Quickly parsing eight digits": pairs, then fours, then eight.
    let word = word.wrapping_sub(ZEROS);
    let word = word.wrapping_mul(10).wrapping_add(word >> 8);
    let value = ((word & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064))
        .wrapping_add(((word >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001))
        >> 32;
    all_digits.then_some(value)
}

/// Reads `[-]digits` within 64 bits; ASCII spaces around it are allowed.
#[inline(always)]
pub(crate) fn integer(data: &[u8], start: usize, end: usize) -> Option<i64> {
    let len = end - start;
    if (1..=8).contains(&len)
        && let Some(value) = digits(load(data, start), len)
    {
        return Some(value as i64);
    }
    integer_slow(data.get(start..end)?)
}

#[inline(never)]
fn integer_slow(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    // `from_str` accepts a plus sign, which no export writes.
    if text.starts_with(b"+") {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a price, exactly as [`Money::parse`] does.
#[inline(always)]
pub(crate) fn price(data: &[u8], start: usize, end: usize) -> Result<Money, MoneyError> {
    let len = end - start;
    if (1..=8).contains(&len) {
        let word = keep(load(data, start), len);
        let dots = equal_to_dot(word);
        // Digits on both sides of one dot; anything else is rare and left to the slow way.
        let (word, whole_len, fraction_len) = if dots == 0 {
            (word, len, 0)
        } else {
            let dot = (dots.trailing_zeros() / 8) as usize;
            let without = keep(word, dot) | ((word >> 8) & !keep(u64::MAX, dot));
            (without, dot, len - dot - 1)
        };
        const SCALE: [i128; 5] = [10_000, 1_000, 100, 10, 1];
        if whole_len > 0
            && let Some(scale) = SCALE.get(fraction_len)
            && let Some(value) = digits(word, whole_len + fraction_len)
        {
            return Ok(Money::from_ten_thousandths(i128::from(value) * scale));
        }
    }
    price_slow(data.get(start..end).unwrap_or_default())
}

#[inline(never)]
fn price_slow(text: &[u8]) -> Result<Money, MoneyError> {
    Money::parse(text)
}

/// High bit of each byte that is a dot; exact up to and including the first dot, which is all that is used.
#[inline(always)]
fn equal_to_dot(word: u64) -> u64 {
    const DOTS: u64 = 0x2e2e_2e2e_2e2e_2e2e;
    let difference = word ^ DOTS;
    difference.wrapping_sub(0x0101_0101_0101_0101) & !difference & 0x8080_8080_8080_8080
}

/// Reads a customer id: a positive integer of 64 bits. A fraction of zeros is allowed, for spreadsheets write `17850.0`.
/// `Ok(None)` for an empty field.
pub(crate) fn customer(text: &[u8]) -> Result<Option<i64>, ()> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b"0"[..]),
    };
    let zeros = !fraction.is_empty() && fraction.iter().all(|&b| b == b'0');
    if whole.is_empty() || !whole.iter().all(u8::is_ascii_digit) || !zeros {
        return Err(());
    }
    match integer_slow(whole) {
        Some(id) if id > 0 => Ok(Some(id)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn padded(text: &[u8]) -> Vec<u8> {
        let mut data = b"xx".to_vec();
        data.extend_from_slice(text);
        data.extend_from_slice(&[b'7'; PADDING]);
        data
    }

    fn integer_of(text: &[u8]) -> Option<i64> {
        integer(&padded(text), 2, 2 + text.len())
    }

    fn price_of(text: &[u8]) -> Result<Money, MoneyError> {
        price(&padded(text), 2, 2 + text.len())
    }

    #[test]
    fn integers() {
        let max = i64::MAX.to_string();
        let check =
            |text: &str, expected| assert_eq!(integer_of(text.as_bytes()), expected, "{text}");
        check("6", Some(6));
        check("-80995", Some(-80_995));
        check("12345678", Some(12_345_678));
        check("123456789", Some(123_456_789));
        check(" 7 ", Some(7));
        check("007", Some(7));
        check(&max, Some(i64::MAX));
        for text in ["", "-", "+1", "1.0", "1e3", "9223372036854775808", "x", "1 2", "٣", "/", ":"]
        {
            check(text, None);
        }
    }

    #[test]
    fn customers() {
        assert_eq!(customer(b""), Ok(None));
        assert_eq!(customer(b"  "), Ok(None));
        assert_eq!(customer(b"12347"), Ok(Some(12_347)));
        assert_eq!(customer(b"13085.0"), Ok(Some(13_085)));
        assert_eq!(customer(b"9223372036854775807"), Ok(Some(i64::MAX)));
        for text in ["0", "-1", "13085.5", "13085.", ".0", "9223372036854775808", "NULL", "1e5"] {
            assert_eq!(customer(text.as_bytes()), Err(()), "{text}");
        }
    }

    #[test]
    fn last_texts() {
        let mut last = LastText::default();
        let mut same = |text: &str| {
            let data = padded(text.as_bytes());
            let same = last.is_same(&data, 2, 2 + text.len());
            last.set(&data, 2, 2 + text.len());
            same
        };
        for text in ["", "a", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "abcdefghijklmnopq", "a"]
        {
            assert!(!same(text), "{text}");
            assert!(same(text), "{text}");
        }
        assert!(!same("abcdefghijklmnop-1"));
        assert!(!same("abcdefghijklmnop-2"));
    }

    proptest! {
        #[test]
        fn prices_agree_with_the_plain_reader(text in "[-]?[0-9]{0,9}[.]?[0-9]{0,6}[ ]?") {
            prop_assert_eq!(price_of(text.as_bytes()), Money::parse(text.as_bytes()));
        }

        #[test]
        fn any_bytes_agree_with_the_plain_readers(text in proptest::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(price_of(&text), Money::parse(&text));
            prop_assert_eq!(integer_of(&text), integer_slow(&text));
        }

        #[test]
        fn digit_like_bytes_agree(text in proptest::collection::vec(b'-'..=b':', 0..12)) {
            prop_assert_eq!(price_of(&text), Money::parse(&text));
            prop_assert_eq!(integer_of(&text), integer_slow(&text));
        }
    }
}
