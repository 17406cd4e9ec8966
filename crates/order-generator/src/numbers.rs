//! Numbers as text, without a formatter on the way.

/// Appends a decimal integer.
#[inline]
pub(crate) fn push_int(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_uint(out, number.unsigned_abs());
}

#[inline]
pub(crate) fn push_uint(out: &mut Vec<u8>, number: u64) {
    // Most numbers of a file are quantities of one digit.
    if number < 10 {
        out.push(b'0' + number as u8);
        return;
    }
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    let mut rest = number;
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}

/// Appends an amount given in thousandths, trailing zeros dropped: 2100 -> `2.1`, 18000 -> `18`.
pub(crate) fn push_price(out: &mut Vec<u8>, thousandths: i64) {
    if thousandths < 0 {
        out.push(b'-');
    }
    let amount = thousandths.unsigned_abs();
    push_uint(out, amount / 1000);
    let mut fraction = amount % 1000;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    let mut unit = 100;
    while fraction > 0 {
        out.push(b'0' + (fraction / unit) as u8);
        fraction %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers() {
        for number in [0, 7, 10, -1, -80_995, 541_909, i64::MAX, i64::MIN] {
            assert_eq!(text(|out| push_int(out, number)), number.to_string());
        }
        assert_eq!(text(|out| push_uint(out, u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn prices_drop_trailing_zeros() {
        let check =
            |price, expected| assert_eq!(text(|out| push_price(out, price)), expected, "{price}");
        check(0, "0");
        check(1, "0.001");
        check(10, "0.01");
        check(420, "0.42");
        check(2_100, "2.1");
        check(2_550, "2.55");
        check(18_000, "18");
        check(-11_062_060, "-11062.06");
    }
}
