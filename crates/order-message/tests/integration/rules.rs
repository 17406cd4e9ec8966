//! What is an order and what is not, one message a case.

use order_message::{Decoder, Limits, Order, Reason};
use order_model::{Date, Money, Timestamp};

const FULL: &str = r#"{"invoice_no":"536365","stock_code":"85123A","description":"WHITE HANGING HEART","quantity":6,"invoice_date":"2010-12-01T08:26:00Z","unit_price":2.55,"customer_id":17850,"country":"United Kingdom"}"#;

pub(crate) fn limits() -> Limits {
    Limits::until(Date::from_ymd(2011, 12, 10).unwrap().midnight())
}

/// What is made of a message; the texts are given back as they are printed for debugging.
fn outcome(message: &str) -> Result<String, Reason> {
    let mut decoder = Decoder::new();
    let found = decoder.decode(Some(message.as_bytes()), &limits());
    found.map(|order| format!("{order:?}")).map_err(|rejection| rejection.reason())
}

/// [`FULL`] with another value in a field; with `""` without the field.
pub(crate) fn with(field: &str, value: &str) -> String {
    let start = FULL.find(&format!("\"{field}\":")).unwrap();
    let tail = &FULL[start..];
    let end = start + tail.find(",\"").unwrap_or(tail.len() - 1);
    let member =
        if value.is_empty() { "\"other\":0".to_owned() } else { format!("\"{field}\":{value}") };
    format!("{}{member}{}", &FULL[..start], &FULL[end..])
}

fn check_reason(messages: &[&str], reason: Reason) {
    for message in messages {
        assert_eq!(outcome(message), Err(reason), "{message}");
    }
}

#[test]
fn a_full_message() {
    let mut decoder = Decoder::new();
    let order = decoder.decode(Some(FULL.as_bytes()), &limits()).unwrap();
    let expected = Order {
        invoice_no: "536365",
        stock_code: "85123A",
        description: Some("WHITE HANGING HEART"),
        quantity: 6,
        event_time: Timestamp::from_micros(1_291_191_960_000_000),
        unit_price: Money::from_ten_thousandths(25_500),
        customer_id: Some(17_850),
        country: Some("United Kingdom"),
    };
    assert_eq!(order, expected);
}

