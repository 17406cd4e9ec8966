//! Any bytes as the rows of a file with a good header: the scan agrees with a slow reading of the same rows, line by
//! line, for any number of workers, and compressed as well as not. The first byte chooses the options.

use std::ops::RangeInclusive;

use order_csv::ScanOptions;
use order_model::{Date, DateFormat, Money, Rejection, Timestamp, clean_line};

use super::reading::{Invoices, Reading, gzip, read};

const HEADER: &[u8] =
    b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
/// The reader's own size of the longest line.
pub(crate) const MAX_LINE_BYTES: usize = 1024 * 1024;

pub fn check(data: &[u8]) {
    if let [options, rows @ ..] = data {
        check_rows(*options, rows);
    }
}

pub(crate) fn check_rows(options: u8, rows: &[u8]) {
    let content = [HEADER, rows].concat();
    let until = (options & 1 != 0).then(|| Date::from_ymd(2011, 6, 1).expect("a day").midnight());
    let options = ScanOptions { until, whole_lines: options & 2 != 0, ..ScanOptions::default() };
    let one = read(&content, &options, 1).expect("a good header");
    compare_with_rows(&one, rows, until);
    let three = read(&content, &options, 3).expect("a good header");
    assert_eq!(one, three, "1 and 3 workers");
    let packed = read(&gzip(&content), &options, 1).expect("a good header");
    assert_eq!(one, packed, "plain and compressed");
}

fn compare_with_rows(found: &Reading, rows: &[u8], until: Option<Timestamp>) {
    let mut expected = Counts::default();
    for line in rows.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            expected.count(purchase(line, found.date_format), until);
        }
    }
    for &(reason, rows) in &found.rejected {
        assert_eq!(rows, expected.rejected[reason.index()], "{reason}");
    }
    assert_eq!(found.after_snapshot, expected.after_snapshot);
    assert_eq!(found.invoices, expected.invoices);
    let rejects = found.rejects_file.iter().flatten();
    let lines = rejects.filter(|&&byte| byte == b'\n').count() as u64;
    // The first line is the header; a file without rejects is not written.
    let lines = lines.saturating_sub(1);
    assert_eq!(lines, expected.rejected.iter().sum::<u64>(), "rows in the rejects file");
}

#[derive(Default)]
struct Counts {
    invoices: Invoices,
    after_snapshot: u64,
    rejected: [u64; Rejection::ALL.len()],
}

impl Counts {
    fn count(&mut self, line: Result<Purchase, Rejection>, until: Option<Timestamp>) {
        match line {
            Err(reason) => self.rejected[reason.index()] += 1,
            Ok(Purchase { instant, .. }) if until.is_some_and(|until| instant >= until) => {
                self.after_snapshot += 1;
            }
            Ok(Purchase { customer, invoice, amount, instant, country }) => {
                let latest = (instant.micros(), country);
                let sums =
                    self.invoices.entry((customer, invoice)).or_insert((0, 0, latest.clone()));
                sums.0 += amount.ten_thousandths();
                sums.1 += 1;
                sums.2 = latest.max(sums.2.clone());
            }
        }
    }
}

struct Purchase {
    customer: i64,
    invoice: String,
    amount: Money,
    instant: Timestamp,
    country: String,
}

/// The rules for one line, written for reading rather than for speed.
fn purchase(line: &[u8], format: Option<DateFormat>) -> Result<Purchase, Rejection> {
    let malformed = || Rejection::Malformed;
    if line.len() > MAX_LINE_BYTES {
        return Err(malformed());
    }
    let fields = split(line).ok_or_else(malformed)?;
    let [invoice, _, _, quantity, date, price, customer, country] = &fields[..] else {
        return Err(malformed());
    };
    let text = |field: &Vec<u8>| String::from_utf8(field.clone()).map_err(|_| malformed());
    let invoice_text = text(invoice)?;
    if invoice.trim_ascii().is_empty() {
        return Err(malformed());
    }
    const PIECES: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
    let quantity = integer(quantity).filter(|n| PIECES.contains(n)).ok_or_else(malformed)?;
    let instant = match format {
        Some(format) => format.parse(date),
        None => DateFormat::parse_any(date),
    };
    let instant = instant.ok_or_else(malformed)?;
    let price = Money::parse(price).map_err(|_| malformed())?;
    let customer = customer_id(customer).ok_or_else(malformed)?;
    let country = text(country)?;
    let amount = price * quantity;
    if !amount.fits_decimal_20_4() {
        return Err(malformed());
    }
    clean_line(invoice, customer, quantity, price)?;
    let customer = customer.ok_or(Rejection::MissingCustomer)?;
    Ok(Purchase { customer, invoice: invoice_text, amount, instant, country })
}

/// Fields of a line, or `None` if its quotes are wrong.
fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    #[derive(PartialEq)]
    enum State {
        Start,
        Plain,
        Quoted,
        AfterQuote,
    }
    let (mut fields, mut field, mut state) = (Vec::new(), Vec::new(), State::Start);
    for &byte in line {
        state = match (state, byte) {
            (State::Quoted, b'"') => State::AfterQuote,
            (State::Quoted, _) => {
                field.push(byte);
                State::Quoted
            }
            (_, b',') => {
                fields.push(std::mem::take(&mut field));
                State::Start
            }
            (State::Start, b'"') => State::Quoted,
            (State::AfterQuote, b'"') => {
                field.push(b'"');
                State::Quoted
            }
            (State::AfterQuote, _) => return None,
            (State::Start | State::Plain, _) => {
                field.push(byte);
                State::Plain
            }
        };
    }
    fields.push(field);
    (state != State::Quoted).then_some(fields)
}

fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// `Some(None)` for an empty field.
fn customer_id(text: &[u8]) -> Option<Option<i64>> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    if text.is_empty() {
        return Some(None);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let digits = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| whole.parse::<i64>().ok()).flatten();
    id.filter(|&id| id > 0).map(Some)
}
