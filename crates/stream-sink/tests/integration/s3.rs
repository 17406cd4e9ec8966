//! The same in S3, as moto imitates it. The catalog is a file on the local disk: what is tried here is the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use hadoop_conf::HadoopConf;
use s3_store::S3Stores;
use serde::{Deserialize, Serialize};
use store::{Location, Stores};
use stream_sink::compact::{CompactOptions, compact};
use stream_sink::fault;
use stream_sink::source::Source;
use tempfile::TempDir;
use warehouse::catalog::{Catalog, CatalogError, CatalogLock, NewPartition, parquet_files};
use warehouse::catalog_state::{CatalogState, Partition};
use warehouse::claim::Claim;
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::local_catalog::LocalCatalog;

use crate::helper::{Place as AnyPlace, Task, Work};
use crate::orders::{FIRST, check_at_rest, check_visible, destination, source};
use crate::s3_server::server;
use crate::trouble::Process;
use crate::world::{Job, LOCK_WAIT};

/// A warehouse in S3, for a process that has not started the server.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    url: String,
    warehouse: String,
    catalog: PathBuf,
}

/// One of a test's own, with its tables.
struct Shop {
    place: Place,
    _folder: TempDir,
}

fn location(url: &str, address: &str) -> Location {
    let credentials = Credentials::new("testing", "testing", None, None, "the tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let stores = Stores::local().with(S3Stores::with_config(HadoopConf::default(), config));
    stores.locate(address).unwrap()
}

fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("s3://shop/stream-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Place {
    pub(crate) fn open(&self) -> (OnS3, Vec<TableDef>) {
        let warehouse = location(&self.url, &self.warehouse);
        let naming = Naming::new("default", "", &self.warehouse).unwrap();
        let tables = Ddl::load(&naming).unwrap().order_tables;
        (OnS3 { local: LocalCatalog::new(&self.catalog), warehouse }, tables)
    }
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().to_owned();
        let place = Place { url: server().url(), warehouse: unique(), catalog };
        let (catalog, tables) = place.open();
        catalog.create_tables(&tables, LOCK_WAIT).unwrap();
        Self { place, _folder: folder }
    }

    fn job(&self, name: &str) -> Job {
        let (catalog, tables) = self.place.open();
        Job::new(name, Arc::new(Process::default()), Arc::new(catalog), &tables)
    }

    fn task(&self, name: &str) -> Task {
        let work = Work::Stream { sources: 1, commits: 9 };
        Task { name: name.to_owned(), place: AnyPlace::S3(self.place.clone()), work }
    }

    fn check(&self, sources: &[Source]) -> Vec<i64> {
        let (catalog, tables) = self.place.open();
        check_visible(&catalog, &tables, sources, &destination)
    }

    fn settle(&self, sources: &[Source]) -> Vec<i64> {
        self.job("last").finish_all(sources);
        let (catalog, tables) = self.place.open();
        check_at_rest(&catalog, &tables, sources, &destination)
    }

    fn compact(&self) -> u64 {
        let (catalog, tables) = self.place.open();
        let options = CompactOptions {
            quiet: Duration::ZERO,
            settle: Duration::ZERO,
            keep_old: Duration::ZERO,
            lock_wait: LOCK_WAIT,
            ..CompactOptions::default()
        };
        compact(&catalog, &tables, &options, SystemTime::now(), &|| false).unwrap().partitions
    }
}

#[test]
fn every_message_once_after_kills_and_compactions() {
    let (shop, sources) = (Shop::new(), [source(0)]);
    let (mut ends, mut compacted) = (vec![FIRST], 0);
    for (number, point) in fault::POINTS.iter().enumerate() {
        assert!(shop.task("killed").is_killed_at(point), "{point} was not reached");
        if number % 2 == 0 {
            compacted += shop.compact();
        }
        let now = shop.settle(&sources);
        assert!(now.iter().zip(&ends).all(|(now, before)| now >= before), "{point}");
        ends = now;
    }
    assert!(!shop.task("whole").is_killed_at(""));
    compacted += shop.compact();
    assert!(compacted > 0);
    // Nine commits of 12, 17 and 22 messages.
    assert_eq!(shop.settle(&sources), [ends[0] + 3 * (12 + 17 + 22)]);
}

