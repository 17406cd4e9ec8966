//! Where the program reads from and writes to: brokers, a warehouse and its catalog.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, new_null_array};
use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, Metastore, MetastoreSettings};
use store::Stores;
use test_cluster::Cluster;
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, TableDef, USER_SEGMENTS, USER_SEGMENTS_CURRENT};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::run_id::RunId;

use super::topic::unique;

/// The segments of the batch job.
pub(crate) const SEGMENTS: [&str; 4] =
    ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"];

/// Customers and the numbers of their segments.
pub(crate) type Snapshot = BTreeMap<i64, i32>;

/// A warehouse that no other test has, and the brokers to read from.
pub(crate) struct Place {
    pub(crate) brokers: String,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) ddl: Ddl,
    /// Sections `[warehouse]` and `[catalog]` of a configuration file.
    pub(crate) sections: String,
    /// What the program finds in its environment.
    pub(crate) envs: Vec<(&'static str, String)>,
    /// For configuration files, and the warehouse if that is local.
    pub(crate) folder: tempfile::TempDir,
    /// What was published, by date.
    pub(crate) published: Mutex<BTreeMap<String, Snapshot>>,
}

impl Place {
    /// HDFS, a Hive metastore and Kafka of a cluster.
    pub(crate) fn on_cluster(cluster: &Cluster, name: &str) -> Self {
        let database = unique(name);
        let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
        let stores = Stores::local().with(HdfsStores::new(conf));
        let path = format!("/tests/{database}");
        let warehouse = stores.locate(&path).unwrap();
        let ddl = Ddl::load(&Naming::new(&database, "", &warehouse.uri()).unwrap()).unwrap();
        let client = Metastore::new(MetastoreSettings {
            uris: Address::parse_list(cluster.metastore_uri()).unwrap(),
            user: "shopkeeper".to_owned(),
            timeout: Duration::from_secs(60),
            keep_trying: Duration::from_secs(10),
        });
        let lease = Duration::from_secs(30);
        let catalog = HiveCatalog::new(client.unwrap(), warehouse, ddl.clone(), lease);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Self {
            brokers: cluster.kafka_brokers().to_owned(),
            catalog: Arc::new(catalog),
            ddl,
            sections: format!(
                "[warehouse]\npath = \"{path}\"\ndatabase = \"{database}\"\n[catalog]\nkind = \"hive\"\n"
            ),
            envs: vec![
                ("HADOOP_CONF_DIR", text(cluster.hadoop_conf_dir())),
                ("HIVE_CONF_DIR", text(cluster.hive_conf_dir())),
            ],
            folder: tempfile::tempdir().unwrap(),
            published: Mutex::default(),
        }
    }

    /// A folder with the local catalog, and any brokers.
    pub(crate) fn local(brokers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warehouse");
        let naming = Naming::new("default", "", path.to_str().unwrap()).unwrap();
        Self {
            brokers: brokers.to_owned(),
            catalog: Arc::new(LocalCatalog::new(&path)),
            ddl: Ddl::load(&naming).unwrap(),
            sections: format!("[warehouse]\npath = \"{}\"\n", path.display()),
            envs: Vec::new(),
            folder,
            published: Mutex::default(),
        }
    }

    pub(crate) fn database(&self) -> &str {
        &self.order_tables()[0].database
    }

    /// The tables of orders and of rejected messages.
    pub(crate) fn order_tables(&self) -> &[TableDef] {
        &self.ddl.order_tables
    }

    /// Publishes a snapshot of segments as the batch job does: of these customers, with all other columns null.
    pub(crate) fn publish_segments(&self, date: &str, snapshot: Snapshot) {
        self.publish_named_segments(date, snapshot, &SEGMENTS);
    }

    /// The same, with segments of these names.
    pub(crate) fn publish_named_segments(&self, date: &str, snapshot: Snapshot, names: &[&str]) {
        let table = self.ddl.table(USER_SEGMENTS).unwrap().clone();
        let view = self.ddl.view(USER_SEGMENTS_CURRENT).unwrap().clone();
        let options = PublicationOptions {
            lock_wait: Duration::from_secs(60),
            keep_old_runs: Duration::from_secs(3_600),
        };
        let (tables, run) = ([table], RunId::new(SystemTime::now()));
        let day = date.parse().unwrap();
        let publication =
            Publication::begin(self.catalog.as_ref(), &tables, &[view], run, day, &options);
        let publication = publication.unwrap();
        let mut writer = publication.table_writer(&tables[0], WriteOptions::default()).unwrap();
        writer.write(&batch(&tables[0], &snapshot, names)).unwrap();
        // Before readers can see it: the program may be quick.
        self.published.lock().unwrap().insert(date.to_owned(), snapshot);
        publication.publish(vec![writer.finish().unwrap()]).unwrap();
    }
}

fn batch(table: &TableDef, snapshot: &Snapshot, names: &[&str]) -> RecordBatch {
    let schema = table.arrow_schema();
    let names = || snapshot.values().map(|id| names[*id as usize]);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "customer_id" => Arc::new(Int64Array::from_iter_values(snapshot.keys().copied())),
            "segment_id" => Arc::new(Int32Array::from_iter_values(snapshot.values().copied())),
            "segment" => Arc::new(StringArray::from_iter_values(names())),
            _ => new_null_array(field.data_type(), snapshot.len()),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}
