//! Several bytes of a message at a time, as integers (SWAR).
//!
//! Texts and numbers of an order are short: nearly all fit one or two loads, and a computed length costs less than a loop
//! over bytes whose length no branch predictor can guess.

use order_model::Money;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight bytes at `at`, the first one lowest; zeros after the end.
#[inline(always)]
pub(crate) fn load_8(bytes: &[u8], at: usize) -> u64 {
    if let Some(chunk) = bytes.get(at..).and_then(|tail| tail.first_chunk()) {
        return u64::from_le_bytes(*chunk);
    }
    // Near the end the last eight bytes are loaded, and those before `at` shifted out.
    match bytes.last_chunk() {
        Some(chunk) if at < bytes.len() => {
            u64::from_le_bytes(*chunk) >> (8 * (8 - (bytes.len() - at)))
        }
        _ => load_short(bytes, at) as u64,
    }
}

/// The sixteen bytes at `at`, the first one lowest; zeros after the end.
#[inline(always)]
pub(crate) fn load_16(bytes: &[u8], at: usize) -> u128 {
    if let Some(chunk) = bytes.get(at..).and_then(|tail| tail.first_chunk()) {
        return u128::from_le_bytes(*chunk);
    }
    match bytes.last_chunk() {
        Some(chunk) if at < bytes.len() => {
            u128::from_le_bytes(*chunk) >> (8 * (16 - (bytes.len() - at)))
        }
        _ => load_short(bytes, at),
    }
}

#[cold]
fn load_short(bytes: &[u8], at: usize) -> u128 {
    let tail = bytes.get(at..).unwrap_or_default().iter().take(16);
    tail.rev().fold(0, |word, &byte| word << 8 | u128::from(byte))
}

/// High bit of each byte that cannot stand in a JSON text as it is: a quote, a backslash, a control character. Exact up to
/// and including the first one, which is all that is used.
#[inline(always)]
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    // A byte is below n if subtracting n borrows; a borrow into the next byte needs one that is below n before it.
    ((quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word))
        & HIGH_BITS
}

/// Where the plain text that begins at `at` ends: at the first quote, backslash or control character, or at the end.
#[inline(always)]
pub(crate) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|tail| tail.first_chunk()) {
        let found = special(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let found = special(load_8(bytes, at));
    // The zeros after the end are control characters.
    bytes.len().min(at + found.trailing_zeros() as usize / 8)
}

/// High bit of each byte that is no ASCII digit.
#[inline(always)]
pub(crate) const fn non_digits(word: u64) -> u64 {
    let word = word ^ ZEROS;
    ((word & !HIGH_BITS).wrapping_add(ONES * 0x76) | word) & HIGH_BITS
}

/// The number that the first `len` (1 to 8) bytes of a word spell; they must be digits.
#[inline(always)]
pub(crate) const fn digits(word: u64, len: u32) -> u64 {
    // As the last bytes of the word, after zeros. Source of the rest: Johnny Lee and Daniel Lemire, "Quickly parsing eight
    // digits": pairs, then fours, then eight.
    let word = (word ^ ZEROS) << (64 - 8 * len);
    let word = word.wrapping_mul(10).wrapping_add(word >> 8);
    (word & 0x0000_00ff_0000_00ff)
        .wrapping_mul(0x000f_4240_0000_0064)
        .wrapping_add(((word >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001))
        >> 32
}

/// The first `len` (0 to 7) bytes of a word; the others become 0.
#[inline(always)]
pub(crate) const fn keep(word: u64, len: u32) -> u64 {
    word & !(u64::MAX << (8 * len))
}

/// A JSON number of up to 7 digits without an exponent: `value` / 10^`decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortNumber {
    pub(crate) value: i32,
    pub(crate) decimals: u32,
    /// Where it ends in the message.
    pub(crate) end: usize,
}

impl ShortNumber {
    /// As a price, if it has at most 4 decimals.
    #[inline(always)]
    pub(crate) fn price(self) -> Option<Money> {
        const SCALE: [i64; 5] = [10_000, 1_000, 100, 10, 1];
        let scale = SCALE.get(self.decimals as usize)?;
        Some(Money::from_ten_thousandths((i64::from(self.value) * scale).into()))
    }
}

/// The number that begins at `at`, or `None` if it is longer or no number. Whatever follows it is not looked at, but for what
/// would make it longer.
#[inline(always)]
pub(crate) fn short_number(bytes: &[u8], at: usize) -> Option<ShortNumber> {
    let minus = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(minus);
    let word = load_8(bytes, start);
    let others = non_digits(word);
    // In bytes. Eight digits or more are left to a loop.
    let whole = others.trailing_zeros() / 8;
    let leading_zero = whole > 1 && word as u8 == b'0';
    if whole == 0 || whole > 7 || leading_zero {
        return None;
    }
    let mut len = whole;
    let mut stop = (word >> (8 * len)) as u8;
    let (mut packed, mut decimals) = (word, 0);
    if stop == b'.' {
        len = (others & (others - 1)).trailing_zeros() / 8;
        if len == whole + 1 || len > 7 {
            return None;
        }
        stop = (word >> (8 * len)) as u8;
        // The digits on both sides of the point.
        packed = keep(word, whole) | (word >> 8 & (u64::MAX << (8 * whole)));
        decimals = len - 1 - whole;
    }
    if matches!(stop, b'e' | b'E') {
        return None;
    }
    let count = len - u32::from(decimals > 0);
    let value = digits(packed, count) as i32;
    let value = if minus { -value } else { value };
    Some(ShortNumber { value, decimals, end: start + len as usize })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loads_are_padded_with_zeros(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0_usize..50) {
            let mut padded = bytes.clone();
            padded.resize(100, 0);
            prop_assert_eq!(&load_8(&bytes, at).to_le_bytes()[..], &padded[at..at + 8]);
            prop_assert_eq!(&load_16(&bytes, at).to_le_bytes()[..], &padded[at..at + 16]);
        }

        #[test]
        fn plain_text_ends_where_a_loop_says(
            bytes in proptest::collection::vec(
                prop_oneof![9 => any::<u8>(), 40 => b' '..=b'~', 1 => Just(b'"')], 0..70),
            at in 0_usize..20,
        ) {
            let at = at.min(bytes.len());
            let plain = |byte: &&u8| **byte >= 0x20 && !matches!(byte, b'"' | b'\\');
            let expected = at + bytes[at..].iter().take_while(plain).count();
            prop_assert_eq!(plain_end(&bytes, at), expected);
        }

        #[test]
        fn digits_are_told_and_read(bytes in any::<[u8; 8]>(), value in 0_u64..100_000_000, len in 1_u32..=8) {
            let marks = non_digits(u64::from_le_bytes(bytes)).to_le_bytes();
            for (byte, mark) in bytes.into_iter().zip(marks) {
                prop_assert_eq!(mark, if byte.is_ascii_digit() { 0 } else { 0x80 }, "{}", byte);
            }
            let text = format!("{value:08}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            prop_assert_eq!(non_digits(word), 0);
            prop_assert_eq!(digits(word, len), text[..len as usize].parse::<u64>().unwrap());
            prop_assert_eq!(&keep(word, len - 1).to_le_bytes()[..len as usize - 1], &text.as_bytes()[..len as usize - 1]);
        }
    }
}
