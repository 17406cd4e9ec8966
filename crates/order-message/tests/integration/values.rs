//! What the values of a field are read as, one value a case.

use order_message::{Decoder, Order, Reason};
use order_model::Money;

use crate::rules::{limits, with};

/// Each value in the field gives this, an order with `part` applied or a reason.
fn check_values<T: std::fmt::Debug + PartialEq>(
    field: &str,
    part: impl Fn(&Order<'_>) -> T,
    cases: &[(&str, Result<T, Reason>)],
) {
    let mut decoder = Decoder::new();
    for (value, expected) in cases {
        let message = with(field, value);
        let found = decoder.decode(Some(message.as_bytes()), &limits());
        let found = found.as_ref().map(&part).map_err(|rejection| rejection.reason());
        assert_eq!(found.as_ref(), expected.as_ref(), "{field}: {value}");
    }
}

#[test]
fn codes() {
    for field in ["invoice_no", "stock_code"] {
        let part = |order: &Order<'_>| match field {
            "invoice_no" => order.invoice_no.to_owned(),
            _ => order.stock_code.to_owned(),
        };
        let of = |text: &str| Ok(text.to_owned());
        check_values(
            field,
            part,
            &[
                ("\"C536379\"", of("C536379")),
                ("\" a b \"", of(" a b ")),
                (r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\uDE00""#, of("\"\\/\u{8}\u{c}\n\r\té😀")),
                ("\"naïve 🫖\"", of("naïve 🫖")),
                ("0", of("0")),
                ("1234567", of("1234567")),
                ("12345678", of("12345678")),
                ("123456789012345678901234567890", of("123456789012345678901234567890")),
                ("-1", Err(Reason::BadNumber)),
                ("1.0", Err(Reason::BadNumber)),
                ("1e5", Err(Reason::BadNumber)),
                ("12345678.5", Err(Reason::BadNumber)),
                ("\"\"", Err(Reason::EmptyField)),
                ("\" \"", Err(Reason::EmptyField)),
                (r#""\t\u00a0""#, Err(Reason::EmptyField)),
                (r#""a\u0000""#, Err(Reason::BadText)),
                (&format!("\"{}\"", "é".repeat(1000)), of(&"é".repeat(1000))),
                (&format!("\"{}\"", "x".repeat(1001)), Err(Reason::BadText)),
                (&"1".repeat(1001), Err(Reason::BadText)),
            ],
        );
    }
}

#[test]
fn texts() {
    for field in ["description", "country"] {
        let part = |order: &Order<'_>| {
            let text = if field == "country" { order.country } else { order.description };
            text.map(str::to_owned)
        };
        let of = |text: &str| Ok(Some(text.to_owned()));
        check_values(
            field,
            part,
            &[
                ("\"\"", Ok(None)),
                ("\"  \"", Ok(None)),
                (r#""\n\u2003""#, Ok(None)),
                ("\" x\"", of(" x")),
                ("\"Côte d'Ivoire\"", of("Côte d'Ivoire")),
                (r#""12\" x 8\"""#, of("12\" x 8\"")),
                (r#""\u0000""#, Err(Reason::BadText)),
                (&format!("\"{}\"", r"\u20ac".repeat(1000)), of(&"€".repeat(1000))),
                (&format!("\"{}\"", r"\u20ac".repeat(1001)), Err(Reason::BadText)),
            ],
        );
    }
}

#[test]
fn quantities() {
    check_values(
        "quantity",
        |order| order.quantity,
        &[
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-80995", Ok(-80_995)),
            ("9999999", Ok(9_999_999)),
            ("10000000", Ok(10_000_000)),
            ("2147483647", Ok(i32::MAX)),
            ("-2147483648", Ok(i32::MIN)),
            ("6.000", Ok(6)),
            ("-6.00000000000", Ok(-6)),
            ("6e0", Ok(6)),
            ("60E-1", Ok(6)),
            ("0e5", Ok(0)),
            ("\"-12\"", Ok(-12)),
            (r#""\u0031"#, Err(Reason::NotJson)),
            (r#""\u0031""#, Ok(1)),
            ("2147483648", Err(Reason::OutOfRange)),
            ("-2147483649", Err(Reason::OutOfRange)),
            ("1e10", Err(Reason::OutOfRange)),
            ("1e999999999999999999999", Err(Reason::OutOfRange)),
            ("123456789012345678901234567890", Err(Reason::OutOfRange)),
            ("6.5", Err(Reason::BadNumber)),
            ("1e-1", Err(Reason::BadNumber)),
            ("1e-999999999999999999999", Err(Reason::BadNumber)),
            ("\"\"", Err(Reason::BadNumber)),
            ("\"six\"", Err(Reason::BadNumber)),
            ("\"+6\"", Err(Reason::BadNumber)),
            ("\"6 \"", Ok(6)),
        ],
    );
}

#[test]
fn prices() {
    let price = |value| Ok(Money::from_ten_thousandths(value));
    check_values(
        "unit_price",
        |order| order.unit_price,
        &[
            ("0", price(0)),
            ("-0.0", price(0)),
            ("18", price(180_000)),
            ("2.5", price(25_000)),
            ("0.0001", price(1)),
            ("-11062.06", price(-110_620_600)),
            ("1.23450", price(12_345)),
            ("1.2345000000000000000000", price(12_345)),
            ("2.55e0", price(25_500)),
            ("1e2", price(1_000_000)),
            ("1E-4", price(1)),
            ("99999999999999.9999", price(999_999_999_999_999_999)),
            // As a float this would be 100000000000000.01.
            ("99999999999999.01", price(999_999_999_999_990_100)),
            ("\"2.55\"", price(25_500)),
            ("\".5\"", price(5_000)),
            ("0.00001", Err(Reason::BadNumber)),
            ("2.55001", Err(Reason::BadNumber)),
            ("1e-5", Err(Reason::BadNumber)),
            ("\"2,55\"", Err(Reason::BadNumber)),
            ("\"£2.55\"", Err(Reason::BadNumber)),
            ("\"\"", Err(Reason::BadNumber)),
            ("\"NaN\"", Err(Reason::BadNumber)),
            ("100000000000000", Err(Reason::OutOfRange)),
            ("-1e14", Err(Reason::OutOfRange)),
            ("1e400", Err(Reason::OutOfRange)),
        ],
    );
}

#[test]
fn customers() {
    check_values(
        "customer_id",
        |order| order.customer_id,
        &[
            ("1", Ok(Some(1))),
            ("12345678", Ok(Some(12_345_678))),
            ("9223372036854775807", Ok(Some(i64::MAX))),
            ("1.785e4", Ok(Some(17_850))),
            ("\"17850\"", Ok(Some(17_850))),
            ("\"17850.0\"", Ok(Some(17_850))),
            ("\"\"", Ok(None)),
            ("\" \"", Ok(None)),
            ("0", Err(Reason::OutOfRange)),
            ("-0.0", Err(Reason::OutOfRange)),
            ("-17850", Err(Reason::OutOfRange)),
            ("9223372036854775808", Err(Reason::OutOfRange)),
            ("17850.5", Err(Reason::BadNumber)),
            ("\"x\"", Err(Reason::BadNumber)),
        ],
    );
}

#[test]
fn dates() {
    let at = |text: &str| Ok(text.to_owned());
    check_values(
        "invoice_date",
        |order| order.event_time.to_string(),
        &[
            ("\"1990-01-01T00:00:00Z\"", at("1990-01-01 00:00:00")),
            ("\"2011-12-10T00:00:00Z\"", at("2011-12-10 00:00:00")),
            ("\"2010-12-01T08:26:00.123456789Z\"", at("2010-12-01 08:26:00.123456")),
            (r#""2010-12-01\u002008:26:00""#, at("2010-12-01 08:26:00")),
            ("\"2011-12-10T01:00:00+01:00\"", at("2011-12-10 00:00:00")),
            ("\"1989-12-31T23:59:59Z\"", Err(Reason::DateOutOfRange)),
            ("\"2011-12-10T00:00:01Z\"", Err(Reason::DateOutOfRange)),
            ("\"1970-01-01T00:00:00Z\"", Err(Reason::DateOutOfRange)),
            ("\"0001-01-01T00:00:00Z\"", Err(Reason::DateOutOfRange)),
            ("\"9999-12-31 23:59:59\"", Err(Reason::DateOutOfRange)),
            ("\"2010-02-30T08:26:00Z\"", Err(Reason::BadDate)),
            ("\"2100-02-29T08:26:00Z\"", Err(Reason::BadDate)),
            ("\"12/1/2010 8:26\"", Err(Reason::BadDate)),
            ("\"1291191960\"", Err(Reason::BadDate)),
            ("\"\"", Err(Reason::BadDate)),
            ("\"yesterday\"", Err(Reason::BadDate)),
        ],
    );
}
