//! Segments, points and migration, as they are published.

use serde_json::json;

use crate::support::program::Running;
use crate::support::shop::{Customer, Shop, customers};
use crate::support::wait_for;

#[test]
fn segments_with_their_run() {
    let shop = Shop::new();
    let run = shop.publish("2011-12-10", &customers());
    let dashboard = Running::ready(&mut shop.command());
    let answer = dashboard.get("/api/segments");
    let whole = answer.json();
    assert_eq!((&whole["run_id"], &whole["snapshot_date"]), (&json!(run), &json!("2011-12-10")));
    assert!(whole["as_of"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 20));
    let data = answer.data();
    assert_eq!(data["model"]["customers"], 7);
    assert_eq!(data["model"]["revenue"], "88223.2300");
    assert_eq!(data["model"]["silhouette"], 0.34);
    let segments = &data["segments"];
    let slugs = json!(["high-value-vip", "loyal-frequent", "new-promising", "churn-risk"]);
    assert_eq!(segments["segment"], slugs);
    assert_eq!(segments["segment_id"], json!([3, 1, 2, 0]));
    assert_eq!(segments["customers"], json!([2, 2, 1, 2]));
    assert_eq!(segments["revenue"][0], "81493.6000");
    assert_eq!(segments["avg_recency_days"], json!([3.5, 1.5, 2.5, 0.5]));

    let csv = dashboard.get("/api/segments.csv");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("high-value-vip,High Value VIP,3,2,"), "{}", lines[1]);

    // A browser that has it is told so.
    let tag = answer.header("etag").unwrap();
    let again = dashboard.get_with("/api/segments", &[("If-None-Match", tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(dashboard.get_with("/api/segments", &[("If-None-Match", "\"x\"")]).status, 200);
}

#[test]
fn points_of_all_customers() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let data = dashboard.get("/api/scatter").data();
    assert_eq!(
        (&data["total"], &data["shown"], &data["sampled"]),
        (&json!(7), &json!(7), &json!(false))
    );
    assert_eq!(
        (&data["x"], &data["y"], &data["grid"]),
        (&json!("recency"), &json!("monetary"), &json!(null))
    );
    let points = &data["points"];
    assert_eq!(points["customer_id"][1], "12347");
    assert_eq!(points["customer_id"][6], "9223372036854775807");
    assert_eq!(points["segment"], json!([0, 0, 1, 1, 2, 3, 3]));
    assert_eq!(points["monetary"][1], "4310.0000");
    assert_eq!(dashboard.get("/api/scatter.csv").text().lines().count(), 8);
    for (query, status, code) in [
        ("?x=age", 400, "parameter_malformed"),
        ("?x=monetary", 400, "parameter_malformed"),
        ("?max=99", 400, "parameter_malformed"),
        ("?max=5000&max=5000", 400, "parameter_malformed"),
        ("?seed=1", 400, "parameter_malformed"),
        ("?snapshot=2011-13-01", 400, "snapshot_malformed"),
        ("?snapshot=../../etc", 400, "snapshot_malformed"),
        ("?snapshot=2010-01-01", 404, "snapshot_unknown"),
    ] {
        assert_eq!(dashboard.get(&format!("/api/scatter{query}")).problem(status), code, "{query}");
    }
}

#[test]
fn a_sample_of_many_keeps_the_extremes_and_says_so() {
    let shop = Shop::new();
    let many: Vec<Customer> = (0..30_000_i64)
        .map(|n| Customer {
            id: n,
            segment: i32::from(n % 100 == 0) * 3,
            recency: 1 + (n % 365) as i32,
            frequency: 1 + n % 30,
            monetary: i128::from(1 + n * 7_919 % 1_000_003) * 100,
        })
        .collect();
    shop.publish("2011-12-10", &many);
    let dashboard = Running::ready(&mut shop.command());
    let data = dashboard.get("/api/scatter?x=frequency&y=recency&max=1000").data();
    assert_eq!((&data["total"], &data["sampled"]), (&json!(30_000), &json!(true)));
    let shown = data["points"]["customer_id"].as_array().unwrap();
    assert!(shown.len() > 900 && shown.len() <= 1_000, "{}", shown.len());
    let numbers = |column: &str| -> Vec<i64> {
        let values = data["points"][column].as_array().unwrap();
        values.iter().map(|n| n.as_i64().unwrap()).collect()
    };
    let recency = numbers("recency");
    assert!(recency.contains(&1) && recency.contains(&365));
    // The small segment is seen, the cells hold everybody.
    assert!(numbers("segment").iter().filter(|segment| **segment == 0).count() >= 10);
    let grid = &data["grid"];
    let sum: i64 = grid["customers"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).sum();
    assert_eq!(sum, 30_000);
    let columns = grid["ix"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).max();
    assert_eq!(grid["x_edges"].as_array().unwrap().len() as i64, columns.unwrap() + 2);
    assert_eq!(dashboard.get("/api/scatter?x=frequency&y=recency&max=1000").data(), data);
}

#[test]
fn who_moved_where() {
    let shop = Shop::new();
    let before: Vec<Customer> = customers()
        .into_iter()
        .filter(|c| c.id != 12_349)
        .map(|c| Customer { segment: if c.id == 12_347 { 1 } else { c.segment }, ..c })
        .chain([Customer { id: 100_000, segment: 0, recency: 1, frequency: 1, monetary: 1 }])
        .collect();
    let mut before = before;
    before.sort_by_key(|c| c.id);
    shop.publish("2011-11-10", &before);
    shop.publish("2011-12-10", &customers());
    let dashboard = Running::ready(&mut shop.command());
    let data = dashboard.get("/api/migration").data();
    assert_eq!(data["from"]["snapshot_date"], "2011-11-10");
    assert_eq!(data["rows"], json!(["high-value-vip", "loyal-frequent", "churn-risk", "absent"]));
    let columns = ["high-value-vip", "loyal-frequent", "new-promising", "churn-risk", "absent"];
    assert_eq!(data["columns"], json!(columns));
    let expected = json!([[1, 0, 0, 0, 0], [1, 2, 0, 0, 0], [0, 0, 0, 2, 1], [0, 0, 1, 0, 0]]);
    assert_eq!(data["customers"], expected);
    // The other way round, by date.
    let back = dashboard.get("/api/migration?from=2011-12-10&to=2011-11-10").data();
    assert_eq!(back["customers"][0], json!([1, 1, 0, 0]));
    let csv = dashboard.get("/api/migration.csv");
    assert!(csv.text().contains("\r\nloyal-frequent,high-value-vip,1\r\n"), "{}", csv.text());
    let none = dashboard.get("/api/migration?to=2011-11-10");
    assert_eq!(none.problem(404), "no_previous_snapshot");
}

#[test]
fn nothing_is_published_then_something_then_something_newer() {
    let shop = Shop::new();
    let dashboard = Running::start(&mut shop.command());
    for path in ["/api/segments", "/api/snapshots", "/api/scatter", "/api/customers/12347"] {
        wait_for("the first look", || {
            let code = dashboard.get(path).problem(503);
            (code != "snapshot_loading").then(|| assert_eq!(code, "no_snapshot"))
        });
    }
    assert_eq!(dashboard.get("/readyz").status, 503);
    assert_eq!(dashboard.get("/healthz").status, 200);
    assert_eq!(dashboard.get("/api/session").json()["warehouse"]["state"], "empty");
    // A misspelt path looks like a warehouse that is still to be made: the whole path is told, there and in the log.
    let folder = shop.folder.path().join("warehouse");
    let detail = dashboard.get("/api/segments").json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(folder.to_str().unwrap()) && detail.contains("warehouse.path"),
        "{detail}"
    );
    assert_eq!(
        dashboard.log().matches("there is no such folder").count(),
        1,
        "{}",
        dashboard.log()
    );
    std::fs::create_dir(&folder).unwrap();
    wait_for("the folder", || {
        let detail = dashboard.get("/api/segments").json()["detail"].clone();
        (detail == "No snapshot yet. The batch job, rfm-batch, publishes one.").then_some(())
    });

    shop.publish("2011-12-10", &customers());
    dashboard.wait_until_ready();
    assert_eq!(dashboard.get("/api/segments").json()["snapshot_date"], "2011-12-10");

    let newer: Vec<Customer> = customers().into_iter().take(3).collect();
    let run = shop.publish("2011-12-11", &newer);
    wait_for("the newer snapshot", || {
        (dashboard.get("/api/session").json()["snapshot"]["run_id"] == json!(run)).then_some(())
    });
    assert_eq!(dashboard.get("/api/segments").data()["model"]["customers"], 3);
    let snapshots = dashboard.get("/api/snapshots").data();
    assert_eq!(snapshots["snapshot_date"], json!(["2011-12-11", "2011-12-10"]));
    assert_eq!(snapshots["customers"], json!([3, 7]));
    assert_eq!(snapshots["is_current"], json!([true, false]));
    // The same day once more replaces it.
    let run = shop.publish("2011-12-11", &customers());
    wait_for("the replaced snapshot", || {
        (dashboard.get("/api/session").json()["snapshot"]["run_id"] == json!(run)).then_some(())
    });
    assert_eq!(dashboard.get("/api/segments").data()["model"]["customers"], 7);
    assert_eq!(dashboard.get("/api/segments?snapshot=2011-12-10").data()["model"]["customers"], 7);
}

#[test]
fn a_damaged_warehouse_is_not_an_empty_one() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let catalog = shop.folder.path().join("warehouse/_catalog/catalog.json");
    assert!(catalog.is_file());
    std::fs::write(&catalog, "{ not a catalog").unwrap();
    // What was loaded is still shown, with the problem beside it.
    wait_for("the problem", || {
        dashboard.get("/api/session").json()["warehouse"]["problem"].as_str().map(str::to_owned)
    });
    assert_eq!(dashboard.get("/api/segments").status, 200);
    let fresh = Running::start(&mut shop.command());
    let code = wait_for("the first look", || {
        Some(fresh.get("/api/segments").problem(503)).filter(|code| code != "snapshot_loading")
    });
    assert_eq!(code, "warehouse_unavailable");
    assert_eq!(fresh.get("/api/session").json()["warehouse"]["state"], "down");
}
