//! Runs the program in a folder of its own and reads back what it wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use order_generator::{Dirt, Generator, GeneratorConfig};
use order_model::Date;
use serde_json::Value;
use warehouse::catalog::Catalog as _;
use warehouse::catalog_state::CatalogState;
use warehouse::local_catalog::LocalCatalog;
use warehouse::read::read_files;

pub const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A customer as the tables have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub recency_days: i32,
    pub frequency: i64,
    /// In ten-thousandths.
    pub monetary: i128,
    /// Microseconds.
    pub last_order: i64,
    pub country: String,
}

/// A folder with input and a warehouse.
pub struct Job {
    folder: tempfile::TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Job {
    pub fn new() -> Job {
        Job { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn warehouse(&self) -> PathBuf {
        self.path().join("warehouse")
    }

    /// Writes a file, and gives its path as the program gets it: relative to the folder it runs in.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        name.to_owned()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rfm-batch"));
        command.current_dir(self.path()).args(args);
        // Nothing of the environment that the tests run in may change a result.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RFM_")) {
            command.env_remove(name);
        }
        for name in ["RUST_LOG", "HADOOP_CONF_DIR", "HADOOP_HOME", "HIVE_CONF_DIR", "HIVE_HOME"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }

    /// Runs and expects success; the run report.
    pub fn report(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["--report", "report.json"]);
        let ended = self.run(&all);
        assert_eq!(ended.code, Some(0), "{args:?}\n{}\n{}", ended.stdout, ended.stderr);
        serde_json::from_slice(&std::fs::read(self.path().join("report.json")).unwrap()).unwrap()
    }

    pub fn catalog(&self) -> (LocalCatalog, CatalogState) {
        let catalog = LocalCatalog::new(self.warehouse());
        let state = catalog.load().unwrap();
        (catalog, state)
    }

    /// All rows of a table's snapshot, or of what a view shows if no date is given.
    pub fn rows(&self, name: &str, date: Option<&str>) -> Vec<RecordBatch> {
        let (catalog, state) = self.catalog();
        let name = format!("default.{name}");
        let (table, partition) = match date {
            Some(date) => {
                let table = state.table(&name).unwrap();
                (table, table.snapshot(&date.parse().unwrap()).unwrap())
            }
            None => state.resolve_view(&name).unwrap(),
        };
        let files = catalog.data_files(partition).unwrap();
        read_files(files, table.arrow_schema()).map(Result::unwrap).collect()
    }

    /// The rows of `ecom_user_rfm_batch` by customer.
    pub fn customers(&self, date: &str) -> BTreeMap<i64, Customer> {
        let mut customers = BTreeMap::new();
        for batch in self.rows("ecom_user_rfm_batch", Some(date)) {
            let ids = batch["customer_id"].as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let customer = Customer {
                    recency_days: batch["recency_days"].as_primitive::<Int32Type>().value(row),
                    frequency: batch["frequency"].as_primitive::<Int64Type>().value(row),
                    monetary: batch["monetary"].as_primitive::<Decimal128Type>().value(row),
                    last_order: batch["last_order"]
                        .as_primitive::<TimestampMicrosecondType>()
                        .value(row),
                    country: batch["country"].as_string::<i32>().value(row).to_owned(),
                };
                assert_eq!(customers.insert(ids.value(row), customer), None);
            }
        }
        customers
    }

    /// The data files of a snapshot of a table: name and bytes.
    pub fn file_bytes(&self, table: &str, date: &str) -> Vec<(String, Vec<u8>)> {
        let (catalog, state) = self.catalog();
        let table = state.table(&format!("default.{table}")).unwrap();
        let partition = table.snapshot(&date.parse().unwrap()).unwrap();
        let names = partition.files.iter().map(|file| file.name.clone());
        names
            .zip(catalog.data_files(partition).unwrap())
            .map(|(name, file)| (name, file.read().unwrap().unwrap()))
            .collect()
    }
}

pub fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Order lines as a shop exports them, with the dirt of the real data and `fault_rate` malformed rows.
pub fn orders(lines: u64, seed: u64, fault_rate: f64) -> Vec<u8> {
    let config = GeneratorConfig {
        seed,
        lines,
        customers: None,
        start: Date::from_ymd(2010, 12, 1).unwrap(),
        end: Date::from_ymd(2011, 12, 9).unwrap(),
        dirt: Dirt::default(),
        fault_rate,
    };
    let mut csv = Vec::new();
    Generator::new(config).unwrap().write_csv(&mut csv, |_| ()).unwrap();
    csv
}
