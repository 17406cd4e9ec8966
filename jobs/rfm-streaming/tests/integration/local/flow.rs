//! From messages to rows, run by run.

use crate::support::orders::{Message, Order, Orders};
use crate::support::running::Ended;
use crate::support::tables::Tables;

use super::{ORDER, Shop, instant, kept, order, rejected, snapshot, with};

/// Messages, and the segments that the orders among them get.
fn to_the_last_digit() -> Vec<(Message, Option<&'static str>)> {
    let (vip, none) = (Some("High Value VIP"), Some("Unknown"));
    let customer = |id| Order { customer_id: Some(id), ..order() };
    let price = |unit_price| Order { unit_price, ..order() };
    let at = |event_time| Order { event_time, ..order() };
    let text = |text: Option<&str>| Order { description: text.map(str::to_owned), ..order() };
    let (id, euro) = ("\"customer_id\":1", "2.55");
    let (date, lantern) = ("\"2011-12-09T12:50:00Z\"", "\"LANTERN\"");
    let long = "ß".repeat(1_000);
    vec![
        (kept(ORDER, order()), vip),
        // customers: one of another segment, one as text, one that is not known, none
        (kept(with(id, "\"customer_id\":\" 2 \""), customer(2)), Some("Churn Risk")),
        (
            kept(with(id, "\"customer_id\":9223372036854775807"), customer(i64::MAX)),
            Some("Loyal / Frequent"),
        ),
        (kept(with(id, "\"customer_id\":3"), customer(3)), none),
        (kept(with(id, "\"customer_id\":null"), Order { customer_id: None, ..order() }), none),
        // returns
        (kept(with(":6,", ":-6,"), Order { quantity: -6, is_return: true, ..order() }), vip),
        (
            kept(
                with("\"536365\"", "\"C536365\""),
                Order { invoice_no: "C536365".to_owned(), is_return: true, ..order() },
            ),
            vip,
        ),
        (kept(with(":6,", ":0,"), Order { quantity: 0, ..order() }), vip),
        // prices
        (kept(with(euro, "99999999999999.9999"), price(999_999_999_999_999_999)), vip),
        (kept(with(euro, "-99999999999999.9999"), price(-999_999_999_999_999_999)), vip),
        (kept(with(euro, "1e-4"), price(1)), vip),
        (kept(with(euro, "\"0.10\""), price(1_000)), vip),
        (kept(with(euro, "0"), price(0)), vip),
        // times: the day is that of UTC
        (kept(with(date, "\"2011-12-08 23:59:59\""), at(instant("2011-12-08", 86_399))), vip),
        (kept(with(date, "\"2011-12-09T01:30:00+02:00\""), at(instant("2011-12-08", 84_600))), vip),
        (
            kept(with(date, "\"2012-02-29T00:00:00.000001Z\""), at(instant("2012-02-29", 0) + 1)),
            vip,
        ),
        // texts
        (
            kept(
                with(lantern, r#""\"R\u00d6S\u00c9\" \\ \ud83c\udf39\n""#),
                text(Some("\"RÖSÉ\" \\ 🌹\n")),
            ),
            vip,
        ),
        (kept(with(lantern, &format!("\"{long}\"")), text(Some(&long))), vip),
        (kept(with(lantern, "\"  \""), text(None)), vip),
        (kept(with("\"description\":\"LANTERN\",", ""), text(None)), vip),
        (kept(with("{", "{\"customer\":{\"customer_id\":[2]},\"x\":null,"), order()), vip),
        (rejected(with(euro, "2.55555"), "bad_number"), None),
        (rejected("no order", "not_json"), None),
    ]
}

#[test]
fn orders_are_tagged_to_the_last_digit() {
    let shop = Shop::new(1);
    shop.place.publish_segments("2011-12-10", snapshot(&[(1, 3), (2, 0), (i64::MAX, 1)]));
    let (messages, segments): (Vec<_>, Vec<_>) = to_the_last_digit().into_iter().unzip();
    let count = messages.len();
    shop.topic.send_all(messages, 0);
    // One batch, at the end.
    let ended = shop.job().set("streaming.flush_interval", "1h").catch_up();
    let mut tables = shop.place.check_at_rest(&shop.topic);
    tables.tagged.sort_by_key(|row| row.offset);
    let tagged: Vec<_> = tables.tagged.iter().map(|row| row.segment.as_str()).collect();
    assert_eq!(tagged, segments.into_iter().flatten().collect::<Vec<_>>());

    let batch = ended.stdout.lines().next().unwrap();
    let start = format!(
        "batch 1  {count} messages  High Value VIP 17  Churn Risk 1  Loyal / Frequent 1  Unknown 2  rejected 2  \
         offsets [0]0-{}  ",
        count - 1
    );
    assert!(batch.starts_with(&start), "{ended}");
    let done = format!("done: {count} messages in 1 batches: 19 tagged, 2 Unknown, 2 rejected; ");
    assert!(ended.stdout.lines().last().unwrap().starts_with(&done), "{ended}");
}

/// Partition and next offset, as `status` has them.
fn committed(status: &Ended) -> Vec<(String, String)> {
    assert_eq!(status.code, Some(0), "{status}");
    let mut lines = status.stdout.lines();
    let header = lines.next().unwrap();
    assert!(header.trim().starts_with("partition  next offset  epoch"), "{status}");
    assert!(lines.next().unwrap().contains("---"), "{status}");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells[3], "0", "not visible: {line}");
        assert!(line.contains("rfm-streaming (group orders)"), "{line}");
        (cells[0].to_owned(), cells[1].to_owned())
    };
    lines.map(row).collect()
}

