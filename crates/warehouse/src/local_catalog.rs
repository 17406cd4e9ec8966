//! A catalog in a file of the warehouse folder: no server, nothing to set up.
//!
//! `<warehouse>/_catalog/catalog.json` holds one [`CatalogState`]. It is never changed in place: a change writes a
//! new file beside it, brings it to the disk and renames it over the old one. A reader therefore sees the state
//! before a change or after it, never a part, and needs no lock. A process that dies half-way leaves the old state.
//!
//! Changes happen under an exclusive lock on `<warehouse>/_catalog/lock`, which the operating system releases when
//! the process ends. All paths are relative to the warehouse, so that the folder can be moved or copied.

mod lock;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::lock::FileLock;
use crate::catalog_state::{CatalogState, CatalogTable, CatalogView, Partition};
use crate::ddl::TableDef;
use crate::durable_fs::{self, FsError};
use crate::fault;

/// The format this program writes. A change that an older program would misread or lose gets the next number.
const FORMAT: u32 = 1;

/// The catalog of one warehouse folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCatalog {
    warehouse: PathBuf,
}

/// The right to change a catalog; while it lives, nobody else has it.
#[derive(Debug)]
pub struct CatalogLock {
    catalog: LocalCatalog,
    lock: FileLock,
}

/// Why a catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Another process holds the lock. Worth a retry.
    #[error(
        "another run ({holder}) is publishing to '{}'; waited {}; try again or raise batch.lock_wait",
        warehouse.display(),
        in_words(*waited)
    )]
    Locked {
        /// The warehouse folder.
        warehouse: PathBuf,
        /// What the holder says about itself.
        holder: String,
        /// How long this process waited.
        waited: Duration,
    },
    /// The lock file was removed or replaced while it was held.
    #[error(
        "the lock '{}' was removed while this run held it, so another run may be publishing too; nothing was \
         changed; leave that file alone and run again",
        path.display()
    )]
    LockLost {
        /// The lock file.
        path: PathBuf,
    },
    /// The catalog is not what this program writes.
    #[error("cannot read the catalog '{}': it is damaged; restore it from a copy or publish into a new folder", path.display())]
    Damaged {
        /// The catalog file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The catalog contradicts itself.
    #[error("cannot use the catalog '{}': {problem}; restore it from a copy or publish into a new folder", path.display())]
    Inconsistent {
        /// The catalog file.
        path: PathBuf,
        /// The contradiction.
        problem: String,
    },
    /// A newer program has written the catalog.
    #[error("the catalog '{}' has format {found}, this program knows up to {FORMAT}; use a newer version of it", path.display())]
    NewerFormat {
        /// The catalog file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A table is there already, with other columns.
    #[error(
        "table {table} in '{}' does not fit: {difference}; choose another table prefix or warehouse folder",
        warehouse.display()
    )]
    TableDiffers {
        /// Qualified name of the table.
        table: String,
        /// The warehouse folder.
        warehouse: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// The folder of a new table belongs to another one.
    #[error(
        "table {table} cannot use the folder '{location}': table {owner} does; choose another table prefix"
    )]
    LocationTaken {
        /// Qualified name of the new table.
        table: String,
        /// The folder, relative to the warehouse.
        location: String,
        /// Qualified name of the table that has it.
        owner: String,
    },
    /// A change names a table that does not exist.
    #[error("table {table} is not in the catalog of '{}'", warehouse.display())]
    UnknownTable {
        /// Qualified name of the table.
        table: String,
        /// The warehouse folder.
        warehouse: PathBuf,
    },
}

impl CatalogError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Fs(error) => error.is_retryable(),
            _ => false,
        }
    }
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
    renamed: &'static str,
}

impl LocalCatalog {
    /// The catalog of `warehouse`. Touches nothing: the folder is created by the first [`Self::acquire`].
    pub fn new(warehouse: impl Into<PathBuf>) -> Self {
        Self { warehouse: warehouse.into() }
    }

    /// The warehouse folder.
    pub fn warehouse(&self) -> &Path {
        &self.warehouse
    }

