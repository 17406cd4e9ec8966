//! An order to the bytes of a message.

use order_model::{MICROS_PER_DAY, Money, Timestamp};

use crate::order::Order;
use crate::words::plain_end;

/// Appends the message of an order as `order-producer` sends it: all fields in one order, null for what is not there, no
/// spaces, the price without trailing zeros, the time in UTC with a fraction only if there is one.
///
/// It is JSON whatever the texts are. [`crate::Decoder`] reads the same order from it, if the order keeps the rules that
/// [`Order`] states, and texts of at most 1000 characters without NUL.
pub fn encode(order: &Order<'_>, out: &mut Vec<u8>) {
    let texts = order.invoice_no.len()
        + order.stock_code.len()
        + order.description.map_or(0, str::len)
        + order.country.map_or(0, str::len);
    // The names, punctuation and numbers of an order take up to 240 bytes.
    out.reserve(256 + texts);
    out.extend_from_slice(b"{\"invoice_no\":");
    push_text(order.invoice_no, out);
    out.extend_from_slice(b",\"stock_code\":");
    push_text(order.stock_code, out);
    out.extend_from_slice(b",\"description\":");
    push_optional(order.description, out);
    out.extend_from_slice(b",\"quantity\":");
    push_sign(order.quantity < 0, out);
    push_digits(order.quantity.unsigned_abs().into(), 1, out);
    out.extend_from_slice(b",\"invoice_date\":\"");
    push_instant(order.event_time, out);
    out.extend_from_slice(b"\",\"unit_price\":");
    push_money(order.unit_price, out);
    out.extend_from_slice(b",\"customer_id\":");
    match order.customer_id {
        Some(id) => {
            push_sign(id < 0, out);
            push_digits(id.unsigned_abs().into(), 1, out);
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"country\":");
    push_optional(order.country, out);
    out.push(b'}');
}

#[inline]
fn push_optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => push_text(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

#[inline]
fn push_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut start = 0;
    loop {
        let end = plain_end(bytes, start);
        out.extend_from_slice(bytes.get(start..end).unwrap_or_default());
        let Some(&byte) = bytes.get(end) else { break };
        push_escape(byte, out);
        start = end + 1;
    }
    out.push(b'"');
}

/// A quote, a backslash or a control character.
#[inline(never)]
fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[inline]
fn push_sign(negative: bool, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
}

/// The decimal digits of a value, at least `min_digits` (up to 40) of them.
#[inline]
fn push_digits(value: u128, min_digits: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 40];
    let mut start = digits.len();
    let mut put = |digit: u8| {
        start -= 1;
        digits[start] = b'0' + digit;
    };
    let mut wide = value;
    // Divisions of 128 bits are slow, and values that need them are not found in a shop.
    while wide > u128::from(u64::MAX) {
        put((wide % 10) as u8);
        wide /= 10;
    }
    let mut rest = wide as u64;
    while rest > 0 {
        put((rest % 10) as u8);
        rest /= 10;
    }
    let start = start.min(digits.len() - min_digits);
    out.extend_from_slice(&digits[start..]);
}

#[inline]
fn push_money(price: Money, out: &mut Vec<u8>) {
    let value = price.ten_thousandths();
    push_sign(value < 0, out);
    let value = value.unsigned_abs();
    let (whole, mut fraction, mut places) = match u64::try_from(value) {
        Ok(value) => (u128::from(value / 10_000), value % 10_000, 4),
        Err(_) => (value / 10_000, (value % 10_000) as u64, 4),
    };
    push_digits(whole, 1, out);
    if fraction == 0 {
        return;
    }
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        places -= 1;
    }
    out.push(b'.');
    push_digits(fraction.into(), places, out);
}

/// `yyyy-MM-ddTHH:mm:ss[.ffffff]Z`.
#[inline]
fn push_instant(instant: Timestamp, out: &mut Vec<u8>) {
    let (year, month, day) = instant.date().ymd();
    let micros = instant.micros().rem_euclid(MICROS_PER_DAY);
    let seconds = (micros / 1_000_000) as u32;
    let fraction = (micros % 1_000_000) as u64;
    let two = |value: u32| [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
    push_sign(year < 0, out);
    push_digits(year.unsigned_abs().into(), 4, out);
    let [m1, m0] = two(month);
    let [d1, d0] = two(day);
    let [h1, h0] = two(seconds / 3_600);
    let [n1, n0] = two(seconds / 60 % 60);
    let [s1, s0] = two(seconds % 60);
    out.extend_from_slice(&[b'-', m1, m0, b'-', d1, d0, b'T', h1, h0, b':', n1, n0, b':', s1, s0]);
    if fraction != 0 {
        out.push(b'.');
        push_digits(fraction.into(), 6, out);
    }
    out.push(b'Z');
}
