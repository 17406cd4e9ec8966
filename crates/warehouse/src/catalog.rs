//! Where tables, their partitions and views are registered.
//!
//! | catalog | where | a change of several entries |
//! | --- | --- | --- |
//! | [`crate::local_catalog`] | a file in the warehouse folder | at once |
//! | Hive metastore (crate `hive-catalog`) | a server | one entry after the other, each at once |

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use store::{Location, StoreError};

use crate::catalog_state::{CatalogState, CatalogView, Partition};
use crate::ddl::TableDef;

/// A catalog of the tables of one warehouse folder.
pub trait Catalog: Debug + Send + Sync {
    /// The warehouse folder. Paths in a [`CatalogState`] are relative to it.
    fn warehouse(&self) -> &Location;

    /// Reads the present state. Needs no lock and can be called at any time.
    ///
    /// # Errors
    /// [`CatalogError::Store`], [`CatalogError::Server`], and those of a damaged catalog.
    fn load(&self) -> Result<CatalogState, CatalogError>;

    /// Takes the right to change the catalog, waiting up to `wait` for another process to give it back.
    ///
    /// `owner` (a run id) is shown to whoever waits meanwhile. Creates the warehouse folder if it is missing.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] after `wait`, which is retryable; [`CatalogError::Store`].
    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError>;

    /// The files of a partition, in the order of their rows.
    ///
    /// # Errors
    /// [`CatalogError::Store`], for a catalog that does not list the files itself.
    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError>;
}

/// The right to change a catalog; while it lives, nobody else has it. Dropping it gives it back.
pub trait CatalogLock: Debug + Send + Sync {
    /// Creates the tables that are missing and holds the others against their definition.
    ///
    /// # Errors
    /// [`CatalogError::TableDiffers`], [`CatalogError::LocationTaken`], and what [`Catalog::load`] gives.
    fn create_tables(&mut self, tables: &[TableDef]) -> Result<(), CatalogError>;

    /// Sets partitions, then views. A partition or view that is there is replaced. Gives the new version of the
    /// catalog if it has one.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`], [`CatalogError::LockLost`], [`CatalogError::ChangedMeanwhile`], and what
    /// [`Catalog::load`] gives. Whether part of it is done then depends on the catalog; the same call may be
    /// repeated.
    fn publish(
        &mut self,
        partitions: Vec<PartitionChange>,
        views: Vec<ViewChange>,
    ) -> Result<Option<u64>, CatalogError>;
}

/// A partition that is to be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionChange {
    /// Qualified name of its table.
    pub table: String,
    /// Its name: `snapshot_date=2011-12-10`.
    pub name: String,
    /// What it is to be.
    pub partition: Partition,
}

/// A view that is to be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewChange {
    /// Qualified name.
    pub name: String,
    /// What it is to be.
    pub view: CatalogView,
}

/// Why a catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file system refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server of the catalog refused, or cannot be reached.
    #[error("{problem}")]
    Server {
        /// What was attempted, where, and what the user can do.
        problem: String,
        /// Whether the same call may succeed later without anybody doing anything.
        retryable: bool,
        /// What the server said.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Another process holds the lock. Worth a retry.
    #[error(
        "another run ({holder}) is publishing to '{warehouse}'; waited {}; try again or raise batch.lock_wait",
        in_words(*waited)
    )]
    Locked {
        /// The warehouse folder.
        warehouse: Location,
        /// What the holder says about itself.
        holder: String,
        /// How long this process waited.
        waited: Duration,
    },
    /// The lock file was removed or replaced while it was held.
    #[error(
        "the lock '{path}' was removed or taken over while this run held it, so another run may be publishing too; \
         nothing more was changed; leave that file alone and run again"
    )]
    LockLost {
        /// The lock file.
        path: Location,
    },
    /// Something was changed by somebody else between being read and being written. Worth a retry.
    #[error("{object} was changed by somebody else while this run published it; run again")]
    ChangedMeanwhile {
        /// What: `view default.ecom_user_segments_current`.
        object: String,
    },
    /// The catalog is not what this program writes.
    #[error(
        "cannot read the catalog '{path}': it is damaged; restore it from a copy or publish into a new folder"
    )]
    Damaged {
        /// The catalog file.
        path: Location,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The catalog contradicts itself.
    #[error(
        "cannot use the catalog '{path}': {problem}; restore it from a copy or publish into a new folder"
    )]
    Inconsistent {
        /// The catalog file or server.
        path: String,
        /// The contradiction.
        problem: String,
    },
    /// A newer program has written the catalog.
    #[error(
        "the catalog '{path}' has format {found}, this program knows up to {known}; use a newer version of it"
    )]
    NewerFormat {
        /// The catalog file.
        path: Location,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// A table is there already, with other columns.
    #[error(
        "table {table} in '{warehouse}' does not fit: {difference}; choose another table prefix or warehouse folder"
    )]
    TableDiffers {
        /// Qualified name of the table.
        table: String,
        /// The warehouse folder.
        warehouse: Location,
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
    #[error("table {table} is not in the catalog of '{warehouse}'")]
    UnknownTable {
        /// Qualified name of the table.
        table: String,
        /// The warehouse folder.
        warehouse: Location,
    },
}

impl CatalogError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::ChangedMeanwhile { .. } => true,
            Self::Store(error) => error.is_retryable(),
            Self::Server { retryable, .. } => *retryable,
            _ => false,
        }
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