#[test]
fn the_same_order_in_other_words() {
    let expected = outcome(FULL);
    assert!(expected.is_ok());
    let body = &FULL[1..FULL.len() - 1];
    let mut members: Vec<&str> = body.split(",\"").collect();
    members.reverse();
    let reversed = members.iter().map(|member| format!("\"{}", member.trim_start_matches('"')));
    let reversed = format!("{{{}}}", reversed.collect::<Vec<_>>().join(","));
    let nested = format!("{}0{}", "[{\"\":".repeat(31), "}]".repeat(31));
    for message in [
        reversed,
        FULL.replace(':', " :\t").replace("T08 :\t26 :\t00Z", "T08:26:00Z"),
        FULL.replace(",\"", "\r\n , \"").replace('{', " { ").replace('}', "\n}\n "),
        FULL.replace("\"invoice_no\"", "\"\\u0069nvoice_no\""),
        FULL.replace("country", r"\u0063\u006F\u0075\u006e\u0074\u0072\u0079"),
        FULL.replace("WHITE HANGING", r"\u0057HITE\u0020HANGING"),
        FULL.replace("\"536365\"", "536365"),
        FULL.replace("\"536365\"", r#""5\u00336365""#),
        FULL.replace(":6,", ":6.0,"),
        FULL.replace(":6,", ":\"6\","),
        FULL.replace(":6,", ":0.6e+1,"),
        FULL.replace("2.55", "255e-2"),
        FULL.replace("2.55", "\"2.5500\""),
        FULL.replace("17850", "17850.0"),
        FULL.replace("17850", "\" 17850.00 \""),
        FULL.replace("2010-12-01T08:26:00Z", "2010-12-01 08:26:00"),
        FULL.replace("2010-12-01T08:26:00Z", "2010-12-01T10:26:00.000+02:00"),
        FULL.replace(
            '{',
            r#"{"version":1.5e300,"tags":["a\"b",true,null,{}],"Country":"France","":[],"#,
        ),
        FULL.replace('{', &format!("{{\"deep\":{nested},")),
        FULL.replace('}', ",\"quantity \":7,\"other\":1,\"other\":2}"),
    ] {
        assert_eq!(outcome(&message), expected, "{message}");
    }
}

#[test]
fn a_message_without_a_value() {
    let mut decoder = Decoder::new();
    let rejection = decoder.decode(None, &limits()).unwrap_err();
    assert_eq!(rejection.reason(), Reason::Tombstone);
}

#[test]
fn sizes() {
    let mut decoder = Decoder::new();
    let limits = Limits { max_bytes: FULL.len(), ..limits() };
    assert!(decoder.decode(Some(FULL.as_bytes()), &limits).is_ok());
    // Even if all of it is space.
    let longer = format!("{FULL} ");
    let rejection = decoder.decode(Some(longer.as_bytes()), &limits).unwrap_err();
    assert_eq!(rejection.reason(), Reason::TooLarge);
    assert_eq!(
        rejection.to_string(),
        format!("{} bytes; at most {} are read", longer.len(), FULL.len())
    );
}

#[test]
fn bytes_that_are_no_text() {
    let mut decoder = Decoder::new();
    for bytes in
        [&b"\xff"[..], b"{\"a\":\"\xc3\"}", b"\x1f\x8b\x08\x00", b"{\"a\":\"\xed\xa0\x80\"}"]
    {
        let rejection = decoder.decode(Some(bytes), &limits()).unwrap_err();
        assert_eq!(rejection.reason(), Reason::NotUtf8, "{bytes:?}");
    }
}

#[test]
fn text_that_is_no_json() {
    check_reason(
        &[
            "",
            " ",
            "{",
            "}",
            "nul",
            "nulL",
            "True",
            "NaN",
            "Infinity",
            "-",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "0x1",
            "1 2",
            "\u{feff}{}",
            "{}x",
            "{}{}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{1:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\" 1}",
            "[1,]",
            "[1 2]",
            "[1}",
            "[",
            "[1",
            "{\"a\":[}",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\u+123\"",
            "\"a\nb\"",
            "\"\u{1f}\"",
            "{\"a\u{0}\":1}",
            "\u{a0}{}",
            "// x\n{}",
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\u0041""#,
            r#""\ud800\ud800""#,
            r#""\ud800x""#,
            r#"{"\udfff":1}"#,
            "truefalse",
            "536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom",
        ],
        Reason::NotJson,
    );
    for damaged in [
        FULL.replace("2.55", "NaN"),
        FULL.replace("2.55", "2.55.1"),
        FULL.replace("2.55", "02.55"),
        FULL.replace("2.55", "2.55e"),
        FULL.replace(":6,", ":06,"),
        FULL.replace(":6,", ":-,"),
        FULL.replace(":6,", ":6"),
        FULL.replace("HEART", "HE\tART"),
        FULL.replace('}', ",\"other\":[01]}"),
        FULL.replace('}', ",\"other\":\"\\ud83d\"}"),
        format!("{FULL}\0"),
        FULL[..FULL.len() - 1].to_owned(),
    ] {
        check_reason(&[&damaged], Reason::NotJson);
    }
    // Every message that is cut off.
    for end in 0..FULL.len() {
        check_reason(&[&FULL[..end]], Reason::NotJson);
    }
}

#[test]
fn nesting() {
    let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check_reason(&[&lists(64)], Reason::NotAnObject);
    check_reason(&[&lists(65), &lists(100_000), &"[".repeat(1_000_000)], Reason::NotJson);
    let within = |depth| FULL.replace('}', &format!(",\"other\":{}}}", lists(depth)));
    assert!(outcome(&within(63)).is_ok());
    check_reason(&[&within(64)], Reason::NotJson);
    // Closed levels do not add up.
    let wide = format!("[{}]", vec!["[[]]"; 1000].join(","));
    assert!(outcome(&FULL.replace('}', &format!(",\"other\":{wide}}}"))).is_ok());
}

#[test]
fn json_that_is_no_object() {
    let inner = format!("[{FULL}]");
    check_reason(
        &["null", "true", "0", " \"a\" ", "[]", "[{}]", &inner, r#""\ud83d\ude00""#],
        Reason::NotAnObject,
    );
}

#[test]
fn fields_that_are_there_twice() {
    let again = |member: &str| FULL.replace('}', &format!(",{member}}}"));
    check_reason(
        &[
            &again("\"quantity\":6"),
            &again("\"quantity\":null"),
            &again("\"\\u0071uantity\":[]"),
            &FULL.replace('{', "{\"country\":null,"),
            // Also of a message that breaks later rules.
            "{\"country\":1,\"country\":2}",
        ],
        Reason::DuplicateField,
    );
    check_reason(&[&again("\"quantity\":6,\"x\":")], Reason::NotJson);
}

#[test]
fn fields_that_are_missing() {
    let required = ["invoice_no", "stock_code", "quantity", "invoice_date", "unit_price"];
    for field in required {
        check_reason(&[&with(field, ""), &with(field, "null")], Reason::MissingField);
    }
    for field in ["description", "customer_id", "country"] {
        assert!(outcome(&with(field, "")).is_ok(), "{field}");
        assert!(outcome(&with(field, "null")).is_ok(), "{field}");
    }
    check_reason(&["{}", r#"{"a":1}"#, r#"{"message":{"invoice_no":"1"}}"#], Reason::MissingField);
}

#[test]
fn values_of_another_type() {
    for field in ["invoice_no", "stock_code", "quantity", "invoice_date", "unit_price"] {
        for value in ["true", "false", "[]", "{}", "[\"1\"]"] {
            check_reason(&[&with(field, value)], Reason::WrongType);
        }
    }
    for value in ["true", "[]", "{\"id\":1}"] {
        check_reason(&[&with("customer_id", value)], Reason::WrongType);
    }
    for field in ["description", "country", "invoice_date"] {
        check_reason(&[&with(field, "1"), &with(field, "20101201082600")], Reason::WrongType);
    }
}

#[test]
fn the_first_rule_that_is_broken_counts() {
    // Each message breaks a rule and all later ones of the list.
    let bad =
        r#""country":"a\u0000","invoice_no":" ","invoice_date":"1900-01-01","stock_code":"1""#;
    for (members, reason) in [
        ("\"quantity\":1,\"unit_price\":1", Reason::DateOutOfRange),
        ("\"quantity\":1e10,\"unit_price\":1", Reason::OutOfRange),
        ("\"quantity\":1e10,\"unit_price\":\"\"", Reason::BadNumber),
        ("\"quantity\":\"\",\"unit_price\":[]", Reason::WrongType),
        ("\"quantity\":[]", Reason::MissingField),
        ("\"quantity\":[],\"country\":1", Reason::DuplicateField),
        ("\"quantity\":[],\"country\":1,", Reason::NotJson),
    ] {
        check_reason(&[&format!("{{{bad},{members}}}")], reason);
    }
    check_reason(
        &[&format!("{{{bad},\"quantity\":1,\"unit_price\":1}}").replace("1900-", "")],
        Reason::BadDate,
    );
}

#[test]
fn details_say_where_and_what() {
    let mut decoder = Decoder::new();
    let mut detail = |message: &str| {
        decoder.decode(Some(message.as_bytes()), &limits()).unwrap_err().to_string()
    };
    assert_eq!(
        detail("{\"a\":1"),
        "byte 6: expected , or } after a value, found the end of the message"
    );
    assert_eq!(detail("{\"a\":x}"), "byte 5: expected a JSON value, found x}");
    assert_eq!(detail(" [1]"), "byte 1: a JSON object is needed, found [1]");
    assert_eq!(detail("{}"), "invoice_no: the field is missing or null");
    assert_eq!(
        detail(&with("quantity", "6.5")),
        "quantity at byte 92: not a whole number, found 6.5"
    );
    assert_eq!(
        detail(&with("country", r#""\u0000Ü\u202e""#)),
        r#"country at byte 180: a NUL character is in it, found "\u0000Ü\u202e""#
    );
    let long = detail(&with("invoice_date", &format!("\"{}\"", "9".repeat(500))));
    let shown = format!("\"{}…", "9".repeat(79));
    assert_eq!(
        long,
        format!(
            "invoice_date at byte 109: neither ISO 8601 nor yyyy-MM-dd HH:mm:ss, found {shown}"
        )
    );
}