#[test]
fn a_zombie_is_fenced() {
    let (shop, orders) = (Shop::new(), source(0));
    let (mut zombie, mut other) = (shop.job("zombie"), shop.job("other"));
    zombie.take_over(&orders).unwrap();
    zombie.do_all(&orders, 20);
    zombie.write(&orders, 200).unwrap();
    other.take_over(&orders).unwrap();
    other.do_all(&orders, 30);
    let error = zombie.commit().unwrap_err();
    assert!(error.to_string().contains("now (other, since 20"), "{error}");
    // Until its number is free again.
    let mut zombie = shop.job("zombie");
    zombie.take_over(&orders).unwrap();
    zombie.write(&orders, 200).unwrap();
    other.take_over(&orders).unwrap();
    for _ in 0..10 {
        other.do_all(&orders, 3);
    }
    let error = zombie.commit().unwrap_err();
    assert!(error.to_string().contains("now (other, since 20"), "{error}");
    assert_eq!(shop.check(std::slice::from_ref(&orders)), [FIRST + 80]);
    assert_eq!(shop.settle(&[orders]), [FIRST + 80]);
}

#[test]
fn one_at_a_time_has_the_claim() {
    let (url, address) = (server().url(), unique());
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (url, address, inside) = (&url, &address, &inside);
            scope.spawn(move || {
                let folder = location(url, address);
                let owner = format!("run-{number}");
                let claim = Claim::acquire(&folder, &folder, &owner, LOCK_WAIT, LOCK_WAIT).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::sleep(Duration::from_millis(20));
                claim.check().unwrap();
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(location(&url, &address).list().unwrap(), []);
}

/// Times of objects are whole seconds, so a lease should be several.
#[test]
fn a_claim_that_is_kept_stays_and_one_that_is_silent_does_not() {
    let folder = location(&server().url(), &unique());
    let silent =
        r#"{"owner":"run-far","pid":1,"host":"far","since":"","process":"another boot/1"}"#;
    folder.join("claim").write(silent.as_bytes()).unwrap();
    let lease = Duration::from_secs(4);
    let start = std::time::Instant::now();
    let held = Claim::acquire(&folder, &folder, "run-b", LOCK_WAIT, lease).unwrap();
    assert!(start.elapsed() >= lease);
    let other = folder.clone();
    assert!(Claim::acquire(&other, &other, "run-c", 2 * lease, lease).is_err());
    held.check().unwrap();
    // Somebody else's, put there past all rules.
    folder.join("claim").remove_file().unwrap();
    folder.join("claim").write(b"{}").unwrap();
    assert!(matches!(held.check(), Err(CatalogError::LockLost { .. })));
    drop(held);
    assert_eq!(folder.join("claim").read().unwrap().unwrap(), b"{}");
}

/// A catalog on the local disk for tables in S3.
#[derive(Debug)]
pub(crate) struct OnS3 {
    local: LocalCatalog,
    warehouse: Location,
}

impl Catalog for OnS3 {
    fn warehouse(&self) -> &Location {
        &self.warehouse
    }

    fn load(&self) -> Result<CatalogState, CatalogError> {
        self.local.load()
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        self.local.acquire(owner, wait)
    }

    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        Ok(parquet_files(&self.warehouse.join(&partition.location))?)
    }

    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError> {
        self.local.create_tables(tables, wait)
    }

    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.local.add_partitions(table, partitions, wait)
    }

    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.local.partition_locations(table, names)
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        self.local.list_partitions(table)
    }

    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        // It wants to see the folder.
        self.local.warehouse().join(to).create_dir_all()?;
        self.local.move_partition(table, name, from, to, wait)
    }

    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.local.drop_partitions(table, names, wait)
    }
}
