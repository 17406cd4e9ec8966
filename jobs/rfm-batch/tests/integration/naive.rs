//! The rules of the numbers once more, as plainly as possible and without any code of the suite: rows are split and
//! parsed byte by byte, sums are kept in maps. Slow, and for that easy to check against the rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::job::Customer;

/// What should come of an input.
#[derive(Debug, Default, PartialEq)]
pub struct Expected {
    pub customers: BTreeMap<i64, Customer>,
    pub rows: u64,
    pub kept: u64,
    /// malformed, missing_customer, cancelled, non_positive_quantity, non_positive_price
    pub rejected: [u64; 5],
    pub orders: u64,
}

#[derive(Default)]
struct Sums {
    invoices: BTreeSet<String>,
    monetary: i128,
    /// Minutes since 1970 and the country, greatest last.
    last: (i64, String),
}

/// Reads a CSV with the columns of Online Retail in their usual order and dates of the form `M/d/yyyy H:mm`. `snapshot` is
/// a day number since 1970; without it, it follows the last order.
pub fn compute(csv: &[u8], snapshot: Option<i64>) -> Expected {
    let mut expected = Expected::default();
    let mut sums: BTreeMap<i64, Sums> = BTreeMap::new();
    for line in csv.split(|&b| b == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        expected.rows += 1;
        match read(line) {
            Err(reason) => expected.rejected[reason] += 1,
            Ok(row) => {
                if snapshot.is_some_and(|day| row.minutes >= day * 1_440) {
                    continue;
                }
                expected.kept += 1;
                let sum = sums.entry(row.customer).or_default();
                sum.invoices.insert(row.invoice);
                sum.monetary += row.amount;
                sum.last = sum.last.clone().max((row.minutes, row.country));
            }
        }
    }
    let last_day = sums.values().map(|sum| sum.last.0.div_euclid(1_440)).max().unwrap_or(0);
    let snapshot = snapshot.unwrap_or(last_day + 1);
    for (id, sum) in sums {
        expected.orders += sum.invoices.len() as u64;
        let customer = Customer {
            recency_days: (snapshot - sum.last.0.div_euclid(1_440)) as i32,
            frequency: sum.invoices.len() as i64,
            monetary: sum.monetary,
            last_order: sum.last.0 * 60_000_000,
            country: sum.last.1,
        };
        expected.customers.insert(id, customer);
    }
    expected
}

struct Row {
    invoice: String,
    minutes: i64,
    amount: i128,
    customer: i64,
    country: String,
}

const MALFORMED: usize = 0;

fn read(line: &[u8]) -> Result<Row, usize> {
    let fields = split(line).ok_or(MALFORMED)?;
    let [invoice, _, _, quantity, date, price, customer, country] = fields.as_slice() else {
        return Err(MALFORMED);
    };
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).map_err(|_| MALFORMED);
    let (invoice, country) = (text(invoice)?, text(country)?);
    let (quantity, date, price) = (text(quantity)?, text(date)?, text(price)?);
    let customer = text(customer)?;
    if invoice.trim().is_empty() || quantity.contains('+') {
        return Err(MALFORMED);
    }
    let quantity: i32 = quantity.trim().parse().map_err(|_| MALFORMED)?;
    let minutes = minutes(date.trim()).ok_or(MALFORMED)?;
    let price = ten_thousandths(price.trim()).ok_or(MALFORMED)?;
    let customer = match customer.trim() {
        "" => None,
        id => {
            let whole = id.split_once('.').map_or(Some(id), |(whole, zeros)| {
                (!zeros.is_empty() && zeros.bytes().all(|b| b == b'0')).then_some(whole)
            });
            let whole = whole.filter(|w| w.bytes().all(|b| b.is_ascii_digit())).ok_or(MALFORMED)?;
            Some(whole.parse::<i64>().ok().filter(|&id| id > 0).ok_or(MALFORMED)?)
        }
    };
    let amount = price * i128::from(quantity);
    if amount.abs() >= 10_i128.pow(20) {
        return Err(MALFORMED);
    }
    let customer = customer.ok_or(1_usize)?;
    if invoice.starts_with(['C', 'A']) {
        return Err(2);
    }
    if quantity <= 0 {
        return Err(3);
    }
    if price <= 0 {
        return Err(4);
    }
    Ok(Row { invoice, minutes, amount, customer, country })
}

fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = vec![Vec::new()];
    let mut bytes = line.iter().copied().peekable();
    let mut at_start = true;
    while let Some(byte) = bytes.next() {
        match byte {
            b',' => {
                fields.push(Vec::new());
                at_start = true;
                continue;
            }
            b'"' if at_start => loop {
                match bytes.next()? {
                    b'"' if bytes.peek() == Some(&b'"') => {
                        bytes.next();
                        fields.last_mut()?.push(b'"');
                    }
                    b'"' if matches!(bytes.peek(), None | Some(b',')) => break,
                    b'"' => return None,
                    other => fields.last_mut()?.push(other),
                }
            },
            other => fields.last_mut()?.push(other),
        }
        at_start = false;
    }
    Some(fields)
}

fn ten_thousandths(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = whole.bytes().chain(fraction.bytes());
    if digits.bytes().filter(|&b| b == b'.').count() > 1
        || whole.len() + fraction.len() == 0
        || !all.clone().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 4 {
        return None;
    }
    let value: i128 = format!("{whole}{fraction:0<4}").trim_start_matches('0').parse().unwrap_or(0);
    (value < 10_i128.pow(18)).then_some(sign * value)
}

fn minutes(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let number = |text: &str, digits: &[usize]| {
        (digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i64>().ok())?
    };
    let date: Vec<&str> = date.split('/').collect();
    let time: Vec<&str> = time.split(':').collect();
    let ([month, day, year], [hour, minute]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    let (month, day, year) = (number(month, &[1, 2])?, number(day, &[1, 2])?, number(year, &[4])?);
    let (hour, minute) = (number(hour, &[1, 2])?, number(minute, &[2])?);
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1970..=2099).contains(&year) || day < 1 || day > length || hour > 23 || minute > 59 {
        return None;
    }
    let years: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
    let months: i64 = lengths.iter().take(month as usize - 1).sum();
    Some((years + months + day - 1) * 1_440 + hour * 60 + minute)
}
