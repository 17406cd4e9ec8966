//! Orders as they come: frames, replay, gaps, slow and vanished watchers.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Events, open};
use crate::support::orders::Topic;
use crate::support::program::Running;
use crate::support::shop::{Shop, customers};
use crate::support::wait_for;

fn start(shop: &Shop) -> Running {
    let dashboard = Running::start(&mut shop.command());
    wait_for("the topic", || {
        (dashboard.get("/api/live").data()["upstream"]["state"] == "connected").then_some(())
    });
    dashboard
}

fn shop() -> Shop {
    Shop::new().with_broker()
}

/// Waits until so many orders are in the ring.
fn wait_for_ring(dashboard: &Running, orders: usize) {
    wait_for("the orders", || {
        let found = dashboard.get("/api/customers/1/orders").data();
        (found["window"]["orders"] == json!(orders)).then_some(())
    });
}

#[test]
fn orders_arrive_whole_and_counted() {
    let shop = shop();
    let dashboard = start(&shop);
    let mut events = dashboard.events("");
    let beat = events.next().unwrap();
    assert_eq!((beat.name.as_str(), &beat.id), ("heartbeat", &None));
    assert!((1_500..=4_500).contains(&events.retry.unwrap()));
    assert_eq!(beat.data["upstream"]["state"], "connected");
    assert_eq!(beat.data["upstream"]["topic"], "orders-tagged");

    let mut topic = shop.topic();
    let hostile = "</script><img src=x onerror=alert(1)>\u{202e}\"\\\n\r\u{2028}";
    let order = topic.order(Some(12_347), "High Value VIP", json!({"description": hostile}));
    topic.send(order.to_string().as_bytes());
    let changes = json!({"quantity": -2, "unit_price": 0.3, "country": null, "description": null, "segment_id": null});
    let other = topic.order(None, "Unknown", changes);
    topic.send(other.to_string().as_bytes());
    topic.send(b"{\"not\": \"an order\"}");
    topic.flush();
    let mut orders = json!({});
    let mut n = 0;
    while n < 2 {
        let frame = events.next_of("orders");
        assert_eq!(frame.data["sampled"], 1);
        for (name, values) in frame.data["orders"].as_object().unwrap() {
            let column = orders[name].as_array().cloned().unwrap_or_default();
            let values = values.as_array().unwrap().iter().cloned();
            orders[name] = column.into_iter().chain(values).collect::<Vec<Value>>().into();
        }
        n += frame.data["n"].as_u64().unwrap();
    }
    assert_eq!(orders["key"], json!(["0-0", "0-1"]));
    assert_eq!(orders["description"], json!([hostile, null]));
    assert_eq!(orders["customer_id"], json!(["12347", null]));
    assert_eq!(orders["segment"], json!(["high-value-vip", "unknown"]));
    assert_eq!(orders["unit_price"], json!(["2.5500", "0.3000"]));
    assert_eq!(orders["amount"], json!(["15.3000", "-0.6000"]));
    assert_eq!(orders["is_return"], json!([false, true]));
    assert_eq!(orders["event_time"][0], "2011-12-09T12:50:00Z");
    assert_eq!(orders["segment_snapshot"][0], "2011-12-10");

    let stats = wait_for("the orders in the statistics", || {
        let stats = events.next_of("stats").data;
        (stats["total"] == json!(2)).then_some(stats)
    });
    assert_eq!((&stats["hit_rate"], &stats["sampled"]), (&json!(0.5), &json!(1)));
    assert_eq!(stats["connections"], 1);
    assert!(stats["by_segment"]["segment"].as_array().unwrap().contains(&json!("high-value-vip")));
    wait_for("the unreadable message", || {
        (dashboard.metric("rfm_dashboard_unreadable_messages_total") == 1.0).then_some(())
    });

    let found = dashboard.get("/api/customers/12347/orders").data();
    assert_eq!(found["orders"]["description"], json!([hostile]));
    assert_eq!((&found["window"]["orders"], &found["source"]), (&json!(2), &json!("live_ring")));
    let csv = dashboard.get("/api/customers/12347/orders.csv");
    assert!(csv.text().starts_with("key,invoice_no,"), "{}", csv.text());
    drop(events);
    wait_for("the watcher to be gone", || {
        (dashboard.metric("rfm_dashboard_streams") == 0.0).then_some(())
    });
}

