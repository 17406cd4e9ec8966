//! The calls that a catalog is made of, for any server that keeps tables as Hive does.

use std::fmt::Debug;

use hive_metastore::{Database, Partition, Table};

use crate::client::Metastore;
use crate::definitions::{RUN_ID, parameter};
use crate::error::{MetastoreError, MetastoreErrorKind};

/// What a metastore of Hive 4 says when it is to compare a parameter, and `hive.metastore.try.direct.sql` is false.
const NO_COMPARISON: &str = "make sure direct SQL is enabled";

/// A server of table definitions: [`Metastore`], or another that [`crate::HiveCatalog`] can stand on.
///
/// The objects are Hive's. Each call has its effect at once or not at all, but for [`Self::add_missing_partitions`], and
/// may reach the server twice: whoever calls takes `AlreadyExists` for what may be its own doing. Names of databases and
/// tables are in lower case.
pub trait MetastoreCalls: Debug + Send + Sync {
    /// Who calls: the owner of what is created.
    fn user(&self) -> &str;

    /// Whether there is such a database.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    fn has_database(&self, name: &str) -> Result<bool, MetastoreError>;

    /// Creates a database.
    ///
    /// # Errors
    /// [`MetastoreErrorKind::AlreadyExists`], and when the server refuses or does not answer.
    fn create_database(&self, database: &Database) -> Result<(), MetastoreError>;

    /// A table or view; `None` when there is none of that name, or no such database.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    fn get_table(&self, database: &str, name: &str) -> Result<Option<FoundTable>, MetastoreError>;

    /// Creates a table or view.
    ///
    /// # Errors
    /// [`MetastoreErrorKind::AlreadyExists`], and when the server refuses or does not answer.
    fn create_table(&self, table: &Table) -> Result<(), MetastoreError>;

    /// Puts a view in the place of `before`.
    ///
    /// # Errors
    /// [`MetastoreErrorKind::Modified`] when it is no longer what was read, from servers that compare; and when the server
    /// refuses or does not answer.
    fn replace_view(&self, view: &Table, before: &FoundTable) -> Result<(), MetastoreError>;

    /// All partitions of a table. Their columns may be left out.
    ///
    /// # Errors
    /// [`MetastoreErrorKind::NotFound`] when there is no such table, and when the server refuses or does not answer.
    fn get_partitions(&self, database: &str, table: &str)
    -> Result<Vec<Partition>, MetastoreError>;

    /// [`Self::get_partitions`] of a table that may have many thousands, each with many columns.
    ///
    /// # Errors
    /// As [`Self::get_partitions`].
    fn get_many_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError>;

    /// Those partitions that are there, in any order. Names are `key=value/...`, with Hive's escaping; at most
    /// [`PARTITIONS_PER_CALL`].
    ///
    /// # Errors
    /// [`MetastoreErrorKind::NotFound`] when there is no such table, and when the server refuses or does not answer.
    fn get_partitions_by_names(
        &self,
        database: &str,
        table: &str,
        names: &[String],
    ) -> Result<Vec<Partition>, MetastoreError>;

    /// Adds a partition.
    ///
    /// # Errors
    /// [`MetastoreErrorKind::AlreadyExists`], and when the server refuses or does not answer.
    fn add_partition(&self, partition: &Partition) -> Result<(), MetastoreError>;

    /// Adds those of `partitions` that are not there, at most [`PARTITIONS_PER_CALL`]. They are of one table, each once.
    ///
    /// # Errors
    /// When the server refuses or does not answer. Some may have been added then.
    fn add_missing_partitions(&self, partitions: &[Partition]) -> Result<(), MetastoreError>;

    /// Replaces the definition of a partition.
    ///
    /// # Errors
    /// When there is none, and when the server refuses or does not answer.
    fn alter_partition(&self, partition: &Partition) -> Result<(), MetastoreError>;

    /// Drops a partition, never its files. Whether it was there: if a call is repeated, it may be gone by then.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    fn drop_partition(
        &self,
        database: &str,
        table: &str,
        name: &str,
    ) -> Result<bool, MetastoreError>;
}

/// Partitions of one call. Each comes with the columns of its table, so an answer is a few hundred kilobytes.
pub const PARTITIONS_PER_CALL: usize = 100;

/// A table or view as it was read.
#[derive(Clone, PartialEq, Debug)]
pub struct FoundTable {
    /// What was read.
    pub table: Table,
    /// Which of its versions it was, on a server that counts them.
    pub version: Option<String>,
}

impl MetastoreCalls for Metastore {
    fn user(&self) -> &str {
        Metastore::user(self)
    }

    fn has_database(&self, name: &str) -> Result<bool, MetastoreError> {
        Ok(self.get_database(name)?.is_some())
    }

    fn create_database(&self, database: &Database) -> Result<(), MetastoreError> {
        Metastore::create_database(self, database)
    }

    fn get_table(&self, database: &str, name: &str) -> Result<Option<FoundTable>, MetastoreError> {
        let found = Metastore::get_table(self, database, name)?;
        Ok(found.map(|table| FoundTable { table, version: None }))
    }

    fn create_table(&self, table: &Table) -> Result<(), MetastoreError> {
        Metastore::create_table(self, table)
    }

    /// The metastore compares the run that published the view, if it can.
    fn replace_view(&self, view: &Table, before: &FoundTable) -> Result<(), MetastoreError> {
        let published_by = parameter(before.table.parameters.as_ref(), RUN_ID);
        match self.alter_table(view, published_by.map(|run| (RUN_ID, run))) {
            // A Hive 4 metastore without direct SQL cannot compare. The claim has to do.
            Err(error) if error.source.to_string().contains(NO_COMPARISON) => {
                self.alter_table(view, None)
            }
            altered => altered,
        }
    }

    fn get_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError> {
        Metastore::get_partitions(self, database, table)
    }

    fn get_many_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError> {
        let names = self.get_partition_names(database, table)?;
        let mut partitions = Vec::new();
        for names in names.chunks(PARTITIONS_PER_CALL) {
            partitions.extend(Metastore::get_partitions_by_names(self, database, table, names)?);
        }
        Ok(partitions)
    }

    fn get_partitions_by_names(
        &self,
        database: &str,
        table: &str,
        names: &[String],
    ) -> Result<Vec<Partition>, MetastoreError> {
        Metastore::get_partitions_by_names(self, database, table, names)
    }

    fn add_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        Metastore::add_partition(self, partition)
    }

    fn add_missing_partitions(&self, partitions: &[Partition]) -> Result<(), MetastoreError> {
        Metastore::add_missing_partitions(self, partitions)
    }

    fn alter_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        Metastore::alter_partition(self, partition)
    }

    fn drop_partition(
        &self,
        database: &str,
        table: &str,
        name: &str,
    ) -> Result<bool, MetastoreError> {
        Metastore::drop_partition(self, database, table, name)
    }
}

/// An answer that is "there is none" is none.
///
/// # Errors
/// All others.
pub fn or_none<T>(found: Result<T, MetastoreError>) -> Result<Option<T>, MetastoreError> {
    match found {
        Err(error) if error.kind == MetastoreErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
