//! The name of one run: unique, sortable by time, safe as a directory name everywhere.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of a run, `run-<yyyymmddThhmmssZ>-<8 hex digits>`, for instance `run-20111210T063000Z-0a1b2c3d`.
///
/// The time is UTC. The digits tell apart runs that start within the same second.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RunId(String);

/// A text that is not a run id.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a run id; expected run-<yyyymmddThhmmssZ>-<8 hex digits>")]
pub struct InvalidRunId(String);

impl RunId {
    /// Names a run that starts at `now`. Two calls with the same time give different ids.
    pub fn new(now: SystemTime) -> Self {
        // RandomState is seeded by the operating system; adding the process id costs nothing and covers a
        // platform whose seed repeats between processes.
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        Self::from_parts(now, hasher.finish() as u32)
    }

    /// Names a run from its start time and a number that the caller made unique.
    pub fn from_parts(start: SystemTime, nonce: u32) -> Self {
        let time = utc_timestamp(start).replace(['-', ':'], "");
        Self(format!("run-{time}-{nonce:08x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits =
            |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        let is_hex = |part: &str| {
            part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && part.len() == 8
        };
        let is_time = |part: &str| {
            part.strip_suffix('Z')
                .and_then(|p| p.split_once('T'))
                .is_some_and(|(date, time)| digits(date, 8) && digits(time, 6))
        };
        let valid = text
            .strip_prefix("run-")
            .and_then(|rest| rest.split_once('-'))
            .is_some_and(|(time, nonce)| is_time(time) && is_hex(nonce));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidRunId(text.to_owned())) }
    }
}

/// `time` as `yyyy-mm-ddThh:mm:ssZ`. Times before 1970 are shown as 1970.
pub fn utc_timestamp(time: SystemTime) -> String {
    let secs = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = civil_from_days(secs / 86_400);
    let of_day = secs % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Year, month and day of a number of days since 1970-01-01, after Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), for days that are not negative.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn formats_known_instants() {
        let at = |secs| utc_timestamp(UNIX_EPOCH + Duration::from_secs(secs));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_323_498_600), "2011-12-10T06:30:00Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn round_trips_and_differs() {
        let now = UNIX_EPOCH + Duration::from_secs(1_323_498_600);
        let id = RunId::from_parts(now, 0x0a1b_2c3d);
        assert_eq!(id.as_str(), "run-20111210T063000Z-0a1b2c3d");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert_ne!(RunId::new(now), RunId::new(now));
    }

    #[test]
    fn refuses_other_names() {
        for text in [
            "",
            "run-",
            "run-20111210T063000Z",
            "run-20111210T063000Z-0a1b2c3",
            "run-20111210T063000Z-0A1B2C3D",
            "run-20111210-0a1b2c3d",
            "run-20111210T063000Z-0a1b2c3d/..",
            "Run-20111210T063000Z-0a1b2c3d",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
