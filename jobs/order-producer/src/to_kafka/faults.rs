//! Messages that are no orders, in the ways that messages go wrong: each is made of a good one.

use std::ops::Range;

use order_generator::Random;
use serde::{Deserialize, Serialize};

/// Characters of a text that no field of an order holds.
const OVERSIZED: usize = 100_000;
/// Of a thousand malformed messages so many are oversized: a few megabytes for a hundred thousand of them.
const OVERSIZED_IN_1000: u32 = 5;

/// A way in which a message is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Text of another kind, JSON that ends too early or too late.
    NotJson,
    /// JSON, but no object, or one around the order.
    OtherShape,
    /// A field that every order has is not there.
    MissingField,
    /// A field holds something else than it should: a list, an object, `true`.
    WrongType,
    /// Numbers beyond all types.
    HugeNumber,
    /// `NaN` and the infinities, which some libraries write and JSON does not have.
    NotANumber,
    /// A NUL in a text, as it is or escaped.
    NullByte,
    /// A description of 100,000 characters.
    Oversized,
    /// Days that do not exist, in 1970, in 2100, or in words.
    BadDate,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// A field twice.
    DuplicateField,
    /// No value at all, which Kafka calls a tombstone, or one of no bytes.
    Empty,
}

impl Fault {
    pub(super) const ALL: [Fault; 12] = [
        Fault::NotJson,
        Fault::OtherShape,
        Fault::MissingField,
        Fault::WrongType,
        Fault::HugeNumber,
        Fault::NotANumber,
        Fault::NullByte,
        Fault::Oversized,
        Fault::BadDate,
        Fault::NotUtf8,
        Fault::DuplicateField,
        Fault::Empty,
    ];

