//! Looking up one customer in a sorted table.

use arrow::array::{AsArray, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use store::Location;
use warehouse::ddl::{SEGMENT_PROFILES, USER_RFM_BATCH};
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::read::{ReadError, find_customer};

use crate::rows::rows;
use crate::shop::ddl;

const N_ROWS: i64 = 200_000;

struct Lookup {
    _folder: tempfile::TempDir,
    files: Vec<Location>,
    schema: SchemaRef,
    all: RecordBatch,
}

impl Lookup {
    /// Customers 0, 3, 6, ... in files that begin at these rows.
    fn new(starts: &[i64], sorted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = ddl().table(USER_RFM_BATCH).unwrap().arrow_schema();
        let mut all = rows(&schema, 0, N_ROWS, 7);
        if !sorted {
            // every row once, far from its neighbours
            let order = (0..N_ROWS as u64).map(|row| row * 77_773 % N_ROWS as u64);
            all = take_record_batch(&all, &UInt64Array::from_iter_values(order)).unwrap();
        }
        let sorted_by = sorted.then(|| "customer_id".to_owned());
        let options = WriteOptions { sorted_by, ..WriteOptions::default() };
        let mut files = Vec::new();
        for (n, &start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(N_ROWS);
            let path = Location::local(folder.path()).join(&format!("part-{n:05}.parquet"));
            let mut file = ParquetFile::create(&path, &schema, &options).unwrap();
            file.write(&all.slice(start as usize, (end - start) as usize)).unwrap();
            files.push(file.finish().unwrap().path);
        }
        Self { _folder: folder, files, schema, all }
    }

    fn find(&self, customer_id: i64) -> Option<RecordBatch> {
        find_customer(&self.files, &self.schema, customer_id).unwrap()
    }
}

/// Bytes this thread has read from files so far.
fn bytes_read() -> u64 {
    let counters = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let rchar = counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    rchar.parse().unwrap()
}

#[test]
fn finds_each_customer_and_no_other() {
    let lookup = Lookup::new(&[0, 70_000, 190_000], true);
    let n_page = 4_096;
    let n_group = 65_536;
    let edges = [0, n_page, n_group, n_group + n_page, 70_000, 70_000 + n_group, 190_000, N_ROWS];
    let near = edges.iter().flat_map(|edge| [edge - 2, edge - 1, *edge, edge + 1]);
    for row in near.chain((0..N_ROWS).step_by(12_347)).filter(|row| (0..N_ROWS).contains(row)) {
        assert_eq!(lookup.find(row * 3).unwrap(), lookup.all.slice(row as usize, 1), "row {row}");
        assert_eq!(lookup.find(row * 3 + 1), None, "row {row}");
    }
    for nobody in [i64::MIN, -3, -1, N_ROWS * 3, i64::MAX] {
        assert_eq!(lookup.find(nobody), None);
    }
}

#[test]
fn reads_few_pages() {
    let lookup = Lookup::new(&[0], true);
    let size = std::fs::metadata(lookup.files[0].path()).unwrap().len();
    let measure = |customer_id| {
        let before = bytes_read();
        let found = lookup.find(customer_id).is_some();
        (found, bytes_read() - before)
    };
    let (found, missing) = measure(300_001);
    assert!(!found);
    let (found, present) = measure(300_000);
    assert!(found);
    // Outside all row groups only the footer and the page index are read: they are the same for every look-up.
    let (_, footer) = measure(-1);
    assert!(size > 7_000_000, "{size}");
    assert!(footer < 32 * 1024, "footer {footer}");
    // One page of the key.
    assert!(missing - footer < 32 * 1024, "missing {missing}, footer {footer}");
    // One page of each of the nine columns, and the dictionaries of those that have one.
    assert!(present - footer < 400 * 1024, "present {present}, footer {footer}");
}

#[test]
fn does_not_rely_on_the_order() {
    let lookup = Lookup::new(&[0, 100_000], false);
    let ids = lookup.all.column(0).as_primitive::<Int64Type>();
    for row in (0..N_ROWS as usize).step_by(39_999) {
        assert_eq!(lookup.find(ids.value(row)).unwrap(), lookup.all.slice(row, 1));
    }
    assert_eq!(lookup.find(1), None);
}

#[test]
fn a_table_without_customers_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let schema = ddl().table(SEGMENT_PROFILES).unwrap().arrow_schema();
    let folder = Location::local(temporary.path());
    let path = folder.join("x.parquet");
    let mut file = ParquetFile::create(&path, &schema, &WriteOptions::default()).unwrap();
    file.write(&rows(&schema, 0, 4, 1)).unwrap();
    file.finish().unwrap();
    let error = find_customer(std::slice::from_ref(&path), &schema, 1).unwrap_err();
    assert!(matches!(error, ReadError::NoKey { .. }), "{error}");
    let nowhere = [folder.join("y.parquet")];
    let error = find_customer(&nowhere, &schema, 1).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
