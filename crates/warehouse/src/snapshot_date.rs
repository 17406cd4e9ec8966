//! The day a snapshot is taken: the partition value of every batch table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A calendar day, `yyyy-MM-dd`, year 1 to 9999. Its text order is its time order.
///
/// Only digits and hyphens can be in it, so it is safe inside SQL text and in a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotDate(String);

/// A text that is not a day.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a day; expected yyyy-MM-dd, for instance 2011-12-10")]
pub struct InvalidSnapshotDate(String);

impl SnapshotDate {
    /// The day as `yyyy-MM-dd`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SnapshotDate {
    type Err = InvalidSnapshotDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_day(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSnapshotDate(text.to_owned()))
        }
    }
}

impl TryFrom<String> for SnapshotDate {
    type Error = InvalidSnapshotDate;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_day(&text) { Ok(Self(text)) } else { Err(InvalidSnapshotDate(text)) }
    }
}

impl From<SnapshotDate> for String {
    fn from(date: SnapshotDate) -> Self {
        date.0
    }
}

impl fmt::Display for SnapshotDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let is_shaped = [(year, 4), (month, 2), (day, 2)]
        .into_iter()
        .all(|(part, len)| part.len() == len && part.bytes().all(|b| b.is_ascii_digit()));
    if !is_shaped {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) =
        (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>())
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    year >= 1 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_days_only() {
        for good in ["2011-12-10", "2000-02-29", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert!(good.parse::<SnapshotDate>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "2011-12-1",
            "2011-13-10",
            "1900-02-29",
            "2011-02-30",
            "0000-01-01",
            "2011-00-10",
            "2011-12-00",
            "+011-12-10",
            "2011-12-10'",
            "2011/12/10",
            "20111210",
            "2011-12-10-",
            "２011-12-10",
        ] {
            assert!(bad.parse::<SnapshotDate>().is_err(), "{bad}");
        }
    }
}