#[test]
fn filters_by_segment_and_customer() {
    let shop = shop();
    let dashboard = start(&shop);
    let mut topic = shop.topic();
    topic.send_many(40);
    wait_for_ring(&dashboard, 40);
    let read = |query: &str, n: usize| {
        let mut events = dashboard.events(query);
        let (mut segments, mut ids) = (Vec::new(), Vec::new());
        while ids.len() < n {
            let orders = events.next_of("orders").data["orders"].clone();
            segments.extend(orders["segment"].as_array().unwrap().clone());
            ids.extend(orders["customer_id"].as_array().unwrap().clone());
        }
        (segments, ids)
    };
    let (segments, ids) = read("?segment=churn-risk", 20);
    assert!(segments.iter().all(|segment| segment == "churn-risk") && ids.len() == 20);
    let (_, ids) = read("?customer=12347", 4);
    assert_eq!(ids, vec![json!("12347"); 4]);
    assert_eq!(
        dashboard.get("/api/customers/12347/orders?max=3").data()["orders"]["key"],
        json!(["0-31", "0-21", "0-11"])
    );
    for (query, code) in [
        ("?segment=churn-risk&customer=1", "parameter_malformed"),
        ("?customer=abc", "customer_id_malformed"),
        ("?rate=0", "parameter_malformed"),
        ("?rate=all", "parameter_malformed"),
        ("?filter=x", "parameter_malformed"),
    ] {
        assert_eq!(
            dashboard.get(&format!("/api/stream/orders{query}")).problem(400),
            code,
            "{query}"
        );
    }
}

#[test]
fn who_comes_back_misses_nothing() {
    let shop = shop();
    let dashboard = start(&shop);
    let mut topic = shop.topic();
    let mut events = dashboard.events("");
    let first = topic.send_many(30);
    let (seen, last) = events.keys(30);
    assert_eq!(seen, first);
    drop(events);
    let missed = topic.send_many(250);
    wait_for_ring(&dashboard, 280);
    // The header counts; the address is the one of the first time.
    let after = format!("?after={last}");
    for (query, headers) in [("", vec![("Last-Event-ID", last.as_str())]), (after.as_str(), vec![])]
    {
        let mut events = Events::open(&dashboard.address, query, &headers);
        assert_eq!(events.keys(250).0, missed);
    }
    let mut events =
        Events::open(&dashboard.address, &format!("?after={}", "x.1"), &[("Last-Event-ID", &last)]);
    assert_eq!(events.keys(250).0, missed);
    // Ids that nobody gave out.
    for id in ["", "nonsense", "1.2.3", "<script>.1", "ü.1"] {
        let mut events = Events::open(&dashboard.address, "", &[("Last-Event-ID", id)]);
        assert!(events.keys(50).0.len() >= 50, "{id}");
    }
}

#[test]
fn a_restart_is_told_and_the_last_orders_come_again() {
    let shop = shop();
    let dashboard = start(&shop);
    let mut topic = shop.topic();
    let mut events = dashboard.events("");
    let before = topic.send_many(20);
    let (_, last) = events.keys(20);
    dashboard.ask_to_stop();
    let bye = events.next_of("bye");
    assert_eq!(bye.data["reason"], "shutdown");
    assert!(events.next().is_none(), "the stream ends");
    let log = dashboard.stop();
    assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");

    let meanwhile = topic.send_many(10);
    let dashboard = start(&shop);
    wait_for_ring(&dashboard, 30);
    let mut events = Events::open(&dashboard.address, "", &[("Last-Event-ID", &last)]);
    let gap = events.next_of("gap");
    assert_eq!((&gap.data["reason"], &gap.data["missed"]), (&json!("restart"), &Value::Null));
    assert_eq!(gap.data["from"], last);
    // Twice the same order has twice the same key.
    let (keys, _) = events.keys(30);
    assert_eq!(keys, before.into_iter().chain(meanwhile).collect::<Vec<_>>());
    // They were there before: no rate comes of them.
    assert_eq!(dashboard.get("/api/live").data()["total"], 0);
}

#[test]
fn what_the_ring_no_longer_has_is_counted() {
    let shop = shop();
    let mut command = shop.command();
    command.args(["--set", "dashboard.ring_orders=100", "--set", "dashboard.prefill=0"]);
    let dashboard = Running::start(&mut command);
    wait_for("the topic", || {
        (dashboard.get("/api/live").data()["upstream"]["state"] == "connected").then_some(())
    });
    let mut topic = shop.topic();
    let mut events = dashboard.events("");
    topic.send_many(10);
    let (_, last) = events.keys(10);
    drop(events);
    let sent = topic.send_many(500);
    wait_for("all of them", || {
        (dashboard.get("/api/live").data()["total"] == json!(510)).then_some(())
    });
    wait_for("the last of them", || {
        let kept = dashboard.get("/api/customers/12355/orders?max=1").data();
        (kept["orders"]["key"][0] == json!(sent[499])).then_some(())
    });
    let mut events = Events::open(&dashboard.address, "", &[("Last-Event-ID", &last)]);
    let gap = events.next_of("gap");
    assert_eq!(gap.data["reason"], "too_old");
    let missed = gap.data["missed"].as_u64().unwrap() as usize;
    let (keys, _) = events.keys(500 - missed);
    assert_eq!(keys, sent[missed..]);
    assert!(missed >= 400, "{missed}");
}