    /// Reads the present state; the empty state, version 0, when nothing has ever been published here.
    ///
    /// Needs no lock and can be called at any time.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::Inconsistent`], [`CatalogError::NewerFormat`],
    /// [`CatalogError::Fs`].
    pub fn load(&self) -> Result<CatalogState, CatalogError> {
        let path = self.file();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(CatalogState::default());
            }
            bytes => bytes.map_err(|e| FsError::new("read", &path, e))?,
        };
        let damaged = |source| CatalogError::Damaged { path: path.clone(), source };
        // The format first: a newer one may have fields that this program would call damage.
        let found = serde_json::from_slice::<FormatOnly>(&bytes).map_err(damaged)?.format;
        if found > FORMAT {
            return Err(CatalogError::NewerFormat { path, found });
        }
        let state: CatalogState =
            serde_json::from_slice::<CatalogFile<_>>(&bytes).map_err(damaged)?.catalog;
        match state.flaw() {
            Some(problem) => Err(CatalogError::Inconsistent { path, problem }),
            None => Ok(state),
        }
    }

    /// Takes the right to change the catalog, waiting up to `wait` for another process to give it back.
    ///
    /// `owner` (a run id) is shown to whoever waits meanwhile. Creates the warehouse folder if it is missing.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] after `wait`, which is retryable; [`CatalogError::Fs`].
    pub fn acquire(&self, owner: &str, wait: Duration) -> Result<CatalogLock, CatalogError> {
        durable_fs::create_dirs(&self.folder())?;
        let lock = FileLock::acquire(&self.lock_file(), &self.warehouse, owner, wait)?;
        fault::reach(fault::LOCK_TAKEN);
        Ok(CatalogLock { catalog: self.clone(), lock })
    }

    /// The files of a partition, in the order of their rows.
    pub fn data_files(&self, partition: &Partition) -> Vec<PathBuf> {
        let folder = self.warehouse.join(&partition.location);
        partition.files.iter().map(|file| folder.join(&file.name)).collect()
    }

    fn folder(&self) -> PathBuf {
        self.warehouse.join("_catalog")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("catalog.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder().join("lock")
    }
}

impl CatalogLock {
    /// The catalog that is locked.
    pub fn catalog(&self) -> &LocalCatalog {
        &self.catalog
    }

    /// Creates the tables that are missing and holds the others against their definition, in one change.
    ///
    /// # Errors
    /// [`CatalogError::TableDiffers`], [`CatalogError::LocationTaken`], and what [`LocalCatalog::load`] gives. The
    /// catalog is unchanged then.
    pub fn create_tables(&mut self, tables: &[TableDef]) -> Result<(), CatalogError> {
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
            renamed: fault::CREATE_TABLES_RENAMED,
        };
        self.replace(state, &points)?;
        tracing::info!(tables = created.join(", "), "created tables");
        Ok(())
    }

    /// Sets partitions (by qualified table name) and views (by qualified name) in one change: readers see all of it
    /// or nothing. A partition that is there is replaced. Gives the new version of the catalog.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`], [`CatalogError::Inconsistent`] when a folder would serve two partitions,
    /// [`CatalogError::LockLost`], and what [`LocalCatalog::load`] gives.
    pub fn publish(
        &mut self,
        partitions: Vec<(String, String, Partition)>,
        views: Vec<(String, CatalogView)>,
    ) -> Result<u64, CatalogError> {
        let mut state = self.catalog.load()?;
        for (table, name, partition) in partitions {
            let Some(entry) = state.tables.get_mut(&table) else {
                let warehouse = self.catalog.warehouse.clone();
                return Err(CatalogError::UnknownTable { table, warehouse });
            };
            entry.partitions.insert(name, partition);
        }
        state.views.extend(views);
        let points = CommitPoints {
            written: fault::PUBLISH_WRITTEN,
            synced: fault::PUBLISH_SYNCED,
            renamed: fault::PUBLISH_RENAMED,
        };
        self.replace(state, &points)
    }

    /// Temporary file, fsync, rename, fsync of the folder. The rename is the moment of the change.
    fn replace(
        &mut self,
        mut state: CatalogState,
        points: &CommitPoints,
    ) -> Result<u64, CatalogError> {
        let path = self.catalog.file();
        state.version += 1;
        let version = state.version;
        if let Some(problem) = state.flaw() {
            return Err(CatalogError::Inconsistent { path, problem });
        }
        let temporary = path.with_extension("json.tmp");
        let mut text = serde_json::to_vec_pretty(&CatalogFile { format: FORMAT, catalog: state })
            .map_err(|e| FsError::new("write", &path, e.into()))?;
        text.push(b'\n');
        let file = durable_fs::write_file(&temporary, &text)?;
        fault::reach(points.written);
        durable_fs::sync_file(&temporary, &file)?;
        fault::reach(points.synced);
        if !self.lock.is_in_place()? {
            return Err(CatalogError::LockLost { path: self.catalog.lock_file() });
        }
        durable_fs::rename(&temporary, &path)?;
        fault::reach(points.renamed);
        durable_fs::sync_dir(&self.catalog.folder())?;
        Ok(version)
    }
}

/// `10m`, `90s`, `250ms`.
fn in_words(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0 => format!("{}ms", duration.as_millis()),
        _ if secs >= 60 && secs.is_multiple_of(60) => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}
