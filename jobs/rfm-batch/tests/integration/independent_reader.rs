//! DuckDB, which shares no code with the suite, computes the customers from the CSV itself and reads the tables: both must agree.

use std::process::Command;

use warehouse::catalog::Catalog as _;

use crate::job::{Job, orders};

/// Checks the tables of a snapshot against the CSV. Needs Python with the package `duckdb`: `$RFM_PYTHON`, else `python3`.
pub fn check(job: &Job, csv: &str, date: &str) {
    let (catalog, state) = job.catalog();
    let files = |table: &str| {
        let table = state.table(&format!("default.{table}")).unwrap();
        let partition = table.snapshot(&date.parse().unwrap()).unwrap();
        let files = catalog.data_files(partition).unwrap();
        files.iter().map(|f| f.path().to_owned()).collect::<Vec<_>>().join(",")
    };
    let python = std::env::var("RFM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python)
        .arg("-c")
        .arg(include_str!("independent_reader.py"))
        .args([csv, date])
        .args(["ecom_user_rfm_batch", "ecom_user_segments", "ecom_segment_profiles"].map(files))
        .current_dir(job.path())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {python}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{python} says: {text}");
    assert!(text.contains("all agree"), "{text}");
}

#[test]
fn duckdb_computes_and_reads_the_same() {
    let job = Job::new();
    let csv = job.put("orders.csv", orders(60_000, 21, 0.0));
    let report = job.report(&["--input", &csv]);
    check(&job, &csv, report["snapshot_date"].as_str().unwrap());
}
