//! Where tables, their partitions and views are registered.
//!
//! | catalog | where | a change of several entries |
//! | --- | --- | --- |
//! | [`crate::local_catalog`] | a file in the warehouse folder | at once |
//! | Hive metastore (crate `hive-catalog`) | a server | one entry after the other, each at once |
//!
//! A warehouse has tables of two kinds. Tables of *snapshots* change under the lock: see [`CatalogLock`] and
//! [`crate::publish`]. *Order tables* are written by streams, several at once, beside each other and beside a run: a
//! partition is registered once, its files are whatever Parquet files lie in its folder when somebody reads. What is
//! done with them is here in [`Catalog`] and needs no [`CatalogLock`].

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use store::{Location, StoreError};

use crate::catalog_state::{CatalogState, CatalogView, Partition, is_inside};
use crate::ddl::TableDef;

/// A catalog of the tables of one warehouse folder.
pub trait Catalog: Debug + Send + Sync {
    /// The warehouse folder. Paths in a [`CatalogState`] are relative to it.
    fn warehouse(&self) -> &Location;

    /// Reads the present state of the tables of snapshots and the views. Needs no lock and can be called at any time.
    ///
    /// Order tables are in it only if the catalog has them at hand; ask [`Catalog::list_partitions`].
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

    /// The files of a partition, in the order of their rows. For partitions of order tables: the Parquet files that
    /// lie in the folder now, by name.
    ///
    /// # Errors
    /// [`CatalogError::Store`], when the catalog does not know the files and has to list the folder.
    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError>;

    /// Creates the database and those order tables that are missing, holds the others against their definition.
    ///
    /// A catalog that needs its lock for it takes it for a moment, waiting up to `wait`; not if all is there.
    ///
    /// # Errors
    /// [`CatalogError::TableDiffers`], [`CatalogError::LocationTaken`], [`CatalogError::Locked`] (retryable), and what
    /// [`Catalog::load`] gives.
    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError>;

    /// Registers partitions of an order table and creates their folders.
    ///
    /// A partition that is registered stays as it is, wherever it lies, so many processes may do this at once and
    /// again. In a Hive metastore it waits for nobody; the local catalog takes its lock unless all are there, waiting up
    /// to `wait` for a run to give it back. After an error some may be registered.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`], [`CatalogError::TableDiffers`], [`CatalogError::InvalidPartition`],
    /// [`CatalogError::Locked`] (retryable), and what [`Catalog::load`] gives.
    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError>;

    /// Where partitions of an order table lie, relative to the warehouse, by name (`dt=2011-12-09`): those of `names`
    /// that are registered.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`] and what [`Catalog::load`] gives.
    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError>;

    /// Where all partitions of an order table lie, relative to the warehouse, by name.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`] and what [`Catalog::load`] gives.
    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError>;

    /// Points a registered partition of an order table from the folder `from` at the folder `to`, which must be there
    /// (both relative to the warehouse). Readers see the one or the other. Nothing happens if it is at `to` already.
    ///
    /// Waits up to `wait` for others that move or drop partitions, and in the local catalog for runs.
    ///
    /// # Errors
    /// [`CatalogError::ChangedMeanwhile`] when it is not at `from`, or not registered; [`CatalogError::UnknownTable`],
    /// [`CatalogError::InvalidPartition`], [`CatalogError::Locked`] (retryable), [`CatalogError::Store`] when there is no
    /// folder `to`, and what [`Catalog::load`] gives.
    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError>;

    /// Unregisters partitions of an order table; their files stay. Those that are not registered are passed over.
    ///
    /// Waits as [`Catalog::move_partition`] does. After an error some may be unregistered.
    ///
    /// # Errors
    /// [`CatalogError::UnknownTable`], [`CatalogError::Locked`] (retryable), and what [`Catalog::load`] gives.
    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError>;
}

/// A partition of an order table that is to be registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPartition {
    /// One value a partition key, as text; `None` is null.
    pub values: Vec<Option<String>>,
    /// Folder of its files, relative to the warehouse.
    pub location: String,
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
        "another run ({holder}) is changing the tables in '{warehouse}'; waited {}; try again later, or have rfm-batch wait longer (batch.lock_wait)",
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
        "the lock '{path}' was removed or taken over while this process held it, so another one may be changing the \
         tables too; nothing more was changed; leave that file alone and run again"
    )]
    LockLost {
        /// The lock file.
        path: Location,
    },
    /// Something was changed by somebody else between being read and being written. Worth a retry.
    #[error("{object} was changed by somebody else in the meantime; run again")]
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
    /// A partition that no table can have, which is a fault of the program.
    #[error("table {table} cannot have the partition {partition}: {problem}")]
    InvalidPartition {
        /// Qualified name of the table.
        table: String,
        /// Name of the partition.
        partition: String,
        /// What is wrong with it.
        problem: String,
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

impl NewPartition {
    /// Its name, `dt=2011-12-09`.
    ///
    /// # Errors
    /// [`CatalogError::InvalidPartition`] unless it has a value for each key of `table` and lies in the warehouse.
    pub fn checked_name(&self, table: &TableDef) -> Result<String, CatalogError> {
        let name = table.partition_name(&self.values);
        if self.values.len() != table.partition_keys.len() {
            let (keys, values) = (table.partition_keys.len(), self.values.len());
            let problem = format!("the table has {keys} partition keys, it has {values} values");
            let table = table.qualified_name();
            return Err(CatalogError::InvalidPartition { table, partition: name, problem });
        }
        check_location(table, &name, &self.location)?;
        Ok(name)
    }
}

/// The Parquet files in the folder of a partition, by name: what readers take for its files.
///
/// # Errors
/// When the folder is not there or cannot be listed.
pub fn parquet_files(folder: &Location) -> Result<Vec<Location>, StoreError> {
    let entries = folder.list()?;
    let files = entries.iter().filter(|entry| {
        entry.is_file && entry.name.ends_with(".parquet") && !entry.name.starts_with(['_', '.'])
    });
    Ok(files.map(|entry| folder.join(&entry.name)).collect())
}

/// Holds a partition's folder to be in the warehouse.
///
/// # Errors
/// [`CatalogError::InvalidPartition`].
pub fn check_location(
    table: &TableDef,
    partition_name: &str,
    location: &str,
) -> Result<(), CatalogError> {
    if is_inside(location) {
        return Ok(());
    }
    Err(CatalogError::InvalidPartition {
        table: table.qualified_name(),
        partition: partition_name.to_owned(),
        problem: format!("'{location}' is not a folder in the warehouse"),
    })
}

impl CatalogError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::LockLost { .. } | Self::ChangedMeanwhile { .. } => true,
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
