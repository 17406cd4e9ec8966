//! The ways in which shops write the instant of an order.

use std::fmt;
use std::str::FromStr;

use crate::calendar::MICROS_PER_DAY;
use crate::{Date, Timestamp};

/// How an order's date and time are written. A file uses one format throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateFormat {
    /// `M/d/yyyy H:mm[:ss]`: month first, padded or not, as spreadsheets export it (`12/1/2010 8:26`).
    MonthFirst,
    /// `d/M/yyyy H:mm[:ss]`: day first. Never detected, for most days are also valid month first; it has to be set.
    DayFirst,
    /// `yyyy-MM-dd[ HH:mm[:ss[.f]]]`, as SQL prints it.
    Sql,
    /// ISO 8601: `yyyy-MM-ddTHH:mm[:ss[.f]][Z|+hh:mm|-hh:mm]`. Without a zone the time is taken as UTC.
    Iso8601,
}

/// Orders before 1970 or after 2099 are typing errors; accepting one would move the default snapshot date by decades.
const YEARS: std::ops::RangeInclusive<u32> = 1970..=2099;

impl DateFormat {
    /// All formats, the detectable ones first.
    pub const ALL: [DateFormat; 4] =
        [DateFormat::MonthFirst, DateFormat::Sql, DateFormat::Iso8601, DateFormat::DayFirst];

    /// The formats that [`DateFormat::detect`] tells apart.
    const DETECTABLE: [DateFormat; 3] =
        [DateFormat::MonthFirst, DateFormat::Sql, DateFormat::Iso8601];

    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            DateFormat::MonthFirst => "M/d/yyyy H:mm",
            DateFormat::DayFirst => "d/M/yyyy H:mm",
            DateFormat::Sql => "yyyy-MM-dd HH:mm:ss",
            DateFormat::Iso8601 => "ISO 8601",
        }
    }

    /// The format in which most of the samples parse; `None` if none does. Ties go to the earlier of [`DateFormat::ALL`].
    pub fn detect<'a>(samples: impl IntoIterator<Item = &'a [u8]>) -> Option<DateFormat> {
        let mut hits = [0_u32; Self::DETECTABLE.len()];
        for sample in samples {
            for (format, hits) in Self::DETECTABLE.into_iter().zip(&mut hits) {
                *hits += u32::from(format.parse(sample).is_some());
            }
        }
        let most = *hits.iter().max()?;
        let found = Self::DETECTABLE.into_iter().zip(hits).find(|&(_, n)| n == most && n > 0);
        found.map(|(format, _)| format)
    }

    /// Reads a date and time in whichever of the detectable formats it is; no text is valid in two of them.
    pub fn parse_any(text: &[u8]) -> Option<Timestamp> {
        Self::DETECTABLE.into_iter().find_map(|format| format.parse(text))
    }

    /// Reads a date and time, exactly as the format says; ASCII spaces around it are allowed. `None` for anything else,
    /// for days that do not exist, and for years outside 1970 to 2099.
    pub fn parse(self, text: &[u8]) -> Option<Timestamp> {
        let mut text = Cursor(text.trim_ascii());
        let (first, second, third) = match self {
            DateFormat::MonthFirst | DateFormat::DayFirst => {
                let first = text.number(1, 2)?;
                text.byte(b'/')?;
                let second = text.number(1, 2)?;
                text.byte(b'/')?;
                (first, second, text.number(4, 4)?)
            }
            DateFormat::Sql | DateFormat::Iso8601 => {
                let first = text.number(4, 4)?;
                text.byte(b'-')?;
                let second = text.number(2, 2)?;
                text.byte(b'-')?;
                (first, second, text.number(2, 2)?)
            }
        };
        let (year, month, day) = match self {
            DateFormat::MonthFirst => (third, first, second),
            DateFormat::DayFirst => (third, second, first),
            DateFormat::Sql | DateFormat::Iso8601 => (first, second, third),
        };
        if !YEARS.contains(&year) {
            return None;
        }
        let date = Date::from_ymd(year, month, day)?;
        let midnight = date.midnight().micros();
        if self == DateFormat::Sql && text.0.is_empty() {
            return Some(Timestamp::from_micros(midnight));
        }
        text.byte(if self == DateFormat::Iso8601 { b'T' } else { b' ' })?;
        let of_day = text.time_of_day(matches!(self, DateFormat::Sql | DateFormat::Iso8601))?;
        let offset = if self == DateFormat::Iso8601 { text.zone_offset()? } else { 0 };
        text.0.is_empty().then(|| Timestamp::from_micros(midnight + of_day - offset))
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DateFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<DateFormat, String> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|f| format!("{:?}", f.name())).collect();
            format!("unknown date format {text:?}; known: {}", names.join(", "))
        })
    }
}

