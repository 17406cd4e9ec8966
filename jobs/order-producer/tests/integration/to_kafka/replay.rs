//! The orders of a file.

use std::fs;
use std::path::Path;

use kafka_client::EmbeddedBroker;
use order_message::{Decoder, Limits};
use order_model::Timestamp;

use super::topic::{read, totals};
use crate::program::check_ok;

const CSV: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom
536366,22633,\"HAND WARMER, UNION\",6,12/1/2010 8:28,1.85,17850.0,United Kingdom
C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527,EIRE
this is no order
536414,22139,,56,12/1/2010 11:52,0,,United Kingdom
536415,22139,X,many,12/1/2010 11:53,1,17850,United Kingdom
536416,POST,POSTAGE,1,12/1/2010 11:54,18,12583,France
";

/// The messages of a topic as texts, those of each partition in their order.
fn replay(folder: &Path, args: &[&str]) -> (Vec<String>, std::process::Output) {
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let brokers = broker.bootstrap_servers();
    let output = check_ok(folder, &[&["--brokers", brokers], args].concat());
    let mut decoder = Decoder::new();
    let limits = Limits::until(Timestamp::from_micros(4_102_444_800_000_000));
    let texts = read(brokers, "orders")
        .iter()
        .map(|record| {
            let o = decoder.decode(record.value.as_deref(), &limits).unwrap();
            format!(
                "{},{},{},{},{},{},{},{}",
                o.invoice_no,
                o.stock_code,
                o.description.unwrap_or_default(),
                o.quantity,
                o.event_time,
                o.unit_price,
                o.customer_id.map(|id| id.to_string()).unwrap_or_default(),
                o.country.unwrap_or_default()
            )
        })
        .collect();
    (texts, output)
}

#[test]
fn the_messages_are_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.csv"), CSV).unwrap();
    let (orders, output) = replay(folder.path(), &["--replay", "orders.csv", "--speed-up", "max"]);
    assert_eq!(
        orders,
        [
            "536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.5500,17850,United Kingdom",
            "536366,22633,HAND WARMER, UNION,6,2010-12-01 08:28:00,1.8500,17850,United Kingdom",
            "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5000,14527,EIRE",
            "536414,22139,,56,2010-12-01 11:52:00,0.0000,,United Kingdom",
            "536416,POST,POSTAGE,1,2010-12-01 11:54:00,18.0000,12583,France",
        ]
    );
    assert_eq!(totals(&output), (5, 5));
    let log = String::from_utf8(output.stderr).unwrap();
    for part in
        ["line=5", "\"this is no order\"", "line=7", "rows=2", "quantity is no whole number"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn gaps_are_kept_but_shorter() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.csv"), CSV).unwrap();
    // Three hours and 28 minutes, divided; a busy machine takes longer.
    let (orders, output) =
        replay(folder.path(), &["--replay", "orders.csv", "--speed-up", "10000"]);
    assert_eq!(orders.len(), 5);
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds = text.split(" messages to orders in ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(seconds.parse::<f64>().unwrap() >= 1.2, "{text}");
}

#[test]
fn a_file_of_this_years_orders_was_made_now() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.csv"), CSV).unwrap();
    let args = ["--replay", "orders.csv", "--rate", "max", "--shift-to-now", "--count", "3"];
    let (orders, _) = replay(folder.path(), &args);
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| !order.contains("2010-12-01")), "{orders:?}");
}

#[test]
fn a_generated_file_is_sent_but_for_its_malformed_lines() {
    let folder = tempfile::tempdir().unwrap();
    let made = ["--to-csv", "orders.csv.gz", "--count", "5000", "--fault-rate", "0.02"];
    let log = String::from_utf8(check_ok(folder.path(), &made).stderr).unwrap();
    let faults: u64 = log
        .split(" malformed lines")
        .next()
        .and_then(|text| text.rsplit(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    let (orders, output) =
        replay(folder.path(), &["--replay", "orders.csv.gz", "--speed-up", "max"]);
    assert_eq!(orders.len() as u64, 5_000 - faults);
    assert_eq!(totals(&output), (5_000 - faults, 5_000 - faults));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(&format!("rows={faults} ")), "{log}");
}
