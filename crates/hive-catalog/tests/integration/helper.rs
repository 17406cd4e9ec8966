//! Metastores, and warehouse folders on HDFS that belong to one test each.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, Metastore, MetastoreSettings};
use hive_metastore::{
    Database, EnvironmentContext, Table, ThriftHiveMetastoreClient,
    ThriftHiveMetastoreClientBuilder,
};
use store::{Location, Stores};
use test_cluster::{Cluster, Part};
use tokio::runtime::Runtime;
use volo_thrift::MaybeException;
use volo_thrift::codec::default::DefaultMakeCodec;
use warehouse::ddl::{Ddl, Naming};
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, Published};
use warehouse::run_id::RunId;

use crate::rows::rows;

/// How long a test waits for another publication of its own.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(60);
/// The user that the tests give.
pub(crate) const USER: &str = "shopkeeper";

/// All tests but those in `outages` share one cluster and leave its daemons alone.
pub(crate) fn cluster() -> &'static Cluster {
    Cluster::shared(&[Part::Hive, Part::Metastore3])
}

static STORES: LazyLock<Stores> = LazyLock::new(|| stores(cluster()));

pub(crate) fn stores(cluster: &Cluster) -> Stores {
    let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
    Stores::local().with(HdfsStores::new(conf))
}

/// The two versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    Hive4,
    Hive3,
}

impl Version {
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Hive4 => cluster().metastore_uri(),
            Self::Hive3 => cluster().metastore3_uri(),
        }
    }
}

/// Makes two tests of a function: one a version.
macro_rules! on_both {
    ($($(#[$attribute:meta])* fn $name:ident($version:ident: Version) $body:block)*) => {
        $($(#[$attribute])* fn $name($version: Version) $body)*
        mod hive4 {
            $(#[test] fn $name() { super::$name(crate::helper::Version::Hive4); })*
        }
        mod hive3 {
            $(#[test] fn $name() { super::$name(crate::helper::Version::Hive3); })*
        }
    };
}
pub(crate) use on_both;

/// A word that no other test has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // A cluster may outlive the process, so the number of the process is not enough.
    let run = RunId::new(SystemTime::now());
    let digits = &run.as_str()[run.as_str().len() - 8..];
    format!("t{digits}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn settings(uris: &str) -> MetastoreSettings {
    MetastoreSettings {
        uris: Address::parse_list(uris).unwrap(),
        user: USER.to_owned(),
        timeout: Duration::from_secs(60),
        keep_trying: Duration::from_secs(10),
    }
}

pub(crate) fn metastore(uris: &str) -> Metastore {
    Metastore::new(settings(uris)).unwrap()
}

/// A warehouse folder with a database.
pub(crate) struct Shop {
    pub(crate) uris: String,
    pub(crate) database: String,
    pub(crate) warehouse: Location,
    pub(crate) ddl: Ddl,
    pub(crate) catalog: HiveCatalog,
}

impl Shop {
    pub(crate) fn new(version: Version) -> Self {
        Self::on(cluster(), version.uri())
    }

    pub(crate) fn on(cluster: &Cluster, uris: &str) -> Self {
        let name = unique();
        let warehouse = stores(cluster).locate(&format!("{}/{name}", cluster.hdfs_url())).unwrap();
        Self::with(&name, "", warehouse, uris)
    }

    pub(crate) fn with(database: &str, prefix: &str, warehouse: Location, uris: &str) -> Self {
        let ddl = Ddl::load(&Naming::new(database, prefix, &warehouse.uri()).unwrap()).unwrap();
        Self::of(database.to_owned(), ddl, warehouse, settings(uris))
    }

    /// The same tables for another process.
    pub(crate) fn again(&self, uris: &str) -> Self {
        self.calling(settings(uris))
    }

    pub(crate) fn calling(&self, settings: MetastoreSettings) -> Self {
        Self::of(self.database.clone(), self.ddl.clone(), self.warehouse.clone(), settings)
    }

    fn of(database: String, ddl: Ddl, warehouse: Location, settings: MetastoreSettings) -> Self {
        let uris = settings.uris.iter().map(Address::to_string).collect::<Vec<_>>().join(",");
        let (client, lease) = (Metastore::new(settings).unwrap(), Duration::from_secs(30));
        let catalog = HiveCatalog::new(client, warehouse.clone(), ddl.clone(), lease);
        Self { uris, database, warehouse, ddl, catalog }
    }

    pub(crate) fn begin(
        &self,
        date: &str,
        wait: Duration,
    ) -> Result<Publication<'_>, PublishError> {
        let options =
            PublicationOptions { lock_wait: wait, keep_old_runs: Duration::from_secs(3_600) };
        let run_id = RunId::new(SystemTime::now());
        let date = date.parse().unwrap();
        let Ddl { tables, views, .. } = &self.ddl;
        Publication::begin(&self.catalog, tables, views, run_id, date, &options)
    }

    /// Publishes `n_rows` made-up rows of each table in one file.
    pub(crate) fn publish(&self, date: &str, n_rows: i64) -> Result<Published, PublishError> {
        let publication = self.begin(date, LOCK_WAIT)?;
        self.write_and_publish(publication, n_rows)
    }

    pub(crate) fn write_and_publish(
        &self,
        publication: Publication<'_>,
        n_rows: i64,
    ) -> Result<Published, PublishError> {
        let mut written = Vec::new();
        for table in &self.ddl.tables {
            let mut writer = publication.table_writer(table, WriteOptions::default())?;
            writer.write(&rows(&table.arrow_schema(), 0, n_rows, 1))?;
            written.push(writer.finish()?);
        }
        publication.publish(written)
    }
}

pub(crate) fn locate(path: &str) -> Location {
    STORES.locate(&format!("{}/{path}", cluster().hdfs_url())).unwrap()
}

/// A client of its own, for what the catalog does not do.
pub(crate) struct Raw {
    client: ThriftHiveMetastoreClient,
    runtime: Runtime,
}

impl Raw {
    pub(crate) fn new(uri: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let Address { port, .. } = uri.parse().unwrap();
        let client = ThriftHiveMetastoreClientBuilder::new("raw")
            .make_codec(DefaultMakeCodec::buffered())
            .address(std::net::SocketAddr::from(([127, 0, 0, 1], port)))
            .build();
        drop(_inside);
        Self { client, runtime }
    }

    pub(crate) fn create_database(&self, name: &str) {
        let database = Database { name: Some(name.to_owned().into()), ..Default::default() };
        self.wait(self.client.create_database(database));
    }

    pub(crate) fn create_table(&self, table: Table) {
        self.wait(self.client.create_table(table));
    }

    pub(crate) fn alter_table(&self, table: Table) {
        let database = table.db_name.clone().unwrap();
        let name = table.table_name.clone().unwrap();
        let context = EnvironmentContext { properties: None };
        self.wait(self.client.alter_table_with_environment_context(database, name, table, context));
    }

    pub(crate) fn drop_partition(&self, database: &str, table: &str, name: &str) {
        let [database, table, name] = [database, table, name].map(|text| text.to_owned().into());
        self.wait(self.client.drop_partition_by_name(database, table, name, false));
    }

    fn wait<T, E: std::fmt::Debug>(
        &self,
        call: impl Future<Output = Result<MaybeException<T, E>, volo_thrift::ClientError>>,
    ) -> T {
        match self.runtime.block_on(call).unwrap() {
            MaybeException::Ok(value) => value,
            MaybeException::Exception(exception) => panic!("{exception:?}"),
        }
    }
}