    /// As in settings and totals.
    pub(super) fn name(self) -> &'static str {
        match self {
            Fault::NotJson => "not_json",
            Fault::OtherShape => "other_shape",
            Fault::MissingField => "missing_field",
            Fault::WrongType => "wrong_type",
            Fault::HugeNumber => "huge_number",
            Fault::NotANumber => "not_a_number",
            Fault::NullByte => "null_byte",
            Fault::Oversized => "oversized",
            Fault::BadDate => "bad_date",
            Fault::NotUtf8 => "not_utf8",
            Fault::DuplicateField => "duplicate_field",
            Fault::Empty => "empty",
        }
    }

    /// One of `faults`, an oversized one seldom if there are others.
    pub(super) fn draw(faults: &[Fault], random: &mut Random) -> Option<Fault> {
        loop {
            let fault = *faults.get(random.below(faults.len() as u32) as usize)?;
            let seldom = OVERSIZED_IN_1000 * faults.len() as u32;
            if fault != Fault::Oversized || faults.len() == 1 || random.below(1_000) < seldom {
                return Some(fault);
            }
        }
    }

    /// Makes such a message in `out`, which is emptied first; false if it has no value at all. `good` is an order as
    /// [`order_message::encode`] writes it.
    pub(super) fn make(self, good: &[u8], random: &mut Random, out: &mut Vec<u8>) -> bool {
        out.clear();
        // Without their last byte, the closing brace.
        let open = &good[..good.len().saturating_sub(1)];
        match self {
            Fault::NotJson => match random.below(4) {
                0 => out.extend_from_slice(&good[..good.len() / 2]),
                1 => out.extend_from_slice(b"<order><invoiceNo>536365</invoiceNo></order>"),
                2 => out.extend_from_slice(b"536365;85123A;6;2.55"),
                _ => push_all(out, &[good, b"}"]),
            },
            Fault::OtherShape => match random.below(5) {
                0 => push_all(out, &[b"[", good, b"]"]),
                1 => push_all(out, &[b"{\"order\":", good, b"}"]),
                2 => out.extend_from_slice(b"\"536365\""),
                3 => out.extend_from_slice(b"536365"),
                _ => out.extend_from_slice(b"null"),
            },
            Fault::MissingField => {
                let fields = ["stock_code", "quantity", "invoice_date", "unit_price"];
                let field = random.pick(&fields).unwrap_or("quantity");
                let value = value_of(good, field);
                // With the comma before its name: it is not the first field.
                let start = value.start.saturating_sub(field.len() + 4);
                push_all(out, &[&good[..start], &good[value.end..]]);
            }
            Fault::WrongType => {
                let values = [
                    ("quantity", "{\"n\":6}"),
                    ("quantity", "[6]"),
                    ("unit_price", "true"),
                    ("unit_price", "{\"amount\":2.55}"),
                    ("invoice_date", "20111209"),
                    ("stock_code", "[\"85123A\"]"),
                ];
                replace_one(out, good, &values, random);
            }
            Fault::HugeNumber => {
                let values = [
                    ("quantity", "3000000000"),
                    ("quantity", "99999999999999999999"),
                    ("unit_price", "1e400"),
                    ("unit_price", "99999999999999999999.99"),
                ];
                replace_one(out, good, &values, random);
            }
            Fault::NotANumber => {
                let values = [
                    ("quantity", "NaN"),
                    ("unit_price", "NaN"),
                    ("unit_price", "Infinity"),
                    ("unit_price", "-Infinity"),
                ];
                replace_one(out, good, &values, random);
            }
            Fault::NullByte => {
                let values =
                    [("stock_code", "\"851\u{0}23A\""), ("stock_code", "\"851\\u000023A\"")];
                replace_one(out, good, &values, random);
            }
            Fault::Oversized => {
                let value = value_of(good, "stock_code");
                push_all(out, &[&good[..value.start], b"\""]);
                out.resize(out.len() + OVERSIZED, b'X');
                push_all(out, &[b"\"", &good[value.end..]]);
            }
            Fault::BadDate => {
                let values = [
                    ("invoice_date", "\"1970-01-01T00:00:00Z\""),
                    ("invoice_date", "\"2100-01-01T00:00:00Z\""),
                    ("invoice_date", "\"2011-02-30T12:00:00Z\""),
                    ("invoice_date", "\"12/1/2010 8:26\""),
                    ("invoice_date", "\"yesterday\""),
                    ("invoice_date", "\"\""),
                ];
                replace_one(out, good, &values, random);
            }
            Fault::NotUtf8 => {
                let value = value_of(good, "stock_code");
                push_all(out, &[&good[..value.start], b"\"caf\xe9\"", &good[value.end..]]);
            }
            Fault::DuplicateField => push_all(out, &[open, b",\"quantity\":7}"]),
            Fault::Empty => return random.chance(0.5),
        }
        true
    }
}

