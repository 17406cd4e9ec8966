//! Reads a file's bytes through a scan, and says what came of it in a form that can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use order_csv::{CsvError, OrderScan, ScanOptions, resolve, split_last_seen_key};
use order_model::{DateFormat, Rejection};
use store::{Location, Stores};

/// (customer, invoice) -> amount in ten-thousandths, lines, latest instant and its country.
pub(crate) type Invoices = BTreeMap<(i64, String), (i128, i64, (i64, String))>;

#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub invoices: Invoices,
    pub rows: u64,
    pub kept: u64,
    pub after_snapshot: u64,
    pub rejected: Vec<(Rejection, u64)>,
    pub date_format: Option<DateFormat>,
    pub rejects_file: Option<Vec<u8>>,
}

/// Reads `content` as a file with this number of workers, which take turns.
pub(crate) fn read(
    content: &[u8],
    options: &ScanOptions,
    workers: usize,
) -> Result<Reading, CsvError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("orders.csv");
    fs::write(&path, content).expect("a temporary file");
    let rejects_folder = Some(Location::local(folder.path().join("rejects")));
    let options = ScanOptions { rejects_folder, ..options.clone() };
    let inputs = resolve(&Stores::local(), path.to_str().expect("a UTF-8 path"))?;
    let scan = OrderScan::open(inputs, options)?;
    let scan = Arc::new(scan);
    let mut workers: Vec<_> = (0..workers).map(|_| scan.worker()).collect();
    let mut invoices = Invoices::new();
    while !workers.is_empty() {
        let mut running = Vec::with_capacity(workers.len());
        for mut worker in workers {
            if let Some(batch) = worker.next_batch()? {
                add(&batch, &mut invoices);
                running.push(worker);
            }
        }
        workers = running;
    }
    let summary = scan.finish()?;
    let rejected: u64 = summary.rejected.iter().map(|(_, rows)| rows).sum();
    assert_eq!(summary.rows, summary.kept + summary.after_snapshot + rejected);
    let lines: i64 = invoices.values().map(|(_, lines, _)| lines).sum();
    assert_eq!(summary.kept, lines as u64, "lines in the runs");
    let [file] = &summary.files[..] else { unreachable!("one file was given") };
    Ok(Reading {
        invoices,
        rows: summary.rows,
        kept: summary.kept,
        after_snapshot: summary.after_snapshot,
        rejected: summary.rejected,
        date_format: file.date_format,
        rejects_file: file.rejects_files.first().and_then(|file| file.read().expect("rejects")),
    })
}

fn add(batch: &RecordBatch, invoices: &mut Invoices) {
    let customers = batch["customer_id"].as_primitive::<Int64Type>();
    let amounts = batch["amount"].as_primitive::<Decimal128Type>();
    let lines = batch["lines"].as_primitive::<Int64Type>();
    for row in 0..batch.num_rows() {
        let invoice = batch["invoice"].as_string_view().value(row).to_owned();
        let key = batch["last_seen"].as_binary::<i32>().value(row);
        let (instant, country) = split_last_seen_key(key).expect("a key of the scan");
        let latest = (instant.micros(), country.to_owned());
        match invoices.entry((customers.value(row), invoice)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((amounts.value(row), lines.value(row), latest));
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let sums = entry.get_mut();
                sums.0 += amounts.value(row);
                sums.1 += lines.value(row);
                sums.2 = latest.max(sums.2.clone());
            }
        }
    }
}

/// Packed without being compressed: what is tested is the reader.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}
