//! Messages that are no orders: each is kept as it came, and changes no other one.

use crate::support::orders::{Message, Orders};
use crate::support::tables::Tables;

use super::{ORDER, Shop, kept, order, rejected, with};

/// Values that are rejected, the reason, and a part of what is said about it.
fn rejected_values() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let (date, id) = ("\"2011-12-09T12:50:00Z\"", "\"customer_id\":1");
    let (code, price) = ("\"85123A\"", "2.55");
    let long = "x".repeat(1_001);
    let text: Vec<(String, &str, &str)> = vec![
        // not JSON
        (String::new(), "not_json", "found the end of the message"),
        ("no order".to_owned(), "not_json", "byte 0"),
        (ORDER[..ORDER.len() - 1].to_owned(), "not_json", "found the end of the message"),
        (format!("{ORDER}{ORDER}"), "not_json", "found {"),
        (format!("\u{feff}{ORDER}"), "not_json", "byte 0"),
        (with("LANTERN", "LAN\0TERN"), "not_json", "control characters"),
        (with("LANTERN", r"\ud800"), "not_json", "surrogate"),
        (with(price, "NaN"), "not_json", "found NaN"),
        (with(price, "Infinity"), "not_json", "found Infinity"),
        (with(":6,", ":06,"), "not_json", ""),
        ("[".repeat(100_000), "not_json", ""),
        (ORDER.replace('"', "'"), "not_json", ""),
        ("536365,85123A,LANTERN,6,12/9/2011 12:50,2.55,1,France".to_owned(), "not_json", ""),
        // JSON of another shape
        (format!("[{ORDER}]"), "not_an_object", ""),
        ("null".to_owned(), "not_an_object", ""),
        ("42".to_owned(), "not_an_object", ""),
        (r#""order""#.to_owned(), "not_an_object", ""),
        (r#"{"order":1}"#.to_owned(), "missing_field", "invoice_no"),
        ("{}".to_owned(), "missing_field", "invoice_no"),
        // fields
        (with("\"invoice_no\":\"536365\",", ""), "missing_field", "invoice_no"),
        (with("\"stock_code\":\"85123A\",", ""), "missing_field", "stock_code"),
        (with("\"quantity\":6,", ""), "missing_field", "quantity"),
        (with(date, "null"), "missing_field", "invoice_date"),
        (with("\"unit_price\":2.55,", ""), "missing_field", "unit_price"),
        (with("quantity", "Quantity"), "missing_field", "quantity"),
        (with("{", "{\"quantity\":6,"), "duplicate_field", "quantity"),
        (with(":6,", ":true,"), "wrong_type", "quantity"),
        (with(":6,", ":[6],"), "wrong_type", "quantity"),
        (with(id, "\"customer_id\":{}"), "wrong_type", "customer_id"),
        (with("\"LANTERN\"", "5"), "wrong_type", "description"),
        (with("\"France\"", "false"), "wrong_type", "country"),
        (with(date, "20111209"), "wrong_type", "invoice_date"),
        // numbers
        (with(":6,", ":6.5,"), "bad_number", "quantity"),
        (with(":6,", ":\"six\","), "bad_number", "quantity"),
        (with(price, "2.55555"), "bad_number", "more than 4 decimals"),
        (with(price, "\"2,55\""), "bad_number", "unit_price"),
        (with(price, "\"NaN\""), "bad_number", "unit_price"),
        (with(id, "\"customer_id\":\"u1\""), "bad_number", "customer_id"),
        (with("\"536365\"", "-536365"), "bad_number", "invoice_no"),
        (with(":6,", ":2147483648,"), "out_of_range", "quantity"),
        (with(":6,", ":1e400,"), "out_of_range", "quantity"),
        (with(price, "100000000000000"), "out_of_range", "unit_price"),
        (with(price, &"9".repeat(10_000)), "out_of_range", "unit_price"),
        (with(id, "\"customer_id\":0"), "out_of_range", "customer_id"),
        (with(id, "\"customer_id\":-1"), "out_of_range", "customer_id"),
        (with(id, "\"customer_id\":9223372036854775808"), "out_of_range", "customer_id"),
        // dates
        (with(date, "\"soon\""), "bad_date", "found \"soon\""),
        (with(date, "\"2011-02-29T00:00:00Z\""), "bad_date", "invoice_date"),
        (with(date, "\"12/9/2011 12:50\""), "bad_date", "invoice_date"),
        (with(date, "\"1970-01-01T00:00:00Z\""), "date_out_of_range", "before the earliest"),
        (with(date, "\"1989-12-31T23:59:59Z\""), "date_out_of_range", "before the earliest"),
        (with(date, "\"2098-01-01T00:00:00Z\""), "date_out_of_range", "after the latest"),
        (with(date, "\"2100-01-01T00:00:00Z\""), "date_out_of_range", "1970 to 2099"),
        (with(date, "\"0001-01-01T00:00:00Z\""), "date_out_of_range", "1970 to 2099"),
        // texts
        (with("\"536365\"", "\"\""), "empty_field", "invoice_no"),
        (with(code, "\" \""), "empty_field", "stock_code"),
        (with("LANTERN", &long), "bad_text", "description"),
        (with("LANTERN", r"LAN\u0000TERN"), "bad_text", "NUL"),
    ];
    let mut all: Vec<_> =
        text.into_iter().map(|(value, reason, part)| (value.into_bytes(), reason, part)).collect();
    let (start, end) = ORDER.split_at(ORDER.find("TERN").unwrap());
    all.push(([start.as_bytes(), b"\xff\xfe", end.as_bytes()].concat(), "not_utf8", "not UTF-8"));
    let utf16: Vec<u8> = ORDER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    all.push((utf16, "not_json", ""));
    all.push((vec![0; 64], "not_json", "byte 0"));
    all
}

/// Keys as they come: none, an empty one, a customer, bytes of no character set.
fn key(number: usize) -> Option<Vec<u8>> {
    match number % 4 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(b"1".to_vec()),
        _ => Some(vec![0xff, 0, b'\n', number as u8]),
    }
}