fn push_all(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn replace_one(out: &mut Vec<u8>, good: &[u8], values: &[(&str, &str)], random: &mut Random) {
    let index = random.below(values.len() as u32) as usize;
    let Some((field, new)) = values.get(index) else { return };
    let value = value_of(good, field);
    push_all(out, &[&good[..value.start], new.as_bytes(), &good[value.end..]]);
}

/// Where the value of a field is that is not the message's first. A name with its quotes and its comma stands nowhere else:
/// inside a text there would be backslashes before the quotes.
fn value_of(good: &[u8], field: &str) -> Range<usize> {
    let name = format!(",\"{field}\":");
    let start = good
        .windows(name.len())
        .position(|window| window == name.as_bytes())
        .map_or(good.len(), |at| at + name.len());
    let rest = &good[start..];
    let len = match rest.first() {
        Some(b'"') => {
            let mut escaped = false;
            let end = rest[1..].iter().position(|&byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        }
        _ => rest.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(rest.len()),
    };
    start..start + len
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use order_message::{Decoder, Limits, Order, encode};
    use order_model::{Date, Money};

    use super::*;

    fn good(description: Option<&str>, customer_id: Option<i64>) -> Vec<u8> {
        let mut out = Vec::new();
        let order = Order {
            invoice_no: "600000",
            stock_code: "71053",
            description,
            quantity: 6,
            event_time: Date::from_ymd(2026, 1, 2).unwrap().midnight(),
            unit_price: Money::parse(b"3.39").unwrap(),
            customer_id,
            country: Some("EIRE"),
        };
        encode(&order, &mut out);
        out
    }

    #[test]
    fn no_fault_is_an_order_and_each_has_reasons_of_its_own() {
        let limits = Limits::until(Date::from_ymd(2026, 1, 3).unwrap().midnight());
        let mut decoder = Decoder::new();
        let bases = [
            good(Some("WHITE METAL LANTERN"), Some(17_850)),
            good(Some("A \",\"quantity\":9,\" \\"), None),
            good(None, Some(1)),
        ];
        for base in &bases {
            assert!(decoder.decode(Some(base), &limits).is_ok());
            for fault in Fault::ALL {
                let mut random = Random::of_part(1, 1);
                let mut out = Vec::new();
                let mut seen = HashSet::new();
                let mut reasons = HashSet::new();
                for _ in 0..100 {
                    let value = fault.make(base, &mut random, &mut out).then_some(out.as_slice());
                    let rejection = decoder.decode(value, &limits).err().unwrap_or_else(|| {
                        panic!("{}: {}", fault.name(), String::from_utf8_lossy(&out))
                    });
                    reasons.insert(rejection.reason().as_str());
                    seen.insert(value.map(<[u8]>::to_vec));
                }
                let expected: &[&str] = match fault {
                    Fault::NotJson | Fault::NotANumber => &["not_json"],
                    Fault::OtherShape => &["not_an_object", "missing_field"],
                    Fault::MissingField => &["missing_field"],
                    Fault::WrongType => &["wrong_type"],
                    Fault::HugeNumber => &["out_of_range"],
                    Fault::NullByte => &["not_json", "bad_text"],
                    Fault::Oversized => &["bad_text"],
                    Fault::BadDate => &["bad_date", "date_out_of_range"],
                    Fault::NotUtf8 => &["not_utf8"],
                    Fault::DuplicateField => &["duplicate_field"],
                    Fault::Empty => &["tombstone", "not_json"],
                };
                assert_eq!(reasons, expected.iter().copied().collect(), "{}", fault.name());
                let single =
                    matches!(fault, Fault::Oversized | Fault::NotUtf8 | Fault::DuplicateField);
                assert_eq!(seen.len() == 1, single, "{}", fault.name());
            }
        }
    }

    #[test]
    fn a_missing_field_leaves_all_others() {
        let base = good(Some("OWL"), Some(1));
        let mut random = Random::of_part(2, 2);
        let mut out = Vec::new();
        let mut found = HashSet::new();
        for _ in 0..50 {
            Fault::MissingField.make(&base, &mut random, &mut out);
            let text = String::from_utf8(out.clone()).unwrap();
            assert!(
                text.starts_with("{\"invoice_no\":\"600000\",") && text.ends_with('}'),
                "{text}"
            );
            assert_eq!(text.matches("\":").count(), 7, "{text}");
            found.insert(text);
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn names_are_those_of_the_settings() {
        #[derive(Deserialize)]
        struct Setting {
            faults: Vec<Fault>,
        }
        let names = Fault::ALL.map(|fault| format!("\"{}\"", fault.name())).join(", ");
        let setting: Setting = toml::from_str(&format!("faults = [{names}]")).unwrap();
        assert_eq!(setting.faults, Fault::ALL);
    }

    #[test]
    fn oversized_messages_are_seldom_and_may_be_asked_for() {
        let mut random = Random::of_part(3, 3);
        let oversized = (0..100_000)
            .filter(|_| Fault::draw(&Fault::ALL, &mut random) == Some(Fault::Oversized))
            .count();
        assert!((300..800).contains(&oversized), "{oversized}");
        assert_eq!(Fault::draw(&[Fault::Oversized], &mut random), Some(Fault::Oversized));
        assert_eq!(Fault::draw(&[], &mut random), None);
    }
}