#[test]
fn a_run_goes_on_where_the_last_one_ended_and_status_says_where() {
    let shop = Shop::new(3);
    let mut orders = Orders::of_days(11, &["2011-12-08", "2011-12-09", "2012-02-29"]);
    let (job, status) = (shop.job(), shop.job().arg("status"));
    assert_eq!(committed(&status.run()), []);

    shop.topic.send(&mut orders, 2_400, &[0, 1]);
    assert_eq!(job.catch_up().messages(), 2_400);
    let files = shop.place.check_at_rest(&shop.topic).files;
    let pairs = |ends: [&str; 3]| -> Vec<(String, String)> {
        ["0", "1", "2"].map(str::to_owned).into_iter().zip(ends.map(str::to_owned)).collect()
    };
    assert_eq!(committed(&status.run()), pairs(["1,200", "1,200", "0"]));

    // nothing has come since
    let second = job.catch_up();
    assert!(second.stdout.starts_with("done: 0 messages in 0 batches"), "{second}");
    assert_eq!(shop.place.check_at_rest(&shop.topic).files, files);

    shop.topic.send(&mut orders, 100, &[2]);
    assert_eq!(job.catch_up().messages(), 100);
    shop.place.check_at_rest(&shop.topic);
    assert_eq!(committed(&status.run()), pairs(["1,200", "1,200", "100"]));
}

#[test]
fn as_many_messages_as_were_asked_for() {
    let shop = Shop::new(1);
    shop.topic.send(&mut Orders::of_days(12, &["2011-12-08"]), 4_000, &[0]);
    let some = shop.job().arg("--max-messages").arg("1000").run();
    assert_eq!(some.code, Some(0), "{some}");
    // What is taken from the client at once is not split.
    assert!((1_000..2_024).contains(&some.messages()), "{some}");
    let tables = Tables::read(&shop.place);
    assert_eq!((tables.tagged.len() + tables.rejected.len()) as u64, some.messages());
    let rest = shop.job().arg("--no-batches").catch_up();
    assert!(!rest.stdout.contains("batch 1 "), "{rest}");
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn what_came_is_visible_while_it_runs() {
    let shop = Shop::new(2);
    let mut orders = Orders::of_days(13, &["2011-12-08", "2011-12-09"]);
    let mut running = shop.job().start();
    running.wait_for_log("taken over");
    for turn in 1..=3 {
        shop.topic.send(&mut orders, 40, &[0, 1]);
        running.wait_for("not visible", |_| {
            let tables = Tables::read(&shop.place);
            tables.tagged.len() + tables.rejected.len() == 40 * turn
        });
        shop.place.check(&shop.topic);
    }
    running.stop();
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn an_empty_topic_and_one_with_a_message() {
    let shop = Shop::new(2);
    let none = shop.job().catch_up();
    let nothing = "done: 0 messages in 0 batches: 0 tagged, 0 Unknown, 0 rejected; ";
    assert!(none.stdout.starts_with(nothing), "{none}");
    assert_eq!(shop.place.check_at_rest(&shop.topic).files, 0);
    shop.topic.send_all([kept(ORDER, order())], 1);
    assert_eq!(shop.job().catch_up().messages(), 1);
    assert_eq!(shop.place.check_at_rest(&shop.topic).files, 1);
}

#[test]
fn a_topic_that_is_read_from_its_end() {
    let shop = Shop::new(1);
    let mut orders = Orders::of_days(14, &["2011-12-08"]);
    shop.topic.send(&mut orders, 30, &[0]);
    let job = shop.job().set("streaming.start", "latest");
    assert_eq!(job.catch_up().messages(), 0);
    shop.topic.ledger.lose(0, 0..30);
    shop.topic.send(&mut orders, 30, &[0]);
    // It was begun there, and nothing is left out from then on.
    assert_eq!(job.catch_up().messages(), 30);
    shop.place.check_at_rest(&shop.topic);
}
