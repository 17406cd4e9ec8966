//! A catalog in a file of the warehouse folder: no server, nothing to set up.
//!
//! `<warehouse>/_catalog/catalog.json` holds one [`CatalogState`]. It is never changed in place: a change writes a
//! new file beside it, brings it to the disk and renames it over the old one. A reader therefore sees the state
//! before a change or after it, never a part, and needs no lock. A process that dies half-way leaves the old state.
//!
//! Changes happen under an exclusive lock on `<warehouse>/_catalog/lock`, which the operating system releases when
//! the process ends. All paths are relative to the warehouse, so that the folder can be moved or copied.

mod lock;
mod order_tables;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::{Location, StoreError};

use self::lock::FileLock;
use crate::catalog::{
    Catalog, CatalogError, CatalogLock, NewPartition, PartitionChange, ViewChange, parquet_files,
};
use crate::catalog_state::{CatalogState, CatalogTable, Partition};
use crate::ddl::TableDef;
use crate::fault;

/// The format this program writes. A change that an older program would misread or lose gets the next number.
const FORMAT: u32 = 1;

/// The catalog of one warehouse folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCatalog {
    folder: PathBuf,
    warehouse: Location,
}

/// The right to change the catalog.
#[derive(Debug)]
struct LocalLock {
    catalog: LocalCatalog,
    lock: FileLock,
}

/// The catalog file as it is on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile<State> {
    format: u32,
    catalog: State,
}

/// What every format has in common.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// The fault points on the way of one change.
struct CommitPoints {
    written: &'static str,
    synced: &'static str,
    replaced: &'static str,
}

impl LocalCatalog {
    /// The catalog of `warehouse`, a folder of the local disk. Touches nothing: the folder is created by the first
    /// [`Catalog::acquire`].
    pub fn new(warehouse: impl Into<PathBuf>) -> Self {
        let folder = warehouse.into();
        Self { warehouse: Location::local(&folder), folder }
    }

    /// The warehouse folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self) -> Location {
        self.warehouse.join("_catalog/catalog.json")
    }

    fn lock(&self, owner: &str, wait: Duration) -> Result<FileLock, CatalogError> {
        self.warehouse.join("_catalog").create_dir_all()?;
        FileLock::acquire(&self.folder.join("_catalog/lock"), &self.warehouse, owner, wait)
    }

    fn lock_file(&self) -> Location {
        self.warehouse.join("_catalog/lock")
    }
}

impl Catalog for LocalCatalog {
    fn warehouse(&self) -> &Location {
        &self.warehouse
    }

    /// The empty state, version 0, when nothing has ever been published here.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Inconsistent`], [`CatalogError::NewerFormat`],
    /// [`CatalogError::Store`].
    fn load(&self) -> Result<CatalogState, CatalogError> {
        let path = self.file();
        let Some(bytes) = path.read()? else { return Ok(CatalogState::default()) };
        let damaged = |source| CatalogError::Damaged { path: path.clone(), source };
        // The format first: a newer one may have fields that this program would call damage.
        let found = serde_json::from_slice::<FormatOnly>(&bytes).map_err(damaged)?.format;
        if found > FORMAT {
            return Err(CatalogError::NewerFormat { path, found, known: FORMAT });
        }
        let state: CatalogState =
            serde_json::from_slice::<CatalogFile<_>>(&bytes).map_err(damaged)?.catalog;
        match state.flaw() {
            Some(problem) => Err(CatalogError::Inconsistent { path: path.to_string(), problem }),
            None => Ok(state),
        }
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        let lock = self.lock(owner, wait)?;
        fault::reach(fault::LOCK_TAKEN);
        Ok(Box::new(LocalLock { catalog: self.clone(), lock }))
    }

    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        let folder = self.warehouse.join(&partition.location);
        if partition.run_id.is_empty() {
            return Ok(parquet_files(&folder)?);
        }
        Ok(partition.files.iter().map(|file| folder.join(&file.name)).collect())
    }

    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError> {
        self.create_order_tables(tables, wait)
    }

    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.add_order_partitions(table, partitions, wait)
    }

    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        let mut all = self.list_partitions(table)?;
        Ok(names.iter().filter_map(|name| all.remove_entry(name)).collect())
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        let mut state = self.load()?;
        let partitions = self.order_table(&mut state, table)?.partitions.iter();
        Ok(partitions.map(|(name, found)| (name.clone(), found.location.clone())).collect())
    }

    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.move_order_partition(table, name, from, to, wait)
    }

    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.drop_order_partitions(table, names, wait)
    }
}

