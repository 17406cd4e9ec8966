//! The program's numbers against the rules, computed naively, for every customer.

use order_model::Date;
use proptest::prelude::*;
use serde_json::Value;

use crate::job::{HEADER, Job, orders};
use crate::naive::{self, Expected};

fn counts(report: &Value) -> (u64, u64, Vec<u64>) {
    let rows = &report["rows"];
    let rejected = rows["rejected"].as_array().unwrap();
    let rejected = rejected.iter().map(|reason| reason["rows"].as_u64().unwrap()).collect();
    (rows["read"].as_u64().unwrap(), rows["kept"].as_u64().unwrap(), rejected)
}

fn check(job: &Job, report: &Value, expected: &Expected) {
    let date = report["snapshot_date"].as_str().unwrap();
    assert_eq!(counts(report), (expected.rows, expected.kept, expected.rejected.to_vec()));
    assert_eq!(job.customers(date), expected.customers);
    assert_eq!(report["orders"].as_u64(), Some(expected.orders));
}

#[test]
fn every_customer_agrees_with_a_naive_computation() {
    for (seed, fault_rate) in [(1, 0.0), (2, 0.05)] {
        let job = Job::new();
        let csv = orders(60_000, seed, fault_rate);
        job.put("orders.csv", &csv);
        let report = job.report(&["--input", "orders.csv"]);
        check(&job, &report, &naive::compute(&csv, None));
        let malformed = counts(&report).2[0];
        assert_eq!(malformed > 1_000, fault_rate > 0.0, "{malformed}");
        // An earlier snapshot of the same input.
        let date = "2011-06-01";
        let report = job.report(&["--input", "orders.csv", "--snapshot-date", date]);
        let day: Date = date.parse().unwrap();
        check(&job, &report, &naive::compute(&csv, Some(i64::from(day.days()))));
        assert!(report["rows"]["after_snapshot"].as_u64().unwrap() > 10_000);
    }
}

#[test]
fn segments_sum_up_their_customers() {
    let job = Job::new();
    let csv = orders(60_000, 3, 0.0);
    job.put("orders.csv", &csv);
    let report = job.report(&["--input", "orders.csv"]);
    let expected = naive::compute(&csv, None);
    let revenue: i128 = expected.customers.values().map(|c| c.monetary).sum();
    let text = format!("{}.{:04}", revenue / 10_000, revenue % 10_000);
    assert_eq!(report["revenue"], text);
    let segments = report["segments"].as_array().unwrap();
    let names: Vec<_> = segments.iter().map(|s| s["segment"].as_str().unwrap()).collect();
    assert_eq!(names, ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"]);
    let sum = |key: &str| segments.iter().map(|s| s[key].as_f64().unwrap()).sum::<f64>();
    assert_eq!(sum("customers"), expected.customers.len() as f64);
    assert!((sum("share") - 1.0).abs() < 1e-9 && (sum("revenue_share") - 1.0).abs() < 1e-9);
    // The names mean what they say.
    let value = |segment: usize, key: &str| segments[segment][key].as_f64().unwrap();
    for other in [1, 2, 3] {
        assert!(value(0, "avg_recency_days") > value(other, "avg_recency_days"));
    }
    assert!(value(1, "avg_frequency") > value(2, "avg_frequency"));
    let monetary = |segment: usize| {
        segments[segment]["avg_monetary"].as_str().unwrap().parse::<f64>().unwrap()
    };
    assert!((0..3).all(|segment| monetary(3) > monetary(segment)));
}

#[test]
fn duplicates_count_once_only_if_asked() {
    let job = Job::new();
    let row = |invoice: u32, customer: u32| {
        format!("{invoice},S,T,{customer},12/{customer}/2010 8:26,1.5,{customer},UK\r\n")
    };
    let mut csv = HEADER.to_owned();
    for customer in 1..=9 {
        // The same line four times; then one that differs in the invoice alone.
        csv += &row(customer, customer).repeat(4);
        csv += &row(customer + 100, customer);
    }
    job.put("orders.csv", csv);
    let all = job.report(&["--input", "orders.csv"]);
    assert_eq!((&all["rows"]["kept"], &all["rows"]["duplicates"]), (&45.into(), &0.into()));
    assert_eq!(job.customers("2010-12-10")[&3].monetary, 5 * 3 * 15_000);
    let once = job.report(&["--input", "orders.csv", "--set", "batch.drop_duplicates=true"]);
    assert_eq!((&once["rows"]["kept"], &once["rows"]["duplicates"]), (&18.into(), &27.into()));
    let customer = &job.customers("2010-12-10")[&3];
    assert_eq!((customer.monetary, customer.frequency), (2 * 3 * 15_000, 2));
}

#[test]
fn little_memory_spills_and_changes_nothing() {
    let job = Job::new();
    job.put("orders.csv", orders(120_000, 5, 0.0));
    let plain = job.report(&["--input", "orders.csv"]);
    let date = plain["snapshot_date"].as_str().unwrap();
    let tables = ["ecom_user_rfm_batch", "ecom_user_segments"];
    // Without duplicates every line is a group of its own, which fits no small memory.
    let once = ["--input", "orders.csv", "--set", "batch.drop_duplicates=true"];
    let large = job.report(&once);
    let expected = tables.map(|table| job.file_bytes(table, date));
    let mut little = once.to_vec();
    little.extend(["--set", "batch.memory=64 MiB", "--set", "batch.temp_folder=spill"]);
    std::fs::create_dir(job.path().join("spill")).unwrap();
    let small = job.report(&little);
    assert_eq!(large["rows"], small["rows"]);
    assert_eq!(tables.map(|table| job.file_bytes(table, date)), expected);
    assert_eq!(std::fs::read_dir(job.path().join("spill")).unwrap().count(), 0, "spill files stay");
    let spilled = small["spilled_bytes"].as_u64().unwrap();
    assert!(spilled > 0 && large["spilled_bytes"].as_u64() == Some(0), "{spilled}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Any rows of a small alphabet, so that customers, invoices and dates meet often.
    #[test]
    fn random_rows_agree_with_a_naive_computation(
        rows in proptest::collection::vec(
            ("[CA]?[1-9]", -2..9_i32, 1..13_u32, 1..30_u32, "[0-9]{1,3}([.][0-9]{0,5})?", "[1-9]?[0-9]?", "[A-C]?"),
            60..200,
        )
    ) {
        let mut csv = HEADER.to_owned();
        for (invoice, quantity, month, day, price, customer, country) in rows {
            csv += &format!("{invoice},S,T,{quantity},{month}/{day}/2011 7:05,{price},{customer},{country}\n");
        }
        let expected = naive::compute(csv.as_bytes(), None);
        let job = Job::new();
        job.put("orders.csv", csv);
        let ended = job.run(&["--input", "orders.csv", "--set", "batch.clustering.k=2", "--report", "r.json"]);
        if ended.code == Some(0) {
            let report = std::fs::read(job.path().join("r.json")).unwrap();
            check(&job, &serde_json::from_slice(&report).unwrap(), &expected);
        } else {
            // k-means needs two customers that differ.
            prop_assert!(expected.customers.len() < 3, "{ended:?}");
        }
    }
}
