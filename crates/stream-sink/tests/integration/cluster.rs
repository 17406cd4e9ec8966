//! The same on HDFS, with the tables in a Hive metastore.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, Metastore, MetastoreSettings};
use serde::{Deserialize, Serialize};
use store::Stores;
use stream_sink::fault;
use stream_sink::source::Source;
use test_cluster::{Cluster, Part};
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::run_id::RunId;

use crate::helper::{Place as AnyPlace, Task, Work};
use crate::orders::{FIRST, check_at_rest, check_visible, destination, source};
use crate::trouble::Process;
use crate::world::{Job, LOCK_WAIT};

/// A warehouse on a cluster, for a process that has not started it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    hadoop_conf_dir: PathBuf,
    metastore: String,
    warehouse: String,
    database: String,
}

impl Place {
    /// One that no other test has, with its tables.
    fn new() -> Self {
        let cluster = Cluster::shared(&[Part::Metastore]);
        let run = RunId::new(SystemTime::now());
        // A cluster may outlive the process, so its number is not enough.
        let database = format!("s{}", &run.as_str()[run.as_str().len() - 8..]);
        let place = Self {
            hadoop_conf_dir: cluster.hadoop_conf_dir().to_owned(),
            metastore: cluster.metastore_uri().to_owned(),
            warehouse: format!("{}/{database}", cluster.hdfs_url()),
            database,
        };
        let (catalog, tables) = place.open();
        catalog.create_tables(&tables, LOCK_WAIT).unwrap();
        place
    }

    pub(crate) fn open(&self) -> (HiveCatalog, Vec<TableDef>) {
        let conf = HadoopConf::from_dirs(Some(&self.hadoop_conf_dir), None).unwrap();
        let stores = Stores::local().with(HdfsStores::new(conf));
        let warehouse = stores.locate(&self.warehouse).unwrap();
        let naming = Naming::new(&self.database, "", &warehouse.uri()).unwrap();
        let ddl = Ddl::load(&naming).unwrap();
        let settings = MetastoreSettings {
            uris: Address::parse_list(&self.metastore).unwrap(),
            user: "shopkeeper".to_owned(),
            timeout: Duration::from_secs(60),
            keep_trying: Duration::from_secs(10),
        };
        let (client, lease) = (Metastore::new(settings).unwrap(), Duration::from_secs(30));
        let tables = ddl.order_tables.clone();
        (HiveCatalog::new(client, warehouse, ddl, lease), tables)
    }

    fn job(&self, name: &str) -> Job {
        let (catalog, tables) = self.open();
        Job::new(name, Arc::new(Process::default()), Arc::new(catalog), &tables)
    }

    fn task(&self, name: &str) -> Task {
        let work = Work::Stream { sources: 2, commits: 10 };
        Task { name: name.to_owned(), place: AnyPlace::Cluster(self.clone()), work }
    }

    fn check(&self, sources: &[Source]) -> Vec<i64> {
        let (catalog, tables) = self.open();
        check_visible(&catalog, &tables, sources, &destination)
    }

    fn settle(&self, sources: &[Source]) -> Vec<i64> {
        self.job("last").finish_all(sources);
        let (catalog, tables) = self.open();
        check_at_rest(&catalog, &tables, sources, &destination)
    }
}

#[test]
fn every_message_once_after_kills() {
    let (place, sources) = (Place::new(), [source(0), source(1)]);
    let mut ends = vec![FIRST; 2];
    for point in fault::POINTS {
        assert!(place.task("killed").is_killed_at(point), "{point} was not reached");
        let now = place.settle(&sources);
        assert!(now.iter().zip(&ends).all(|(now, before)| now >= before), "{point}");
        ends = now;
    }
    assert!(!place.task("whole").is_killed_at(""));
    let now = place.settle(&sources);
    // Ten commits of 12, 17 and 22 messages.
    let written = 4 * 12 + 3 * 17 + 3 * 22;
    assert_eq!(now, ends.iter().map(|end| end + written).collect::<Vec<_>>());
}

#[test]
fn a_zombie_is_fenced() {
    let (place, orders) = (Place::new(), source(0));
    let (mut zombie, mut other) = (place.job("zombie"), place.job("other"));
    zombie.take_over(&orders).unwrap();
    zombie.do_all(&orders, 20);
    // In files that are open when they are removed.
    zombie.write(&orders, 200).unwrap();
    other.take_over(&orders).unwrap();
    other.do_all(&orders, 30);
    let error = zombie.commit().unwrap_err();
    let expected = "orders.v1-e2[0] is written by somebody else now (other, since 20";
    assert!(error.to_string().starts_with(expected), "{error}");
    // Until its number is free again.
    let mut zombie = place.job("zombie");
    zombie.take_over(&orders).unwrap();
    zombie.write(&orders, 200).unwrap();
    other.take_over(&orders).unwrap();
    for _ in 0..10 {
        other.do_all(&orders, 3);
    }
    let error = zombie.commit().unwrap_err();
    assert!(error.to_string().contains("now (other, since 20"), "{error}");
    assert_eq!(place.check(std::slice::from_ref(&orders)), [FIRST + 80]);
    assert_eq!(place.settle(&[orders]), [FIRST + 80]);
}
