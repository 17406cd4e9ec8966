//! The look-up of a customer.

use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::program::Running;
use crate::support::shop::{Customer, Shop, customers};

#[test]
fn a_customer_with_rank_and_history() {
    let shop = Shop::new();
    let first: Vec<Customer> = customers().into_iter().filter(|c| c.id != 12_347).collect();
    shop.publish("2011-10-10", &first);
    let second = customers().into_iter().map(|c| Customer { segment: 1, ..c }).collect::<Vec<_>>();
    shop.publish("2011-11-10", &second);
    shop.publish("2011-12-10", &customers());
    let dashboard = Running::ready(&mut shop.command());
    let answer = dashboard.get("/api/customers/12347");
    assert_eq!(answer.json()["snapshot_date"], "2011-12-10");
    let data = answer.data();
    let expected = json!({
        "customer_id": "12347", "segment": "high-value-vip", "segment_name": "High Value VIP", "segment_id": 3,
        "recency_days": 3, "frequency": "7", "monetary": "4310.0000", "r_score": 5, "f_score": 5, "m_score": 5,
        "rfm_group": "Champions", "distance": 0.5, "country": "Iceland", "last_order": "2011-12-07T15:52:00Z",
        "rank": {"position": 2, "of": 2, "by": "monetary"}, "history_truncated": false,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(data[name], *value, "{name}");
    }
    let history = &data["history"];
    assert_eq!(history["snapshot_date"], json!(["2011-12-10", "2011-11-10", "2011-10-10"]));
    assert_eq!(history["segment"], json!(["high-value-vip", "loyal-frequent", null]));
    assert_eq!(history["monetary"], json!(["4310.0000", "4310.0000", null]));

    let short = dashboard.get("/api/customers/12347?history=1").data();
    assert_eq!(short["history"]["snapshot_date"], json!(["2011-12-10"]));
    assert_eq!(short["history_truncated"], true);
    let none = dashboard.get("/api/customers/12347?history=0").data();
    assert_eq!(none["history"]["segment"], json!([]));
    // An older snapshot: its own values, and only what came before it.
    let older = dashboard.get("/api/customers/12347?snapshot=2011-11-10").data();
    assert_eq!(older["segment"], "loyal-frequent");
    assert_eq!(older["history"]["snapshot_date"], json!(["2011-11-10", "2011-10-10"]));
    assert_eq!(
        dashboard.get("/api/customers/12347?snapshot=2011-10-10").problem(404),
        "customer_unknown"
    );
    let csv = dashboard.get("/api/customers/12347.csv");
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("2011-12-10,run-"), "{}", lines[1]);
    assert!(
        lines[1].ends_with(",high-value-vip,High Value VIP,3,7,4310.0000,5,5,5"),
        "{}",
        lines[1]
    );
}

#[test]
fn ids_that_are_unknown_large_or_hostile() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let large = dashboard.get("/api/customers/9223372036854775807").data();
    assert_eq!(large["customer_id"], "9223372036854775807");
    for id in ["1", "0", "-12347", "-9223372036854775808", "99999999"] {
        let answer = dashboard.get(&format!("/api/customers/{id}"));
        assert_eq!(answer.problem(404), "customer_unknown", "{id}");
        assert!(answer.text().contains("2011-12-10"), "{}", answer.text());
    }
    let long = "1".repeat(5_000);
    for id in [
        "abc",
        "12347x",
        "9223372036854775808",
        "1e5",
        "0x3039",
        "12347%20or%201=1",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%27%3B%20drop%20table%20x",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "%F0%9F%8C%B9",
        &long,
    ] {
        let answer = dashboard.get(&format!("/api/customers/{id}"));
        assert_eq!(answer.problem(400), "customer_id_malformed", "{id}");
        assert!(!answer.text().contains("<script"), "{id}");
        let orders = dashboard.get(&format!("/api/customers/{id}/orders"));
        assert_eq!(orders.problem(400), "customer_id_malformed", "{id}");
    }
    // Not UTF-8 in the address.
    assert_eq!(dashboard.get("/api/customers/%FF").status, 400);
    assert_eq!(dashboard.get("/api/customers/").problem(404), "not_found");
    assert_eq!(
        dashboard.get("/api/customers/12347?history=1000").problem(400),
        "parameter_malformed"
    );
    let answer = send(&dashboard.address, "DELETE", "/api/customers/12347", &[], "");
    assert_eq!(answer.problem(405), "method_not_allowed");
    assert_eq!(dashboard.get("/api/customers/12347").status, 200);
}

#[test]
fn without_a_feed_there_are_no_recent_orders_and_it_says_so() {
    let shop = Shop::new();
    let dashboard = Running::start(&mut shop.command());
    let data = dashboard.get("/api/customers/12347/orders").data();
    assert_eq!(data["upstream"]["state"], "not_configured");
    assert_eq!(data["orders"]["key"], json!([]));
    assert_eq!(data["source"], "live_ring");
    assert_eq!(dashboard.get("/api/stream/orders").problem(404), "live_not_configured");
    let live = dashboard.get("/api/live").data();
    assert_eq!(
        live["upstream"],
        json!({
            "state": "not_configured", "topic": null, "problem": null, "since": live["upstream"]["since"]
        })
    );
    assert_eq!(dashboard.get("/api/session").json()["live"]["state"], "not_configured");
    assert_eq!(dashboard.get("/api/session").json()["currency"], Value::Null);
}
