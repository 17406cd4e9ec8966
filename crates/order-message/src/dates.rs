//! The instant of an order.

use order_model::{Date, DateFormat, Timestamp};

/// Why a text is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateError {
    /// Of neither format, or no day of the calendar.
    NotADate,
    /// A date outside the years 1970 to 2099.
    OtherYear,
}

/// Reads ISO 8601 or `yyyy-MM-dd HH:mm:ss`, as [`DateFormat`] has them.
#[inline(always)]
pub(crate) fn parse(text: &[u8]) -> Result<Timestamp, DateError> {
    let usual = text.try_into().ok().and_then(producers_form);
    usual.map_or_else(|| parse_other(text), Ok)
}

/// Reads `yyyy-MM-ddTHH:mm:ssZ`, as the producer writes it; `None` for anything else, which may be a date as well.
#[inline(always)]
pub(crate) fn producers_form(text: &[u8; 20]) -> Option<Timestamp> {
    let (day, rest) = text.split_first_chunk()?;
    let (time, rest) = rest.split_first_chunk()?;
    let day = pairs(*day, b"0000-00-")?;
    let time = pairs(*time, b"00T00:00")?;
    let [a, b, c, d] = *rest.first_chunk()?;
    let rest = pairs([a, b, c, d, b'0', b'0', b'0', b'0'], b":00Z0000")?;
    let year = 100 * u32::from(day[0]) + u32::from(day[2]);
    let (month, day) = (u32::from(day[5]), u32::from(time[0]));
    let (hour, minute, second) = (i64::from(time[3]), i64::from(time[6]), i64::from(rest[1]));
    if !(1970..=2099).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = Date::from_ymd(year, month, day)?.midnight().micros();
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(Timestamp::from_micros(midnight + seconds * 1_000_000))
}

/// Eight bytes of the same form as the pattern, whose zeros stand for any digit. Gives back, where two digits are, the
/// number that they spell, at the place of the first one.
#[inline(always)]
fn pairs(text: [u8; 8], pattern: &[u8; 8]) -> Option<[u8; 8]> {
    // What is added to a byte to set its high bit if it is too large: above 9 for a digit, above 0 for a separator, which
    // the pattern turns into 0.
    let too_large = pattern.map(|byte| if byte == b'0' { 0x76 } else { 0x7f });
    let word = u64::from_le_bytes(text) ^ u64::from_le_bytes(*pattern);
    let faults = ((word & 0x7f7f_7f7f_7f7f_7f7f) + u64::from_le_bytes(too_large)) | word;
    // At most 99 a byte: nothing is carried into the next one.
    let word = word.wrapping_mul(10).wrapping_add(word >> 8);
    (faults & 0x8080_8080_8080_8080 == 0).then_some(word.to_le_bytes())
}

#[inline(never)]
fn parse_other(text: &[u8]) -> Result<Timestamp, DateError> {
    let parse =
        |text: &[u8]| DateFormat::Iso8601.parse(text).or_else(|| DateFormat::Sql.parse(text));
    if let Some(instant) = parse(text) {
        return Ok(instant);
    }
    // The model knows the years 1970 to 2099 alone. A text with another year is a date if it is one in a year with the
    // same days.
    if let Some((year, rest)) = text.trim_ascii().split_first_chunk::<4>()
        && year.iter().all(u8::is_ascii_digit)
    {
        let year = year.iter().fold(0, |year, digit| year * 10 + u32::from(digit - b'0'));
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let alike = [if leap { &b"2000"[..] } else { &b"2001"[..] }, rest].concat();
        if parse(&alike).is_some() {
            return Err(DateError::OtherYear);
        }
    }
    Err(DateError::NotADate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        let check = |text: &str, expected: Result<&str, DateError>| {
            let found = parse(text.as_bytes()).map(|instant| instant.to_string());
            assert_eq!(found.as_deref().map_err(|error| *error), expected, "{text:?}");
        };
        check("2011-12-09T12:50:00Z", Ok("2011-12-09 12:50:00"));
        check(" 2011-12-09T12:50:00Z ", Ok("2011-12-09 12:50:00"));
        check("2011-12-09T12:50:00.25Z", Ok("2011-12-09 12:50:00.250000"));
        check("2011-12-09T12:50:00+01:00", Ok("2011-12-09 11:50:00"));
        check("2011-12-09T12:50", Ok("2011-12-09 12:50:00"));
        check("2011-12-09 12:50:00", Ok("2011-12-09 12:50:00"));
        check("2012-02-29T23:59:59Z", Ok("2012-02-29 23:59:59"));
        for text in [
            "2011-02-29T12:50:00Z",
            "2011-12-09T24:00:00Z",
            "2011-12-09T23:60:00Z",
            "2011-12-09T23:59:60Z",
            "2011-12-09t12:50:00Z",
            "2011-12-09T12:50:00z",
            "2011-00-09T12:50:00Z",
            "1900-02-29T12:50:00Z",
            "12/9/2011 12:50",
            "20111209T125000Z",
            "1969",
            "soon",
            "",
        ] {
            check(text, Err(DateError::NotADate));
        }
        for text in [
            "1969-12-31T23:59:59Z",
            "2100-01-01T00:00:00Z",
            "9999-12-31 23:59:59",
            "0000-02-29T12:50:00Z",
            "1600-02-29",
        ] {
            check(text, Err(DateError::OtherYear));
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_reads_what_the_model_reads(
            text in "(19[67]|20[019])[0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z",
            at in 0_usize..20,
            byte: u8,
        ) {
            let mut bytes: [u8; 20] = text.as_bytes().try_into().unwrap();
            let fast = producers_form(&bytes);
            prop_assert_eq!(fast, DateFormat::Iso8601.parse(text.as_bytes()));
            bytes[at] = byte;
            let fast = producers_form(&bytes);
            prop_assert!(fast.is_none() || fast == DateFormat::Iso8601.parse(&bytes));
        }
    }
}
