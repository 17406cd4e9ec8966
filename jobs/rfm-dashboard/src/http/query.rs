//! What stands in the address of a request.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use warehouse::snapshot_date::SnapshotDate;

use super::problem::Problem;

/// The parameters of a request, each at most once.
#[derive(Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads them; those not among `known` are an error, for a misspelt filter would show too much.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Query<Vec<(String, String)>> = Query::try_from_uri(uri)
            .map_err(|_| Problem::parameter("string", "in the form name=value"))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs.0 {
            let Some(name) = known.iter().find(|known| **known == name) else {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::parameter("names", &format!("among these: {known}")));
            };
            if parameters.insert((*name).to_owned(), value).is_some() {
                return Err(Problem::parameter(name, "given once"));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter, unless it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn date(&self, name: &str) -> Result<Option<SnapshotDate>, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                let detail = "A snapshot is named by its day, such as 2011-12-10.";
                let status = StatusCode::BAD_REQUEST;
                Problem::new(status, "snapshot_malformed", "Not a snapshot date", detail)
            })
        };
        self.get(name).map(parse).transpose()
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let is_number = text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| is_number && bounds.contains(n));
        number.ok_or_else(|| {
            let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            Problem::parameter(name, &expected)
        })
    }
}

/// A customer number: decimal, within 64 bits, as people write it.
pub(super) fn customer_id(text: &str) -> Result<i64, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number =
        !digits.is_empty() && digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| {
        let detail = "A customer number is a whole number, such as 12347.";
        let status = StatusCode::BAD_REQUEST;
        Problem::new(status, "customer_id_malformed", "Not a customer number", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_numbers() {
        for (text, id) in [
            ("12347", 12_347),
            ("0", 0),
            ("-5", -5),
            ("007", 7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(customer_id(text).unwrap(), id, "{text}");
        }
        for text in [
            "",
            "-",
            "+5",
            "1e3",
            "12 ",
            "12.0",
            "0x1f",
            "9223372036854775808",
            "１２",
            "1' or 1=1",
            "--1",
        ] {
            assert_eq!(customer_id(text).unwrap_err().code, "customer_id_malformed", "{text}");
        }
    }

    #[test]
    fn parameters() {
        let read = |text: &'static str| Parameters::read(&Uri::from_static(text), &["x", "max"]);
        let some = read("/api/scatter?x=a%20b&max=100").unwrap();
        assert_eq!((some.get("x"), some.number("max", 1..=200, 5).unwrap()), (Some("a b"), 100));
        assert_eq!(read("/?x=").unwrap().get("x"), None);
        for text in ["/?y=1", "/?x=1&x=2"] {
            assert_eq!(read(text).unwrap_err().code, "parameter_malformed", "{text}");
        }
        for text in ["/?max=0", "/?max=201", "/?max=-1", "/?max=+1", "/?max=a", "/?max=99999999999"]
        {
            assert!(read(text).unwrap().number("max", 1..=200, 5).is_err(), "{text}");
        }
    }
}
