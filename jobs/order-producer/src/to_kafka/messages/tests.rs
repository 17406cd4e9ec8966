use std::collections::HashSet;
use std::fmt::Write as _;

use order_generator::{LiveConfig, LiveOrders};
use order_message::{Decoder, Limits};

use super::*;
use crate::to_kafka::replay::Replay;

fn start() -> Timestamp {
    Date::from_ymd(2026, 1, 2).unwrap().midnight()
}

fn live(noise: Noise, seed: u64) -> Messages {
    let orders = LiveOrders::new(LiveConfig { seed, ..LiveConfig::default() }).unwrap();
    let times = EventTimes::Even { start: start(), per_second: 100.0 };
    Messages::new(Source::Live(Box::new(orders)), times, None, noise, seed)
}

type Made = (Kind, Option<Vec<u8>>, Option<Vec<u8>>);

fn make(messages: &mut Messages, count: usize) -> Vec<Made> {
    (0..count)
        .map(|_| {
            assert_eq!(messages.prepare().unwrap(), Next::At(Duration::ZERO));
            let kind = messages.make().unwrap();
            (kind, messages.key().map(<[u8]>::to_vec), messages.value().map(<[u8]>::to_vec))
        })
        .collect()
}

fn noise() -> Noise {
    Noise { faults: Fault::ALL.to_vec(), fault_rate: 0.1, late_rate: 0.05, duplicate_rate: 0.02 }
}

#[test]
fn messages_are_orders_but_for_the_malformed_ones() {
    let mut messages = live(noise(), 7);
    let mut decoder = Decoder::new();
    let limits = Limits::until(Date::from_ymd(2026, 1, 3).unwrap().midnight());
    let (mut counts, mut seen) = (Counts::default(), HashSet::new());
    for (kind, key, value) in make(&mut messages, 20_000) {
        counts.add(kind);
        let decoded = decoder.decode(value.as_deref(), &limits);
        if let Kind::Malformed(fault) = kind {
            assert!(decoded.is_err(), "{}", fault.name());
            continue;
        }
        let order = decoded.unwrap();
        let late = order.event_time < start();
        let id = order.customer_id.map(|id| id.to_string().into_bytes());
        assert_eq!(key, id);
        let known = seen.contains(&value);
        match kind {
            Kind::Late => {
                assert!(late && order.event_time.micros() > start().micros() - 8 * 86_400_000_000)
            }
            Kind::Order => assert!(!late),
            _ => assert!(known),
        }
        seen.insert(value);
    }
    let near = |count: u64, share: f64| {
        assert!((count as f64 / 20_000.0 - share).abs() < 0.01, "{count}, wanted {share}");
    };
    assert_eq!(counts.total(), 20_000);
    near(counts.late, 0.05);
    near(counts.duplicates, 0.02);
    near(counts.malformed.iter().sum(), 0.1);
    assert!(counts.malformed.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn the_same_seed_makes_the_same_messages() {
    assert_eq!(make(&mut live(noise(), 7), 3_000), make(&mut live(noise(), 7), 3_000));
    assert_ne!(make(&mut live(noise(), 7), 10), make(&mut live(noise(), 8), 10));
}

#[test]
fn noise_comes_between_the_orders_and_changes_none() {
    let only_orders = |made: Vec<Made>| -> Vec<Made> {
        made.into_iter().filter(|(kind, ..)| *kind == Kind::Order).collect()
    };
    let without_late = Noise { late_rate: 0.0, ..noise() };
    let noisy = only_orders(make(&mut live(without_late, 7), 3_000));
    assert_eq!(noisy, make(&mut live(Noise::default(), 7), noisy.len()));
}

#[test]
fn all_messages_may_be_malformed() {
    let noise = Noise { fault_rate: 1.0, late_rate: 0.0, duplicate_rate: 0.0, ..noise() };
    let made = make(&mut live(noise, 7), 500);
    assert!(made.iter().all(|(kind, ..)| matches!(kind, Kind::Malformed(_))));
}

fn replay(rows: &[&str], event_times: EventTimes, speed_up: Option<f64>) -> Messages {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let mut csv =
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n".to_owned();
    for (number, time) in rows.iter().enumerate() {
        writeln!(csv, "{number},A,B,1,2011-12-01 {time},1.5,,EIRE").unwrap();
    }
    std::fs::write(&path, csv).unwrap();
    // The open file outlives its folder.
    let file = Replay::open(path.to_str().unwrap(), None).unwrap();
    Messages::new(Source::Replay(Box::new(file)), event_times, speed_up, Noise::default(), 1)
}

#[test]
fn rows_are_due_by_their_times() {
    let times = ["10:00:00", "10:00:30", "10:00:10", "11:00:00"];
    let mut messages = replay(&times, EventTimes::OfTheFile, Some(10.0));
    for due in [0, 3_000, 1_000, 360_000] {
        let due = Next::At(Duration::from_millis(due));
        assert_eq!(messages.prepare().unwrap(), due);
        assert_eq!(messages.prepare().unwrap(), due, "asking again changes nothing");
        assert_eq!(messages.make(), Some(Kind::Order));
        assert_eq!(messages.key(), None);
    }
    assert_eq!(messages.prepare().unwrap(), Next::End);
    assert_eq!(messages.make(), None);
}

#[test]
fn rows_keep_their_times_or_are_of_now() {
    let text = |mut messages: Messages| {
        messages.prepare().unwrap();
        messages.make().unwrap();
        String::from_utf8(messages.value().unwrap().to_vec()).unwrap()
    };
    let own = text(replay(&["10:00:00"], EventTimes::OfTheFile, None));
    assert!(own.contains("\"invoice_date\":\"2011-12-01T10:00:00Z\""), "{own}");
    let now = text(replay(&["10:00:00"], EventTimes::Now, None));
    assert!(now.contains("\"invoice_date\":\"20") && !now.contains("2011-12-01"), "{now}");
}