impl CatalogLock for LocalLock {
    /// All in one change. The catalog is unchanged after an error.
    fn create_tables(&mut self, tables: &[TableDef]) -> Result<(), CatalogError> {
        let mut state = self.catalog.load()?;
        let mut created = Vec::new();
        for def in tables {
            let name = def.qualified_name();
            if let Some(present) = state.table(&name) {
                if let Some(difference) = present.difference_from(def) {
                    let warehouse = self.catalog.warehouse.clone();
                    return Err(CatalogError::TableDiffers { table: name, warehouse, difference });
                }
                continue;
            }
            let owner = state.tables.iter().find(|(_, other)| other.location == def.directory);
            if let Some((owner, _)) = owner {
                return Err(CatalogError::LocationTaken {
                    table: name,
                    location: def.directory.clone(),
                    owner: owner.clone(),
                });
            }
            state.tables.insert(name.clone(), CatalogTable::new(def));
            created.push(name);
        }
        if created.is_empty() {
            return Ok(());
        }
        let points = CommitPoints {
            written: fault::CREATE_TABLES_WRITTEN,
            synced: fault::CREATE_TABLES_SYNCED,
            replaced: fault::CREATE_TABLES_REPLACED,
        };
        self.replace(state, Some(&points))?;
        tracing::info!(tables = created.join(", "), "created tables");
        Ok(())
    }

    /// All in one change: readers see all of it or nothing. The catalog is unchanged after an error.
    fn publish(
        &mut self,
        partitions: Vec<PartitionChange>,
        views: Vec<ViewChange>,
    ) -> Result<Option<u64>, CatalogError> {
        let mut state = self.catalog.load()?;
        for PartitionChange { table, name, partition } in partitions {
            let Some(entry) = state.tables.get_mut(&table) else {
                let warehouse = self.catalog.warehouse.clone();
                return Err(CatalogError::UnknownTable { table, warehouse });
            };
            entry.partitions.insert(name, partition);
        }
        state.views.extend(views.into_iter().map(|change| (change.name, change.view)));
        let points = CommitPoints {
            written: fault::PUBLISH_WRITTEN,
            synced: fault::PUBLISH_SYNCED,
            replaced: fault::PUBLISH_REPLACED,
        };
        self.replace(state, Some(&points)).map(Some)
    }
}

impl LocalLock {
    /// Temporary file, fsync, rename, fsync of the folder. The rename is the moment of the change.
    fn replace(
        &mut self,
        mut state: CatalogState,
        points: Option<&CommitPoints>,
    ) -> Result<u64, CatalogError> {
        let reach = |point: fn(&CommitPoints) -> &'static str| {
            if let Some(points) = points {
                fault::reach(point(points));
            }
        };
        let path = self.catalog.file();
        state.version += 1;
        let version = state.version;
        if let Some(problem) = state.flaw() {
            return Err(CatalogError::Inconsistent { path: path.to_string(), problem });
        }
        let mut text = serde_json::to_vec_pretty(&CatalogFile { format: FORMAT, catalog: state })
            .map_err(|e| StoreError::from_io("write", path.to_string(), e.into()))?;
        text.push(b'\n');
        let temporary = self.catalog.warehouse.join("_catalog/catalog.json.tmp");
        // A killed run's.
        temporary.remove_file()?;
        let mut file = temporary.create()?;
        file.write_all(&text)
            .map_err(|e| StoreError::from_io("write", temporary.to_string(), e))?;
        reach(|points| points.written);
        file.finish()?;
        reach(|points| points.synced);
        if !self.lock.is_in_place()? {
            return Err(CatalogError::LockLost { path: self.catalog.lock_file() });
        }
        temporary.replace(&path)?;
        reach(|points| points.replaced);
        Ok(version)
    }
}