#[test]
fn every_message_is_in_one_of_the_two_tables() {
    let shop = Shop::new(2);
    let values = rejected_values();
    let count = values.len() + 1;
    let mut messages: Vec<Message> = Vec::new();
    let mut details = Vec::new();
    let tombstone = Message { value: None, ..rejected("", "tombstone") };
    let bad = values.into_iter().map(|(value, reason, part)| (rejected(value, reason), part));
    for (n, (message, part)) in bad.chain([(tombstone, "has no value")]).enumerate() {
        details.push(part);
        messages.push(Message { key: key(n), ..message });
        // between two bad ones
        messages.push(Message { key: key(n + 1), ..kept(ORDER, order()) });
    }
    shop.topic.send_all(messages, 1);
    let ended = shop.job().catch_up();
    let mut tables = shop.place.check_at_rest(&shop.topic);
    assert_eq!((tables.tagged.len(), tables.rejected.len()), (count, count));
    tables.rejected.sort_by_key(|row| row.offset);
    let is_short = |text: &str| text.chars().count() < 300 && !text.contains(char::is_control);
    let wrong: Vec<_> = (tables.rejected.iter().zip(details))
        .filter(|(row, part)| !row.detail.contains(part) || !is_short(&row.detail))
        .map(|(row, part)| format!("no {part:?} in: {}\n", row.detail))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
    // The log is not where they are told of.
    assert!(ended.stderr.lines().count() < 40, "{ended}");
}

#[test]
fn long_messages() {
    let shop = Shop::new(3);
    let topic = shop.topic.producing_with(&[("message.max.bytes", "12000000")]);
    let order_of = |bytes: usize| {
        let empty = with("{", "{\"x\":\"\",");
        empty.replacen("\"\"", &format!("\"{}\"", "x".repeat(bytes - empty.len())), 1)
    };
    assert_eq!(order_of(5_000).len(), 5_000);
    // The broker keeps one that is larger than it should be as long as no other one comes.
    topic.send_all([rejected(order_of(10_000_000), "too_large")], 0);
    topic.send_all([rejected(order_of((1 << 20) + 1), "too_large")], 1);
    let good = [kept(ORDER, order()), kept(order_of(1 << 20), order()), kept(ORDER, order())];
    topic.send_all(good, 2);
    shop.job().catch_up();
    let tables = shop.place.check_at_rest(&shop.topic);
    let detail = "10000000 bytes; at most 1048576 are read";
    assert!(tables.rejected.iter().any(|row| row.detail == detail), "{:?}", tables.rejected.len());

    // What is too large is a setting.
    let shop = Shop::new(2);
    let topic = shop.topic.producing_with(&[("message.max.bytes", "12000000")]);
    topic.send_all([kept(order_of(10_000_000), order())], 0);
    shop.job().set("streaming.max_message", "10 MB").catch_up();
    shop.place.check_at_rest(&shop.topic);
    topic.send_all([kept(order_of(5_000), order()), rejected(order_of(5_001), "too_large")], 1);
    shop.job().set("streaming.max_message", "5000").catch_up();
    shop.place.check_at_rest(&shop.topic);
}

