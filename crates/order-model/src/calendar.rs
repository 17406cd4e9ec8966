//! Calendar days and instants, UTC throughout.

use std::fmt;
use std::str::FromStr;

/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A calendar day of the proleptic Gregorian calendar, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// An instant in microseconds since 1970-01-01T00:00:00Z. Input without a zone is taken as UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Date {
    /// From days since 1970-01-01.
    pub const fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The given day, or `None` if the calendar has no such day. Years 1 to 9999.
    #[inline]
    pub fn from_ymd(year: u32, month: u32, day: u32) -> Option<Date> {
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || day == 0
            || day > days_in_month(year, month)
        {
            return None;
        }
        // Days from civil: years begin in March, so that the leap day is the last of its year.
        // Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
        let (y, m, d) = (i64::from(year), i64::from(month), i64::from(day));
        let y = if m <= 2 { y - 1 } else { y };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).ok().map(Date)
    }

    /// Year, month (1 to 12) and day of the month (1 to 31). Source: as [`Date::from_ymd`], civil_from_days.
    pub fn ymd(self) -> (i32, u32, u32) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        ((yoe + era * 400 + i64::from(month <= 2)) as i32, month, day)
    }

    /// Midnight (UTC) that begins this day.
    pub const fn midnight(self) -> Timestamp {
        Timestamp(self.0 as i64 * MICROS_PER_DAY)
    }

    /// The day after this one.
    pub const fn next(self) -> Date {
        Date(self.0.saturating_add(1))
    }

    /// Calendar days from `earlier` to this day: Hive's `datediff(self, earlier)`.
    pub const fn days_since(self, earlier: Date) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl FromStr for Date {
    type Err = String;

    /// Reads `yyyy-MM-dd`.
    fn from_str(text: &str) -> Result<Date, String> {
        let parse = || {
            let mut parts = text.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            let all_digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            if year.len() != 4 || month.len() != 2 || day.len() != 2 || !all_digits {
                return None;
            }
            if parts.next().is_some() {
                return None;
            }
            Date::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        };
        parse().ok_or_else(|| format!("{text:?} is not a date of the form yyyy-MM-dd"))
    }
}

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The calendar day (UTC) of this instant.
    pub const fn date(self) -> Date {
        Date(self.0.div_euclid(MICROS_PER_DAY) as i32)
    }
}

impl fmt::Display for Timestamp {
    /// `yyyy-MM-dd HH:mm:ss[.ffffff]`, UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.rem_euclid(MICROS_PER_DAY);
        let seconds = micros / 1_000_000;
        write!(
            f,
            "{} {:02}:{:02}:{:02}",
            self.date(),
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        match micros % 1_000_000 {
            0 => Ok(()),
            fraction => write!(f, ".{fraction:06}"),
        }
    }
}

/// Days of a month; 0 for a month that does not exist.
fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(Date::from_ymd(1970, 1, 1).map(Date::days), Some(0));
        assert_eq!(Date::from_ymd(2011, 12, 10).map(Date::days), Some(15_318));
        assert_eq!(Date::from_ymd(1969, 12, 31).map(Date::days), Some(-1));
        assert_eq!(Date::from_ymd(2000, 2, 29).map(Date::days), Some(11_016));
        for (year, month, day) in
            [(1900, 2, 29), (2011, 2, 29), (2011, 13, 1), (2011, 4, 31), (0, 1, 1), (2011, 1, 0)]
        {
            assert_eq!(Date::from_ymd(year, month, day), None);
        }
        assert_eq!("2011-12-10".parse::<Date>().map(Date::days), Ok(15_318));
        for text in ["2011-12-1", "2011/12/10", "+011-12-10", "2011-12-10-1", "2011-02-30", ""] {
            assert!(text.parse::<Date>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn instants_print_as_hive_does() {
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31 23:59:59.999999");
        assert_eq!(Timestamp(60_000_000).to_string(), "1970-01-01 00:01:00");
    }

    proptest! {
        #[test]
        fn every_day_there_and_back(days in -719_162_i32..=2_932_896) {
            let date = Date(days);
            let (year, month, day) = date.ymd();
            prop_assert_eq!(Date::from_ymd(year as u32, month, day), Some(date));
            prop_assert_eq!(date.to_string().parse::<Date>(), Ok(date));
        }
    }
}
