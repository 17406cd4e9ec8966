//! Looking up one customer in a sorted table.

use arrow::array::{AsArray, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use customer_lookup::CustomerFiles;
use store::Location;
use warehouse::ddl::{Ddl, Naming, SEGMENT_PROFILES, USER_RFM_BATCH};
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::read::ReadError;

use crate::rows::rows;

const N_ROWS: i64 = 200_000;

struct Lookup {
    _folder: tempfile::TempDir,
    open: CustomerFiles,
    bytes: u64,
    all: RecordBatch,
}

fn schema_of(table: &str) -> SchemaRef {
    let ddl = Ddl::load(&Naming::new("default", "", "/warehouse").unwrap()).unwrap();
    ddl.table(table).unwrap().arrow_schema()
}

fn open(files: &[Location], schema: &SchemaRef) -> Result<CustomerFiles, ReadError> {
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    CustomerFiles::open(files, schema, &columns)
}

impl Lookup {
    /// Customers 0, 3, 6, ... in files that begin at these rows.
    fn new(starts: &[i64], sorted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = schema_of(USER_RFM_BATCH);
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
        let size = |file: &Location| std::fs::metadata(file.path()).unwrap().len();
        let bytes = files.iter().map(size).sum();
        let open = open(&files, &schema).unwrap();
        Self { _folder: folder, open, bytes, all }
    }

    fn find(&self, customer_id: i64) -> Option<RecordBatch> {
        self.open.find(customer_id).unwrap()
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
    let measure = |customer_id| {
        let before = bytes_read();
        let found = lookup.find(customer_id).is_some();
        (found, bytes_read() - before)
    };
    // What asking costs.
    let (_, nothing) = measure(-1);
    assert!(lookup.bytes > 7_000_000 && nothing < 1_024, "{} {nothing}", lookup.bytes);
    // One page of each of the nine columns, and the dictionaries of those that have one. Whether the customer is on its page is
    // known only afterwards.
    for (customer_id, is_there) in [(300_000, true), (300_001, false)] {
        let (found, read) = measure(customer_id);
        assert!(found == is_there && read < 400 * 1024, "{customer_id}: {read}");
    }
}

#[test]
fn reads_the_columns_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (schema, path) = (schema_of(USER_RFM_BATCH), Location::local(folder.path()).join("a"));
    let all = rows(&schema, 0, 10, 1);
    let mut file = ParquetFile::create(&path, &schema, &WriteOptions::default()).unwrap();
    file.write(&all).unwrap();
    file.finish().unwrap();
    let columns = ["last_order", "country"];
    let open = CustomerFiles::open(std::slice::from_ref(&path), &schema, &columns).unwrap();
    let found = open.find(9).unwrap().unwrap();
    let names: Vec<String> =
        found.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["last_order", "country"]);
    for name in columns {
        assert_eq!(
            found.column_by_name(name),
            Some(&all.column_by_name(name).unwrap().slice(3, 1))
        );
    }
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
    let schema = schema_of(SEGMENT_PROFILES);
    let folder = Location::local(temporary.path());
    let path = folder.join("x.parquet");
    let mut file = ParquetFile::create(&path, &schema, &WriteOptions::default()).unwrap();
    file.write(&rows(&schema, 0, 4, 1)).unwrap();
    file.finish().unwrap();
    let error = open(std::slice::from_ref(&path), &schema).unwrap_err();
    assert!(matches!(error, ReadError::NoKey { .. }), "{error}");
    let nowhere = [folder.join("y.parquet")];
    let error = open(&nowhere, &schema).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
