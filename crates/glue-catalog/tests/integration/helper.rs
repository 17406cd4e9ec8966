//! Warehouse folders with a database in Glue that belong to one test each.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_glue::Client;
use aws_sdk_glue::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_glue::types::Table;
use glue_catalog::{Glue, GlueSettings};
use hive_catalog::HiveCatalog;
use store::Location;
use tempfile::TempDir;
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming};
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, Published};
use warehouse::run_id::RunId;

use crate::rows::rows;
use crate::server::server;

/// How long a test waits for another publication of its own.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(60);
/// The user that the tests give.
pub(crate) const USER: &str = "shopkeeper";

/// A word that no other test has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("shop{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn settings() -> GlueSettings {
    GlueSettings {
        catalog_id: None,
        user: USER.to_owned(),
        timeout: Duration::from_secs(60),
        keep_trying: Duration::from_secs(10),
    }
}

/// Of the imitation, or of whoever answers at `url`.
pub(crate) fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("testing", "testing", None, None, "the tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(crate) fn glue() -> Glue {
    Glue::with_config(&config(&server().url()), settings()).unwrap()
}

/// A warehouse folder with a database.
pub(crate) struct Shop {
    _folder: Option<TempDir>,
    pub(crate) database: String,
    pub(crate) warehouse: Location,
    pub(crate) ddl: Ddl,
    pub(crate) catalog: HiveCatalog,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Self::at(&unique(), &folder.path().join("warehouse"), glue());
        shop._folder = Some(folder);
        shop
    }

    pub(crate) fn at(database: &str, folder: &Path, glue: Glue) -> Self {
        let warehouse = Location::local(folder);
        let ddl = Ddl::load(&Naming::new(database, "", &warehouse.uri()).unwrap()).unwrap();
        let lease = Duration::from_secs(30);
        let catalog = HiveCatalog::new(glue, warehouse.clone(), ddl.clone(), lease);
        Self { _folder: None, database: database.to_owned(), warehouse, ddl, catalog }
    }

    /// The same tables for another process.
    pub(crate) fn again(&self, glue: Glue) -> Self {
        Self::at(&self.database, self.warehouse.local_path().unwrap(), glue)
    }

    /// What is to happen to the next request of this kind.
    pub(crate) fn on(&self, operation: &str, fault: &str) {
        server().on(&self.database, operation, fault);
    }

    /// All that was to happen has happened.
    pub(crate) fn check(&self) {
        server().check(&self.database);
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

    /// The date and the number of rows of what each view shows.
    pub(crate) fn shown(&self) -> Vec<(String, u64)> {
        let state = self.catalog.load().unwrap();
        let of = |view: &warehouse::ddl::ViewDef| {
            let (_, partition) = state.resolve_view(&view.qualified_name())?;
            let files = self.catalog.data_files(partition).unwrap();
            assert!(!files.is_empty(), "{}", partition.location);
            let date = state.view(&view.qualified_name())?.snapshot_date.to_string();
            Some((date, partition.rows().unwrap()))
        };
        self.ddl.views.iter().filter_map(of).collect()
    }

    /// A table or view as AWS's client has it.
    pub(crate) fn raw_table(&self, name: &str) -> Table {
        raw(|client| {
            let request = client.get_table().database_name(&self.database).name(name);
            async { request.send().await.unwrap().table.unwrap() }
        })
    }
}

/// A request past the catalog.
pub(crate) fn raw<T, F: Future<Output = T>>(request: impl FnOnce(Client) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&config(&server().url()));
    runtime.block_on(request(client))
}
