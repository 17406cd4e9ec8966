//! The Online Retail data set (`$ONLINE_RETAIL_CSV`), against its published figures and two independent computations.

use serde_json::json;

use crate::independent_reader;
use crate::job::Job;
use crate::naive;

#[test]
fn the_figures_of_online_retail() {
    let csv = std::env::var("ONLINE_RETAIL_CSV")
        .expect("ONLINE_RETAIL_CSV must name the uncompressed CSV of the Online Retail data set");
    let job = Job::new();
    let report = job.report(&["--input", &csv, "--snapshot-date", "2011-12-10"]);
    assert_eq!(report["customers"], 4_338);
    assert_eq!(report["orders"], 18_532);
    assert_eq!(report["revenue"], "8911407.9040");
    assert_eq!(report["rows"]["read"], 541_909);
    assert_eq!(report["rows"]["kept"], 397_884);
    let rejected = json!([
        {"reason": "malformed", "rows": 0},
        {"reason": "missing_customer", "rows": 135_080},
        {"reason": "cancelled", "rows": 8_905},
        {"reason": "non_positive_quantity", "rows": 0},
        {"reason": "non_positive_price", "rows": 40},
    ]);
    assert_eq!(report["rows"]["rejected"], rejected);
    let customers = job.customers("2011-12-10");
    let values = |id: i64| {
        let customer = &customers[&id];
        (customer.recency_days, customer.frequency, customer.monetary)
    };
    assert_eq!(values(12_347), (3, 7, 43_100_000));
    assert_eq!(values(12_348), (76, 4, 17_972_400));
    let bytes = std::fs::read(&csv).unwrap();
    assert_eq!(customers, naive::compute(&bytes, Some(15_318)).customers);
    independent_reader::check(&job, &csv, "2011-12-10");
    // The default snapshot date is the same day, and every rejected row is kept.
    let again = job.report(&["--input", &csv]);
    assert_eq!(again["snapshot_date"], "2011-12-10");
    let rejects = again["files"][0]["rejects_files"][0].as_str().unwrap();
    let rejects = std::fs::read(job.path().join(rejects)).unwrap();
    assert_eq!(rejects.iter().filter(|&&b| b == b'\n').count(), 1 + 135_080 + 8_905 + 40);
    // Dropping duplicates drops the 5,192 of the data set's description.
    let once = job.report(&["--input", &csv, "--set", "batch.drop_duplicates=true"]);
    assert_eq!(once["rows"]["duplicates"], 5_192);
}
