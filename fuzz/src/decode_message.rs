//! Any bytes as an order message: the decoder agrees with a slow reading through serde_json, and what it accepts is written
//! and read back as the same order.
//!
//! Not a module of `lib.rs`, for it is replayed where its crate is tested (`crates/order-message/tests/integration`).

use order_message::{Decoder, Limits, Order, Reason, encode};
use order_model::{Date, DateFormat, Money, Timestamp};
use serde_json::Value;

pub fn check(data: &[u8]) {
    let limits = limits();
    let expected = slow(data, &limits);
    let mut decoder = Decoder::new();
    // The second time with what the first one left in the decoder.
    for _ in 0..2 {
        match (decoder.decode(Some(data), &limits), &expected) {
            (Ok(order), Ok(expected)) => assert_eq!(Owned::from(&order), *expected),
            (Err(rejection), Err(reason)) => {
                assert_eq!(rejection.reason(), *reason, "{rejection}");
                let detail = rejection.to_string();
                assert!(detail.len() < 2_000 && !detail.chars().any(char::is_control), "{detail}");
            }
            (found, expected) => {
                let text = String::from_utf8_lossy(data);
                unreachable!("{text}\nfound {found:?}\nexpected {expected:?}");
            }
        }
    }
    if let Ok(order) = decoder.decode(Some(data), &limits) {
        let mut message = Vec::new();
        encode(&order, &mut message);
        let again = slow(&message, &Limits { max_bytes: usize::MAX, ..limits });
        assert_eq!(again.as_ref(), expected.as_ref(), "{}", String::from_utf8_lossy(&message));
    }
}

/// Small, so that a fuzzer reaches them.
pub fn limits() -> Limits {
    let latest = Date::from_ymd(2030, 1, 1).expect("a day").midnight();
    Limits { max_bytes: 4096, ..Limits::until(latest) }
}

/// An order that borrows nothing.
#[derive(Debug, PartialEq)]
pub struct Owned {
    pub invoice_no: String,
    pub stock_code: String,
    pub description: Option<String>,
    pub quantity: i32,
    pub event_time: Timestamp,
    pub unit_price: Money,
    pub customer_id: Option<i64>,
    pub country: Option<String>,
}

impl From<&Order<'_>> for Owned {
    fn from(order: &Order<'_>) -> Owned {
        Owned {
            invoice_no: order.invoice_no.to_owned(),
            stock_code: order.stock_code.to_owned(),
            description: order.description.map(str::to_owned),
            quantity: order.quantity,
            event_time: order.event_time,
            unit_price: order.unit_price,
            customer_id: order.customer_id,
            country: order.country.map(str::to_owned),
        }
    }
}

/// The value of a field; `Null` if it is absent as well.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Null,
    Text(String),
    /// As it is in the message.
    Number(String),
    Other,
}

/// Reads a message step by step, each one through the whole message.
pub fn slow(data: &[u8], limits: &Limits) -> Result<Owned, Reason> {
    if data.len() > limits.max_bytes {
        return Err(Reason::TooLarge);
    }
    let text = std::str::from_utf8(data).map_err(|_| Reason::NotUtf8)?;
    let tagged = tag(text).ok_or(Reason::NotJson)?;
    let value: Value = serde_json::from_str(&tagged).map_err(|_| Reason::NotJson)?;
    if !names_are_texts(&value) || depth(&value) > 64 {
        return Err(Reason::NotJson);
    }
    let Value::Object(members) = value else { return Err(Reason::NotAnObject) };
    let field = |name: &str| {
        let mut found = members.iter().filter(|(key, _)| untag(key).1 == name);
        match (found.next(), found.next()) {
            (None, _) => Ok(Field::Null),
            (Some((_, value)), None) => Ok(field(value)),
            _ => Err(Reason::DuplicateField),
        }
    };
    let invoice_no = field("invoice_no")?;
    let stock_code = field("stock_code")?;
    let description = field("description")?;
    let quantity = field("quantity")?;
    let invoice_date = field("invoice_date")?;
    let unit_price = field("unit_price")?;
    let customer_id = field("customer_id")?;
    let country = field("country")?;

    let invoice_no = code(invoice_no);
    let stock_code = code(stock_code);
    let description = optional_text(description);
    let quantity = match number(quantity) {
        Ok(None) => Err(Reason::MissingField),
        Ok(Some(text)) => {
            scaled(&text, 0).and_then(|value| value.try_into().map_err(|_| Reason::OutOfRange))
        }
        Err(reason) => Err(reason),
    };
    let event_time = instant(invoice_date, limits);
    let unit_price = match number(unit_price) {
        Ok(None) => Err(Reason::MissingField),
        Ok(Some(text)) => match scaled(&text, 4) {
            Ok(value) if value.abs() < 10_i128.pow(18) => Ok(Money::from_ten_thousandths(value)),
            Ok(_) => Err(Reason::OutOfRange),
            Err(reason) => Err(reason),
        },
        Err(reason) => Err(reason),
    };
    let customer_id = match number(customer_id) {
        Ok(Some(text)) if !is_blank(&text) => match scaled(&text, 0).map(i64::try_from) {
            Ok(Ok(id)) if id > 0 => Ok(Some(id)),
            Ok(_) => Err(Reason::OutOfRange),
            Err(reason) => Err(reason),
        },
        Ok(_) => Ok(None),
        Err(reason) => Err(reason),
    };
    let country = optional_text(country);
    let reasons = [
        invoice_no.as_ref().err(),
        stock_code.as_ref().err(),
        description.as_ref().err(),
        quantity.as_ref().err(),
        event_time.as_ref().err(),
        unit_price.as_ref().err(),
        customer_id.as_ref().err(),
        country.as_ref().err(),
    ];
    if let Some(reason) = reasons.into_iter().flatten().min() {
        return Err(*reason);
    }
    Ok(Owned {
        invoice_no: invoice_no?,
        stock_code: stock_code?,
        description: description?,
        quantity: quantity?,
        event_time: event_time?,
        unit_price: unit_price?,
        customer_id: customer_id?,
        country: country?,
    })
}