/// What is left of a text that is read from the front.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self, expected: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[expected])?;
        Some(())
    }

    fn number(&mut self, min_digits: usize, max_digits: usize) -> Option<u32> {
        let digits = self.0.iter().take(max_digits).take_while(|b| b.is_ascii_digit()).count();
        if digits < min_digits {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        Some(number.iter().fold(0, |n, &digit| n * 10 + u32::from(digit - b'0')))
    }

    /// `H:mm[:ss[.f]]` in microseconds; digits of a fraction beyond the sixth are cut.
    fn time_of_day(&mut self, padded: bool) -> Option<i64> {
        let hour = self.number(if padded { 2 } else { 1 }, 2)?;
        self.byte(b':')?;
        let minute = self.number(2, 2)?;
        let mut second = 0;
        let mut fraction = 0;
        if self.byte(b':').is_some() {
            second = self.number(2, 2)?;
            if padded && self.byte(b'.').is_some() {
                let before = self.0.len();
                fraction = self.number(1, 6)?;
                fraction *= 10_u32.pow(6 - (before - self.0.len()).min(6) as u32);
                while self.number(1, 9).is_some() {}
            }
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = i64::from(hour * 3_600 + minute * 60 + second);
        Some(seconds * 1_000_000 + i64::from(fraction))
    }

    /// `Z`, `+hh:mm`, `-hh:mm`, `+hhmm` or nothing, in microseconds east of UTC.
    fn zone_offset(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.byte(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.byte(b'-').is_some() {
            -1
        } else {
            self.byte(b'+')?;
            1
        };
        let hours = self.number(2, 2)?;
        let _ = self.byte(b':');
        let minutes = self.number(2, 2)?;
        let offset = i64::from(hours * 60 + minutes) * 60_000_000;
        // The widest offset in use is +14:00.
        (minutes < 60 && offset <= 14 * MICROS_PER_DAY / 24).then_some(sign * offset)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(format: DateFormat, text: &str, expected: Option<&str>) {
        let found = format.parse(text.as_bytes()).map(|t| t.to_string());
        assert_eq!(found.as_deref(), expected, "{text:?} as {format}");
    }

    #[test]
    fn month_first() {
        let check = |text, expected| check(DateFormat::MonthFirst, text, expected);
        check("12/1/2010 8:26", Some("2010-12-01 08:26:00"));
        check("02/29/2012 00:00:59", Some("2012-02-29 00:00:59"));
        check(" 1/2/2011 23:59 ", Some("2011-01-02 23:59:00"));
        for text in [
            "13/1/2010 8:26",
            "2/29/2011 8:26",
            "1/2/2011",
            "1/2/11 8:26",
            "1/2/2011 24:00",
            "1/2/2011 8:60",
            "1/2/2011 8:26x",
            "1/2/0000 8:26",
            "1/2/9999 8:26",
            "1/2/2100 8:26",
            "12/31/1969 23:59",
            "",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn day_first_has_to_be_asked_for() {
        check(DateFormat::DayFirst, "1/12/2010 8:26", Some("2010-12-01 08:26:00"));
        check(DateFormat::DayFirst, "12/13/2010 8:26", None);
    }

    #[test]
    fn sql_and_iso() {
        check(DateFormat::Sql, "2010-12-01 08:26:00", Some("2010-12-01 08:26:00"));
        check(DateFormat::Sql, "2010-12-01 08:26", Some("2010-12-01 08:26:00"));
        check(DateFormat::Sql, "2010-12-01", Some("2010-12-01 00:00:00"));
        check(DateFormat::Sql, "2010-12-01 08:26:00.5", Some("2010-12-01 08:26:00.500000"));
        check(DateFormat::Sql, "2010-12-01T08:26:00", None);
        check(DateFormat::Iso8601, "2010-12-01T08:26:00Z", Some("2010-12-01 08:26:00"));
        check(DateFormat::Iso8601, "2010-12-01T08:26", Some("2010-12-01 08:26:00"));
        check(DateFormat::Iso8601, "2010-12-01T01:00:00+02:00", Some("2010-11-30 23:00:00"));
        check(DateFormat::Iso8601, "2010-12-01T23:00:00-0130", Some("2010-12-02 00:30:00"));
        check(
            DateFormat::Iso8601,
            "2010-12-01T08:26:00.1234567890123Z",
            Some("2010-12-01 08:26:00.123456"),
        );
        for text in ["2010-12-01T08:26:00+15:00", "2010-12-01T08:26:00.", "2010-12-01 08:26:00"] {
            check(DateFormat::Iso8601, text, None);
        }
    }

    #[test]
    fn most_samples_decide() {
        let detect = |texts: &[&str]| DateFormat::detect(texts.iter().map(|t| t.as_bytes()));
        assert_eq!(
            detect(&["?", "12/1/2010 8:26", "12/13/2010 8:26"]),
            Some(DateFormat::MonthFirst)
        );
        assert_eq!(detect(&["2010-12-01 08:26:00", "x"]), Some(DateFormat::Sql));
        assert_eq!(detect(&["2010-12-01T08:26:00Z"]), Some(DateFormat::Iso8601));
        assert_eq!(detect(&["x", ""]), None);
        assert_eq!(detect(&[]), None);
    }

    #[test]
    fn names_lead_back() {
        for format in DateFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("yyyy".parse::<DateFormat>().unwrap_err().contains("ISO 8601"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_date_or_none(text: Vec<u8>) {
            for format in DateFormat::ALL {
                let _ = format.parse(&text);
            }
        }

        #[test]
        fn sql_reads_what_timestamps_print(micros in 0_i64..4_102_444_800_000_000) {
            let instant = Timestamp::from_micros(micros);
            prop_assert_eq!(DateFormat::Sql.parse(instant.to_string().as_bytes()), Some(instant));
        }
    }
}
