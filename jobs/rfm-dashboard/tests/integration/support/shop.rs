//! A warehouse in a folder, with snapshots as the batch job publishes them.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use kafka_client::EmbeddedBroker;
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::run_id::RunId;

use super::orders::{TOPIC, Topic};
use super::program::command;

/// The segments of the batch job, by number.
pub(crate) const SEGMENTS: [&str; 4] =
    ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"];

/// A customer of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) segment: i32,
    pub(crate) recency: i32,
    pub(crate) frequency: i64,
    /// Ten-thousandths.
    pub(crate) monetary: i128,
}

/// Customers of whom something can be said: 12347 is the second of the VIPs.
pub(crate) fn customers() -> Vec<Customer> {
    let customer = |(id, segment, recency, frequency, monetary)| Customer {
        id,
        segment,
        recency,
        frequency,
        monetary,
    };
    [
        (12_346, 3, 326, 1, 771_836_000),
        (12_347, 3, 3, 7, 43_100_000),
        (12_348, 1, 76, 4, 17_972_400),
        (12_349, 2, 19, 1, 17_575_500),
        (12_350, 0, 311, 1, 3_344_000),
        (12_352, 1, 37, 8, 25_060_400),
        (i64::MAX, 0, 300, 1, 3_344_000),
    ]
    .map(customer)
    .to_vec()
}

/// A warehouse, and maybe a broker.
pub(crate) struct Shop {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) ddl: Ddl,
    pub(crate) broker: Option<EmbeddedBroker>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warehouse");
        let naming = Naming::new("default", "", path.to_str().unwrap()).unwrap();
        let (ddl, catalog) = (Ddl::load(&naming).unwrap(), Arc::new(LocalCatalog::new(&path)));
        Self { folder, catalog, ddl, broker: None }
    }

    /// With the customers above in the snapshot of 2011-12-10.
    pub(crate) fn open() -> Self {
        let shop = Self::new();
        shop.publish("2011-12-10", &customers());
        shop
    }

    pub(crate) fn with_broker(mut self) -> Self {
        self.broker = Some(EmbeddedBroker::start(&[(TOPIC, 1)]).unwrap());
        self
    }

    pub(crate) fn brokers(&self) -> &str {
        self.broker.as_ref().unwrap().bootstrap_servers()
    }

    pub(crate) fn topic(&self) -> Topic {
        Topic::new(self.brokers())
    }

    /// The program on this warehouse at a free port, with the live view if there is a broker.
    pub(crate) fn command(&self) -> Command {
        self.command_on(TOPIC)
    }

    /// The same with another topic.
    pub(crate) fn command_on(&self, topic: &str) -> Command {
        let mut command = command();
        command.current_dir(self.folder.path()).args(["--listen", "127.0.0.1:0"]);
        command.args(["--set", "dashboard.refresh=100ms"]);
        if self.broker.is_some() {
            command.args(["--topic", topic, "--brokers", self.brokers()]);
        }
        command
    }

    /// Publishes a snapshot as the batch job does, all tables at once. Gives the run.
    pub(crate) fn publish(&self, date: &str, customers: &[Customer]) -> String {
        let options = PublicationOptions {
            lock_wait: Duration::from_secs(60),
            keep_old_runs: Duration::from_secs(3_600),
        };
        let run = RunId::new(SystemTime::now());
        let run_id = run.to_string();
        let publication = Publication::begin(
            self.catalog.as_ref(),
            &self.ddl.tables,
            &self.ddl.views,
            run,
            date.parse().unwrap(),
            &options,
        )
        .unwrap();
        let mut written = Vec::new();
        for table in &self.ddl.tables {
            let mut writer = publication.table_writer(table, WriteOptions::default()).unwrap();
            let batch = if table.name.ends_with("profiles") {
                profiles(table, customers, &run_id)
            } else {
                by_customer(table, customers)
            };
            writer.write(&batch).unwrap();
            written.push(writer.finish().unwrap());
        }
        publication.publish(written).unwrap();
        run_id
    }
}

fn money(values: impl Iterator<Item = i128>, precision: u8) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(values);
    Arc::new(array.with_precision_and_scale(precision, 4).unwrap())
}

fn by_customer(table: &TableDef, customers: &[Customer]) -> RecordBatch {
    let schema = table.arrow_schema();
    let all = || customers.iter();
    let column = |name: &str| -> ArrayRef {
        match name {
            "customer_id" => Arc::new(Int64Array::from_iter_values(all().map(|c| c.id))),
            "recency_days" => Arc::new(Int32Array::from_iter_values(all().map(|c| c.recency))),
            "frequency" => Arc::new(Int64Array::from_iter_values(all().map(|c| c.frequency))),
            "monetary" => money(all().map(|c| c.monetary), 20),
            "segment_id" => Arc::new(Int32Array::from_iter_values(all().map(|c| c.segment))),
            "segment" => {
                let names = all().map(|c| SEGMENTS[c.segment as usize]);
                Arc::new(StringArray::from_iter_values(names))
            }
            "distance" => Arc::new(Float64Array::from_iter_values(all().map(|_| 0.5))),
            "rfm_group" => Arc::new(StringArray::from_iter_values(all().map(|_| "Champions"))),
            "country" => Arc::new(StringArray::from_iter_values(all().map(|_| "Iceland"))),
            // 2011-12-07T15:52:00Z
            "last_order" => {
                let times = all().map(|_| 1_323_273_120_000_000);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times))
            }
            "r_score" | "f_score" | "m_score" => {
                Arc::new(Int32Array::from_iter_values(all().map(|_| 5)))
            }
            other => panic!("no values for {other}"),
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

fn profiles(table: &TableDef, customers: &[Customer], run_id: &str) -> RecordBatch {
    let schema = table.arrow_schema();
    let ids: Vec<i32> = (0..4).filter(|id| customers.iter().any(|c| c.segment == *id)).collect();
    let of = |id: i32| customers.iter().filter(move |c| c.segment == id);
    let size = |id: i32| of(id).count() as i128;
    let revenue = |id: i32| of(id).map(|c| c.monetary).sum::<i128>();
    let total: i128 = customers.iter().map(|c| c.monetary).sum();
    let floats = |value: &dyn Fn(i32) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(ids.iter().map(|id| value(*id))))
    };
    let column = |name: &str| -> ArrayRef {
        match name {
            "segment_id" => Arc::new(Int32Array::from(ids.clone())),
            "segment" => {
                let names = ids.iter().map(|id| SEGMENTS[*id as usize]);
                Arc::new(StringArray::from_iter_values(names))
            }
            "customers" => {
                Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| size(*id) as i64)))
            }
            "share" => floats(&|id| size(id) as f64 / customers.len() as f64),
            "revenue" => money(ids.iter().map(|id| revenue(*id)), 24),
            "revenue_share" => floats(&|id| revenue(id) as f64 / total as f64),
            "avg_monetary" => money(ids.iter().map(|id| revenue(*id) / size(*id)), 20),
            "k" => Arc::new(Int32Array::from_iter_values(ids.iter().map(|_| 4))),
            "silhouette" => floats(&|_| 0.34),
            "run_id" => Arc::new(StringArray::from_iter_values(ids.iter().map(|_| run_id))),
            _ => floats(&|id| f64::from(id) + 0.5),
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}