/// Microseconds, say, where milliseconds are asked for: brokers before Kafka 4 take them.
#[test]
fn times_that_no_table_can_hold() {
    const LAST: i64 = 253_402_300_799_999;
    let shop = Shop::new(1);
    let all = [1_700_000_000_000, LAST, LAST + 1, 1_700_000_000_000_000, i64::MAX / 1_000];
    for millis in all.into_iter().chain([i64::MAX / 1_000 + 1, i64::MAX]) {
        let topic = shop.topic.producing_at(millis);
        topic.send_all([kept(ORDER, order()), rejected("{", "not_json")], 0);
    }
    shop.job().catch_up();
    let tables = Tables::read(&shop.place);
    assert_eq!((tables.tagged.len(), tables.rejected.len()), (7, 7));
    let mut rejected = tables.rejected;
    rejected.sort_by_key(|row| row.offset);
    let times: Vec<_> = rejected.iter().map(|row| row.kafka_timestamp).collect();
    let known = [1_700_000_000_000, LAST].map(|millis| Some(millis * 1_000));
    assert_eq!(times, [&known[..], &[None; 5]].concat());
}

#[test]
fn bad_records_in_compressed_batches() {
    let shop = Shop::new(4);
    let mut orders = Orders::of_days(31, &["2011-12-08", "2011-12-09"]);
    for (partition, codec) in (0..).zip(["gzip", "snappy", "lz4", "zstd"]) {
        // All in one batch.
        let topic = shop.topic.producing_with(&[
            ("compression.type", codec),
            ("batch.num.messages", "1000"),
            ("linger.ms", "500"),
        ]);
        let mut messages: Vec<Message> = (0..50).map(|_| orders.next()).collect();
        messages.push(rejected(format!("{codec}\0"), "not_json"));
        messages.extend((0..50).map(|_| orders.next()));
        topic.send_all(messages, partition);
    }
    let ended = shop.job().catch_up();
    assert_eq!(ended.messages(), 404, "{ended}");
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn more_than_there_is_memory_for() {
    let shop = Shop::new(6);
    let mut orders = Orders::of_days(32, &["2011-12-08", "2011-12-09"]);
    for partition in 0..6 {
        let messages = (0..80).map(|n| match n % 2 {
            0 => rejected(format!("no order {n}{}", "x".repeat(100_000)), "not_json"),
            _ => orders.next(),
        });
        shop.topic.send_all(messages, partition);
    }
    // All in one batch: only the memory makes it hand rows over, and reading wait.
    let job = shop.job().set("streaming.memory", "16 MiB").set("streaming.flush_interval", "1h");
    let ended = job.catch_up();
    assert!(ended.stdout.starts_with("batch 1  480 messages"), "{ended}");
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn dates_that_a_setting_allows() {
    let shop = Shop::new(1);
    let at = |date: &str| with("2011-12-09T12:50:00Z", &format!("{date}T00:00:00Z"));
    let dated = |day: &str| {
        let event_time = super::instant(day, 0);
        kept(at(day), crate::support::orders::Order { event_time, ..order() })
    };
    let messages =
        [dated("1970-01-01"), dated("1969-12-31"), dated("2098-12-31"), dated("2011-12-09")];
    let [first, before, future, last] = messages;
    let before = Message { fate: rejected("", "date_out_of_range").fate, ..before };
    shop.topic.send_all([first, before, future, last], 0);
    let job = shop.job().set("streaming.earliest_date", "1970-01-01");
    job.set("streaming.latest_ahead", "80years").catch_up();
    shop.place.check_at_rest(&shop.topic);
}
