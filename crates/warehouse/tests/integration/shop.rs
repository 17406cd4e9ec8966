//! A warehouse folder with the three batch tables, filled with made-up rows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arrow::compute::concat_batches;
use tempfile::TempDir;
use warehouse::catalog::Catalog;
use warehouse::catalog_state::{CatalogState, CatalogTable, Partition};
use warehouse::ddl::{Ddl, Naming, TableDef, ViewDef};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, Published};
use warehouse::read::read_files;
use warehouse::run_id::RunId;

use crate::rows::rows;

/// Rows of every table of a snapshot.
pub(crate) const N_ROWS: i64 = 100;
/// How long a test waits for the lock in its own process. A process that another test starts holds copies of this
/// process's open files, its locks among them, between its fork and its exec.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(20);
/// Salts of the made-up rows are below this.
pub(crate) const MAX_SALT: i64 = 50;

pub(crate) struct Shop {
    _folder: Option<TempDir>,
    pub(crate) catalog: LocalCatalog,
}

pub(crate) fn ddl() -> Ddl {
    Ddl::load(&Naming::new("default", "", "/warehouse").unwrap()).unwrap()
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // a folder that does not exist yet: the first publication creates it
        let catalog = LocalCatalog::new(folder.path().join("a/warehouse"));
        Self { _folder: Some(folder), catalog }
    }

    /// A warehouse that somebody else cleans up.
    pub(crate) fn at(warehouse: &Path) -> Self {
        Self { _folder: None, catalog: LocalCatalog::new(warehouse) }
    }

    pub(crate) fn root(&self) -> &Path {
        self.catalog.folder()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// The same warehouse under another path.
    pub(crate) fn moved(self) -> Self {
        let new = self.root().with_file_name("elsewhere");
        std::fs::rename(self.root(), &new).unwrap();
        Self { _folder: self._folder, catalog: LocalCatalog::new(new) }
    }

    pub(crate) fn begin(&self, date: &str) -> Result<Publication<'_>, PublishError> {
        let ddl = ddl();
        self.begin_tables(&ddl.tables, &ddl.views, date, LOCK_WAIT)
    }

    pub(crate) fn begin_tables(
        &self,
        tables: &[TableDef],
        views: &[ViewDef],
        date: &str,
        lock_wait: Duration,
    ) -> Result<Publication<'_>, PublishError> {
        let run_id = RunId::new(SystemTime::now());
        let options = PublicationOptions { lock_wait, keep_old_runs: Duration::from_secs(3_600) };
        let date = date.parse().unwrap();
        Publication::begin(&self.catalog, tables, views, run_id, date, &options)
    }

    pub(crate) fn publish(&self, date: &str, salt: i64) -> Result<Published, PublishError> {
        let ddl = ddl();
        self.publish_tables(&ddl.tables, &ddl.views, date, salt)
    }

    pub(crate) fn publish_tables(
        &self,
        tables: &[TableDef],
        views: &[ViewDef],
        date: &str,
        salt: i64,
    ) -> Result<Published, PublishError> {
        let publication = self.begin_tables(tables, views, date, LOCK_WAIT)?;
        write_and_publish(publication, tables, N_ROWS, salt)
    }

    /// The date that the views show and the salt of its rows, after every row of every table has been looked at;
    /// `None` when there are no views. Fails unless all views show the same date and the same run.
    pub(crate) fn check_views(&self) -> Option<(String, i64)> {
        Self::check_views_of(&self.catalog)
    }

    pub(crate) fn check_views_of(catalog: &LocalCatalog) -> Option<(String, i64)> {
        let state = catalog.load().unwrap();
        if state.views.is_empty() {
            return None;
        }
        let views = ddl().views;
        let shown: BTreeSet<_> = views
            .iter()
            .map(|view| {
                let name = view.qualified_name();
                let (table, partition) = state.resolve_view(&name).unwrap();
                let date = state.view(&name).unwrap().snapshot_date.to_string();
                (date, partition.run_id.clone(), salt_of(catalog, table, partition))
            })
            .collect();
        assert_eq!(shown.len(), 1, "{shown:?}");
        shown.into_iter().next().map(|(date, _, salt)| (date, salt))
    }

    /// The salt of the rows of a date, the same in all tables; `None` when no table has the date.
    pub(crate) fn check(&self, date: &str) -> Option<i64> {
        let state = self.catalog.load().unwrap();
        let date = date.parse().unwrap();
        let salts: BTreeSet<_> = ddl()
            .tables
            .iter()
            .map(|def| {
                let table = state.table(&def.qualified_name())?;
                Some(salt_of(&self.catalog, table, table.snapshot(&date)?))
            })
            .collect();
        assert_eq!(salts.len(), 1, "{salts:?}");
        salts.into_iter().next().flatten()
    }

    /// Names in a folder, sorted.
    pub(crate) fn names(&self, relative: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(relative)).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// All files below the tables' folders, relative to the warehouse.
    pub(crate) fn all_files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let mut folders: Vec<_> = ddl().tables.iter().map(|t| self.path(&t.directory)).collect();
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.insert(entry.path().strip_prefix(self.root()).unwrap().to_owned());
                }
            }
        }
        files
    }

    /// Run directories that no partition points to and that carry no mark: what a killed run leaves.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let state = self.catalog.load().unwrap();
        let mut leftovers = Vec::new();
        for table in ddl().tables {
            let runs = format!("{}/_runs", table.directory);
            if !self.path(&runs).exists() {
                continue;
            }
            for name in self.names(&runs) {
                let location = format!("{runs}/{name}");
                let retired = self.path(&location).join("_RETIRED").exists();
                if !retired && !is_in_use(&state, &location) {
                    leftovers.push(location);
                }
            }
        }
        leftovers
    }
}

/// Steps 4 to 6 of a publication, with made-up rows.
pub(crate) fn write_and_publish(
    publication: Publication,
    tables: &[TableDef],
    n_rows: i64,
    salt: i64,
) -> Result<Published, PublishError> {
    let mut written = Vec::new();
    for table in tables {
        let sorted_by = Some(table.columns[0].name.clone());
        let options = WriteOptions { sorted_by, ..WriteOptions::default() };
        let mut writer = publication.table_writer(table, options)?;
        writer.write(&rows(&table.arrow_schema(), 0, n_rows, salt))?;
        written.push(writer.finish()?);
    }
    publication.publish(written)
}

fn is_in_use(state: &CatalogState, location: &str) -> bool {
    let mut partitions = state.tables.values().flat_map(|table| table.partitions.values());
    partitions.any(|partition| partition.location == location)
}

/// Reads a partition and finds out with which salt its rows were made.
fn salt_of(catalog: &LocalCatalog, table: &CatalogTable, partition: &Partition) -> i64 {
    let schema = table.arrow_schema();
    let batches: Result<Vec<_>, _> =
        read_files(catalog.data_files(partition).unwrap(), schema.clone()).collect();
    let read = concat_batches(&schema, &batches.unwrap()).unwrap();
    assert_eq!(read.num_rows() as u64, partition.rows().unwrap());
    // of long partitions the beginning must do
    let read = read.slice(0, N_ROWS as usize);
    let salt = (0..MAX_SALT).find(|salt| rows(&schema, 0, N_ROWS, *salt) == read);
    salt.unwrap_or_else(|| panic!("{} holds other rows", partition.location))
}