/// Makes every number a text and every text distinct, so that a tree of values keeps the digits of the one and, of names,
/// all that are the same: `{"a":1.0,"a":"1"}` becomes `{"0:Sa":"1:N1.0","2:Sa":"3:S1"}`. What is no JSON stays none; `None`
/// if a number is none of JSON's.
fn tag(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut count = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' => text_len(rest),
            '-' | '0'..='9' => {
                let is_part = |char: char| matches!(char, '-' | '+' | '.' | 'e' | 'E' | '0'..='9');
                rest.find(|char| !is_part(char)).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(len);
        match first {
            '"' => out.push_str(&format!("\"{count}:S{}", &token[1..])),
            '-' | '0'..='9' if is_number(token) => out.push_str(&format!("\"{count}:N{token}\"")),
            '-' | '0'..='9' => return None,
            _ => out.push_str(token),
        }
        count += 1;
        rest = after;
    }
    Some(out)
}

/// Bytes of the text in quotes that begins here, or of all if it has no end.
fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn is_number(token: &str) -> bool {
    let unsigned = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        }
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && digits(fraction)
        && digits(exponent)
}

/// Kind and content of a tagged text.
fn untag(text: &str) -> (char, &str) {
    let (_, text) = text.split_once(':').expect("all texts are tagged");
    let mut chars = text.chars();
    (chars.next().expect("a kind"), chars.as_str())
}

fn names_are_texts(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().all(|(name, value)| untag(name).0 == 'S' && names_are_texts(value))
        }
        Value::Array(values) => values.iter().all(names_are_texts),
        _ => true,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn field(value: &Value) -> Field {
    match value {
        Value::Null => Field::Null,
        Value::String(text) => match untag(text) {
            ('N', digits) => Field::Number(digits.to_owned()),
            (_, text) => Field::Text(text.to_owned()),
        },
        _ => Field::Other,
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

fn checked(text: String) -> Result<String, Reason> {
    if text.chars().count() > 1000 || text.contains('\0') { Err(Reason::BadText) } else { Ok(text) }
}

fn optional_text(field: Field) -> Result<Option<String>, Reason> {
    match field {
        Field::Null => Ok(None),
        Field::Text(text) if is_blank(&text) => Ok(None),
        Field::Text(text) => checked(text).map(Some),
        _ => Err(Reason::WrongType),
    }
}

fn code(field: Field) -> Result<String, Reason> {
    match field {
        Field::Null => Err(Reason::MissingField),
        Field::Text(text) if is_blank(&text) => Err(Reason::EmptyField),
        Field::Text(text) => checked(text),
        Field::Number(digits) if digits.contains(['-', '.', 'e', 'E']) => Err(Reason::BadNumber),
        Field::Number(digits) => checked(digits),
        Field::Other => Err(Reason::WrongType),
    }
}

fn number(field: Field) -> Result<Option<String>, Reason> {
    match field {
        Field::Null => Ok(None),
        Field::Text(text) | Field::Number(text) => Ok(Some(text)),
        Field::Other => Err(Reason::WrongType),
    }
}

/// The number times 10^`scale`, by writing out all its digits.
fn scaled(text: &str, scale: usize) -> Result<i128, Reason> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{c}']);
    let (minus, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    for digits in [&digits, exponent_digits] {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Reason::BadNumber);
        }
    }
    // More than the digits of any message here make up for.
    let shift = exponent_digits.parse::<usize>().unwrap_or(usize::MAX).min(10_000);
    let zeros = "0".repeat(shift);
    let (digits, point) = if exponent.starts_with('-') {
        (format!("{zeros}{digits}"), whole.len())
    } else {
        (format!("{digits}{zeros}"), whole.len() + shift)
    };
    let (whole, fraction) = digits.split_at(point);
    let fraction = format!("{fraction}{}", "0".repeat(scale));
    let (kept, lost) = fraction.split_at(scale);
    if lost.contains(|digit| digit != '0') {
        return Err(Reason::BadNumber);
    }
    let value = format!("{whole}{kept}");
    let value = value.trim_start_matches('0');
    if value.len() > 30 {
        return Err(Reason::OutOfRange);
    }
    format!("{minus}0{value}").parse().map_err(|_| Reason::OutOfRange)
}

fn instant(field: Field, limits: &Limits) -> Result<Timestamp, Reason> {
    let text = match field {
        Field::Null => return Err(Reason::MissingField),
        Field::Text(text) => text,
        _ => return Err(Reason::WrongType),
    };
    let parse = |text: &str| {
        let formats = [DateFormat::Iso8601, DateFormat::Sql];
        formats.into_iter().find_map(|format| format.parse(text.as_bytes()))
    };
    if let Some(instant) = parse(&text) {
        let is_within = (limits.earliest..=limits.latest).contains(&instant);
        return if is_within { Ok(instant) } else { Err(Reason::DateOutOfRange) };
    }
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{c}']);
    if let Some((year, rest)) = text.split_at_checked(4)
        && year.bytes().all(|byte| byte.is_ascii_digit())
    {
        let year: i32 = year.parse().expect("four digits");
        let is_leap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0;
        if parse(&format!("1999{rest}")).is_some()
            || is_leap && parse(&format!("1996{rest}")).is_some()
        {
            return Err(Reason::DateOutOfRange);
        }
    }
    Err(Reason::BadDate)
}