#[test]
fn more_than_can_be_listed_is_sampled_but_counted() {
    let shop = shop();
    let dashboard = start(&shop);
    let mut few = dashboard.events("?rate=20");
    let mut of_one = dashboard.events("?customer=12347");
    let mut topic = shop.topic();
    // Until a second had so many that one in several is listed.
    let (mut sampled, mut listed, mut sent) = (1, 0, 0);
    while sampled == 1 {
        topic.send_many(300);
        sent += 300;
        assert!(sent < 300_000, "never sampled");
        let deadline = Instant::now() + Duration::from_millis(150);
        while sampled == 1 && Instant::now() < deadline {
            let event = few.next().unwrap();
            if event.name == "orders" {
                sampled = event.data["sampled"].as_u64().unwrap();
                listed += event.data["n"].as_u64().unwrap();
            }
        }
    }
    assert!(listed <= sent);
    // A customer's orders are never sampled: one in ten is this one's.
    let (keys, _) = of_one.keys(sent as usize / 10);
    assert_eq!(keys.len(), sent as usize / 10);
    wait_for("the exact count", || {
        (dashboard.get("/api/live").data()["total"] == json!(sent)).then_some(())
    });
}

#[test]
fn a_slow_watcher_harms_nobody_and_is_told() {
    let shop = shop();
    let dashboard = start(&shop);
    // A customer's orders are never sampled.
    let path = "/api/stream/orders?customer=1";
    let (answer, mut slow) = open(&dashboard.address, "GET", path, &[], "");
    assert_eq!(answer.status, 200);
    let mut topic = shop.topic();
    // More than the network holds for somebody who does not read, for longer than a frame may be late.
    let long = "x".repeat(390);
    let started = Instant::now();
    let mut sent = 0;
    while started.elapsed() < Duration::from_secs(10) || sent < 30_000 {
        for _ in 0..500 {
            let changes = json!({"description": long, "country": long});
            let order = topic.order(Some(1), "Churn Risk", changes);
            topic.send(order.to_string().as_bytes());
            sent += 1;
        }
        topic.flush();
    }
    // The others are served as ever.
    assert_eq!(dashboard.events("").next().unwrap().name, "heartbeat");
    assert_eq!(dashboard.get("/api/session").status, 200);
    // It wakes up: after what the network held it is told what it has missed.
    let mut text = String::new();
    let mut buffer = vec![0; 1 << 16];
    while !text.contains("\"reason\":\"slow\"") {
        let n = slow.read(&mut buffer).unwrap();
        assert!(n > 0, "closed before it was told");
        text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        let keep = text.len().saturating_sub(1 << 17);
        let keep = (keep..text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        text.drain(..keep);
    }
    assert!(dashboard.memory_mib() < 300, "{} MiB", dashboard.memory_mib());
}

#[test]
fn there_are_only_so_many_streams() {
    let shop = shop();
    let mut command = shop.command();
    command.args(["--set", "dashboard.max_streams=3"]);
    let dashboard = Running::start(&mut command);
    let streams: Vec<Events> = (0..3).map(|_| dashboard.events("")).collect();
    let refused = dashboard.get("/api/stream/orders");
    assert_eq!(refused.problem(503), "too_many_streams");
    assert_eq!(refused.header("retry-after"), Some("30"));
    // Everything else goes on, and places that are left are given away again.
    assert_eq!(dashboard.get("/api/session").status, 200);
    drop(streams);
    wait_for("a place", || {
        let (answer, _) = open(&dashboard.address, "GET", "/api/stream/orders", &[], "");
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_newer_snapshot_is_announced() {
    let shop = shop();
    shop.publish("2011-12-10", &customers());
    let dashboard = Running::ready(&mut shop.command());
    let mut events = dashboard.events("");
    assert_eq!(events.next().unwrap().name, "heartbeat");
    let run = shop.publish("2011-12-11", &customers());
    let event = events.next_of("snapshot");
    assert_eq!(
        (&event.data["snapshot_date"], &event.data["run_id"]),
        (&json!("2011-12-11"), &json!(run))
    );
    // By then it can be asked for.
    assert_eq!(dashboard.get("/api/segments").json()["run_id"], run);
}

#[test]
fn no_broker_and_no_topic_are_told_as_such() {
    let mut shop = shop();
    let dashboard = Running::start(&mut shop.command_on("order-tagged"));
    let problem = |dashboard: &Running| {
        wait_for("the problem", || {
            let upstream = dashboard.get("/api/live").data()["upstream"].clone();
            (upstream["state"] == "down").then(|| upstream["problem"].as_str().unwrap().to_owned())
        })
    };
    assert!(
        problem(&dashboard).contains("did you mean 'orders-tagged'?"),
        "{}",
        problem(&dashboard)
    );
    // The rest of the page does not mind.
    shop.publish("2011-12-10", &customers());
    dashboard.wait_until_ready();
    assert_eq!(dashboard.get("/api/customers/12347").status, 200);

    let dashboard = start(&shop);
    let mut events = dashboard.events("");
    Topic::new(shop.brokers()).send_many(1);
    events.keys(1);
    shop.broker = None;
    let beat = loop {
        let beat = events.next_of("heartbeat").data;
        if beat["upstream"]["state"] == "down" {
            break beat;
        }
    };
    assert!(beat["upstream"]["problem"].as_str().is_some_and(|text| !text.is_empty()), "{beat}");
    assert_eq!(dashboard.get("/api/customers/12347").status, 200);
    dashboard.stop();
}
