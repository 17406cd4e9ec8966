//! A slow and plain reader of generated files.

use std::sync::LazyLock;

use order_generator::{Generator, GeneratorConfig, HEADER, Summary};
use order_model::{Date, DateFormat, Money, Timestamp};

/// A line that is not malformed, its fields parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) invoice: String,
    pub(crate) code: String,
    pub(crate) description: String,
    pub(crate) quantity: i64,
    pub(crate) at: Timestamp,
    pub(crate) price: Money,
    pub(crate) customer: Option<i64>,
    pub(crate) country: String,
}

impl Line {
    pub(crate) fn day(&self) -> Date {
        self.at.date()
    }

    fn parse(text: &str) -> Option<Self> {
        let fields = split(text)?;
        let [invoice, code, description, quantity, at, price, customer, country] =
            fields.try_into().ok()?;
        let customer: Option<i64> =
            if customer.is_empty() { None } else { Some(customer.parse().ok()?) };
        Some(Self {
            quantity: quantity.parse().ok()?,
            at: DateFormat::MonthFirst.parse(at.as_bytes())?,
            price: Money::parse(price.as_bytes()).ok()?,
            customer,
            invoice,
            code,
            description,
            country,
        })
    }
}

/// The good lines and the number of malformed ones.
pub(crate) struct Table {
    pub(crate) lines: Vec<Line>,
    pub(crate) malformed: u64,
    pub(crate) summary: Summary,
}

pub(crate) fn generate(config: GeneratorConfig) -> (Vec<u8>, Summary) {
    let mut csv = Vec::new();
    let summary = Generator::new(config).unwrap().write_csv(&mut csv, |_| {}).unwrap();
    (csv, summary)
}

pub(crate) fn table(config: GeneratorConfig) -> Table {
    let (csv, summary) = generate(config);
    let (mut lines, mut malformed) = (Vec::new(), 0);
    for line in rows(&csv) {
        match std::str::from_utf8(line).ok().and_then(Line::parse) {
            Some(line) => lines.push(line),
            None => malformed += 1,
        }
    }
    Table { lines, malformed, summary }
}

/// The file of the default configuration, parsed once for all tests.
pub(crate) static DEFAULT: LazyLock<Table> = LazyLock::new(|| table(GeneratorConfig::default()));

/// The data lines without their line ends.
pub(crate) fn rows(csv: &[u8]) -> impl Iterator<Item = &[u8]> {
    let data = csv.strip_prefix(HEADER).unwrap();
    data.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r\n").unwrap())
}

fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let (text, after) = quoted.split_once('"')?;
                field.push_str(text);
                let Some(again) = after.strip_prefix('"') else {
                    rest = after;
                    break;
                };
                field.push('"');
                quoted = again;
            }
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            field.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(fields),
            None => return None,
        }
    }
}
