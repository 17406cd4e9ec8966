//! Dates and money from any text: read as a slow reading of the same text says, and printed so that they read back.

use order_model::{Date, DateFormat, MICROS_PER_DAY, Money, MoneyError, Timestamp};

/// Instants of the years 1970 to 2099.
const INSTANTS: std::ops::Range<i64> = 0..4_102_444_800_000_000;

pub fn check(data: &[u8]) {
    for text in data.split(|&byte| byte == b'\n') {
        check_money(text);
        check_dates(text);
    }
    check_detection(data);
}

fn check_money(text: &[u8]) {
    let found = Money::parse(text);
    match (found, rational(text)) {
        (Ok(money), Some((digits, places))) => {
            // digits / 10^places = money / 10^4, multiplied out.
            let scaled = money.ten_thousandths() * 10_i128.pow(places);
            assert_eq!(scaled, digits * 10_000, "{text:?}");
            assert!(places <= Money::SCALE && digits.abs() < 10_i128.pow(14 + places), "{text:?}");
            assert_eq!(Money::parse(money.to_string().as_bytes()), Ok(money), "{text:?}");
            check_arithmetic(money, text);
        }
        (Err(MoneyError::TooPrecise), Some((_, places))) => {
            assert!(places > Money::SCALE, "{text:?}");
        }
        (Err(MoneyError::OutOfRange), Some((digits, places))) => {
            assert!(digits.abs() >= 10_i128.pow(14 + places.min(20)), "{text:?}");
        }
        (Err(MoneyError::NotANumber), None) => {}
        (found, expected) => unreachable!("{text:?}: {found:?}, expected {expected:?}"),
    }
}

/// The number that `[-]digits[.digits]` spells, as `digits / 10^places` without trailing zeros in the fraction. Very
/// long numbers are shortened without leaving their class (too large, too precise).
fn rational(text: &[u8]) -> Option<(i128, u32)> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits = whole.chars().chain(fraction.chars());
    if whole.len() + fraction.len() == 0 || !digits.all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = &whole[..whole.len().min(16)];
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.len() > 10 { "0000000001" } else { fraction };
    let digits = format!("0{whole}{fraction}").parse::<i128>().ok()?;
    Some((sign * digits, fraction.len() as u32))
}

fn check_arithmetic(money: Money, text: &[u8]) {
    let value = money.ten_thousandths();
    // A divisor that depends on the text.
    let n = text.iter().fold(0_u64, |n, &byte| n.wrapping_mul(257).wrapping_add(byte.into()));
    for n in [0, 1, 2, 3, n, u64::MAX] {
        let Some(share) = money.divided_by(n) else {
            assert_eq!(n, 0);
            continue;
        };
        let rest = value - share.ten_thousandths() * i128::from(n);
        assert!(2 * rest.abs() <= i128::from(n), "{value} shared among {n}");
        let half = 2 * rest.abs() == i128::from(n);
        assert!(!half || share.ten_thousandths().abs() > value.abs() / i128::from(n));
    }
    for quantity in [0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN)] {
        assert_eq!((money * quantity).ten_thousandths(), value * i128::from(quantity));
    }
    assert!(money.fits_decimal_20_4());
}

fn check_dates(text: &[u8]) {
    let readings = DateFormat::ALL.map(|format| (format, format.parse(text)));
    for (format, found) in readings {
        assert_eq!(found.map(Timestamp::micros), slow(format, text), "{text:?} as {format}");
        let Some(instant) = found else { continue };
        let date = instant.date();
        assert_eq!(date.to_string().parse::<Date>().as_ref(), Ok(&date), "{text:?}");
        let since_midnight = instant.micros() - date.midnight().micros();
        assert!((0..MICROS_PER_DAY).contains(&since_midnight), "{text:?}");
        // A zone east of Greenwich can lead out of the first day, one west of it out of the last.
        if INSTANTS.contains(&instant.micros()) {
            let printed = instant.to_string();
            assert_eq!(DateFormat::Sql.parse(printed.as_bytes()), Some(instant), "{printed}");
        }
    }
    let mut detectable = readings.iter().filter(|(format, _)| *format != DateFormat::DayFirst);
    let any = detectable.clone().filter_map(|(_, found)| *found).collect::<Vec<_>>();
    assert!(any.len() <= 1, "{text:?} is valid in two formats");
    assert_eq!(DateFormat::parse_any(text), any.first().copied());
    assert!(detectable.all(|(format, _)| format.name().parse() == Ok(*format)));
}

/// Microseconds since 1970 of a date and time, read by cutting the text at its separators.
fn slow(format: DateFormat, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let iso = format == DateFormat::Iso8601;
    let (day, time) = match text.split_once(if iso { 'T' } else { ' ' }) {
        Some((day, time)) => (day, Some(time)),
        None if format == DateFormat::Sql => (text, None),
        None => return None,
    };
    let sorted = matches!(format, DateFormat::Sql | DateFormat::Iso8601);
    let parts: Vec<&str> = day.split(if sorted { '-' } else { '/' }).collect();
    let [first, second, third] = parts[..] else { return None };
    let short = if sorted { 2..=2 } else { 1..=2 };
    let (year, month, day) = match format {
        DateFormat::MonthFirst => (third, first, second),
        DateFormat::DayFirst => (third, second, first),
        DateFormat::Sql | DateFormat::Iso8601 => (first, second, third),
    };
    let year = number(year, 4..=4)?;
    let month = number(month, short.clone())?;
    let day = number(day, short.clone())?;
    if !(1970..=2099).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let years: i64 = (1970..year).flat_map(|y| (1..=12).map(move |m| days_in(y, m))).sum();
    let days = years + (1..month).map(|m| days_in(year, m)).sum::<i64>() + day - 1;
    let midnight = days * MICROS_PER_DAY;
    let Some(time) = time else { return Some(midnight) };
    let (time, offset_minutes) = if iso { split_zone(time)? } else { (time, 0) };
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let (second, micros) = match second.split_once('.') {
        Some((second, fraction)) if sorted && parts.len() == 3 => (second, micros(fraction)?),
        Some(_) => return None,
        None => (second, 0),
    };
    let hour = number(hour, short)?;
    let (minute, second) = (number(minute, 2..=2)?, number(second, 2..=2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(midnight + seconds * 1_000_000 + micros)
}

/// Time of day, and minutes east of Greenwich.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = &zone[1..];
    let (hours, minutes) = match zone.split_once(':') {
        Some(parts) => parts,
        None => zone.split_at_checked(2)?,
    };
    let (hours, minutes) = (number(hours, 2..=2)?, number(minutes, 2..=2)?);
    let offset = 60 * hours + minutes;
    (minutes < 60 && offset <= 14 * 60).then_some((time, sign * offset))
}

fn micros(fraction: &str) -> Option<i64> {
    number(fraction, 1..=usize::MAX)?;
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    number(&six, 6..=6)
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    if !digits.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Only fractions are long, and of those the value is not asked for here.
    text.get(..text.len().min(18))?.parse().ok()
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn check_detection(data: &[u8]) {
    let samples = || data.split(|&byte| byte == b'\n');
    let hits = |format: DateFormat| samples().filter(|s| format.parse(s).is_some()).count();
    let detectable = [DateFormat::MonthFirst, DateFormat::Sql, DateFormat::Iso8601];
    let most = detectable.into_iter().map(hits).max().unwrap_or_default();
    match DateFormat::detect(samples()) {
        Some(format) => {
            assert!(most > 0 && hits(format) == most && detectable.contains(&format));
        }
        None => assert_eq!(most, 0),
    }
}
