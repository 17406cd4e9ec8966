//! Order tables in the metastore: partitions without figures, whose files are whatever lies in their folder.
//!
//! Tables and partitions are created by calls that have an effect once, whoever makes them, so nothing is locked for
//! them. Moving a partition is reading and then replacing it, which a metastore cannot do in one step: those who
//! move and drop partitions of a table keep each other out by a claim of that table's own, so that they need not wait
//! for a run that holds the warehouse's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hive_metastore::Partition;
use warehouse::catalog::{CatalogError, NewPartition, check_location};
use warehouse::claim::Claim;
use warehouse::ddl::TableDef;
use warehouse::run_id::RunId;

use super::{HiveCatalog, mark};
use crate::calls::PARTITIONS_PER_CALL;
use crate::definitions::{order_partition, seconds_now, values};
use crate::error::{MetastoreError, MetastoreErrorKind};

impl HiveCatalog {
    pub(super) fn create_order_tables(&self, tables: &[TableDef]) -> Result<(), CatalogError> {
        self.create_databases(tables)?;
        for def in tables {
            if self.create_table(def)? {
                tracing::info!(table = def.qualified_name(), "created");
            }
        }
        Ok(())
    }

    pub(super) fn add_order_partitions(
        &self,
        def: &TableDef,
        partitions: &[NewPartition],
    ) -> Result<(), CatalogError> {
        let named = partitions.iter().map(|new| Ok((new.checked_name(def)?, new)));
        let named = named.collect::<Result<Vec<_>, CatalogError>>()?;
        self.check_table(def)?;
        for chunk in named.chunks(PARTITIONS_PER_CALL) {
            let mut new = BTreeMap::new();
            for (name, partition) in chunk {
                let folder = self.warehouse.join(&partition.location);
                // Before the metastore does, which would make the folder its own user's, and remove it again if the
                // call fails.
                folder.create_dir_all()?;
                let described =
                    order_partition(def, &partition.values, &folder.uri(), seconds_now());
                new.entry(name.clone()).or_insert(described);
            }
            self.add_missing(def, new)?;
            for (name, _) in chunk {
                mark(&self.warehouse.join(&def.directory), name)?;
            }
        }
        Ok(())
    }

    /// Adds those that are missing. A metastore that finds a partition missing and then finds that somebody else has just
    /// added it refuses the whole call with an error of its database. So after an error as many tries are made as bring
    /// to light partitions that were not there at the last one.
    fn add_missing(
        &self,
        def: &TableDef,
        mut new: BTreeMap<String, Partition>,
    ) -> Result<(), CatalogError> {
        while !new.is_empty() {
            let partitions: Vec<_> = new.values().cloned().collect();
            let error = match self.metastore.add_missing_partitions(&partitions) {
                Ok(()) => break,
                Err(error) if error.kind.is_retryable() => return Err(error.into()),
                Err(error) => error,
            };
            let names: Vec<_> = new.keys().cloned().collect();
            let present = self.find_partitions(def, &names)?;
            if present.is_empty() {
                return Err(error.into());
            }
            for found in present {
                new.remove(&def.partition_name(&values(&found)));
            }
        }
        Ok(())
    }

    pub(super) fn order_partition_locations(
        &self,
        def: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.check_table(def)?;
        let mut locations = BTreeMap::new();
        for names in names.chunks(PARTITIONS_PER_CALL) {
            locations.extend(self.locations(def, self.find_partitions(def, names)?));
        }
        Ok(locations)
    }

    pub(super) fn list_order_partitions(
        &self,
        def: &TableDef,
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.check_table(def)?;
        let found = self.metastore.get_many_partitions(&def.database, &def.name);
        Ok(self.locations(def, self.of_table(def, found)?))
    }

    fn locations(&self, def: &TableDef, partitions: Vec<Partition>) -> BTreeMap<String, String> {
        let location =
            |found: &Partition| (def.partition_name(&values(found)), self.location_in(found));
        partitions.iter().map(location).collect()
    }

    pub(super) fn move_order_partition(
        &self,
        def: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        check_location(def, name, to)?;
        let folder = self.warehouse.join(to);
        let changed = || CatalogError::ChangedMeanwhile {
            object: format!("partition {name} of {}", def.qualified_name()),
        };
        self.check_table(def)?;
        let claim = self.claim(def, wait)?;
        let found = self.find_partitions(def, &[name.to_owned()])?.into_iter().next();
        let found = found.ok_or_else(changed)?;
        let present = self.location_in(&found);
        if present == to {
            return Ok(());
        }
        if present != from {
            return Err(changed());
        }
        // Readers would find nothing in a folder that is not there.
        folder.list()?;
        mark(&self.warehouse.join(&def.directory), name)?;
        // Not `found` with another location: Hive may have put figures into its parameters meanwhile.
        let new = order_partition(def, &values(&found), &folder.uri(), found.create_time);
        claim.check()?;
        let Err(error) = self.metastore.alter_partition(&new) else { return Ok(()) };
        if error.kind.is_retryable() {
            return Err(error.into());
        }
        // Gone meanwhile? What is said then differs between versions.
        match self.find_partitions(def, &[name.to_owned()])?.first() {
            Some(found) if self.location_in(found) == from => Err(error.into()),
            _ => Err(changed()),
        }
    }

    pub(super) fn drop_order_partitions(
        &self,
        def: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.check_table(def)?;
        let claim = self.claim(def, wait)?;
        for name in names {
            claim.check()?;
            self.metastore.drop_partition(&def.database, &def.name, name)?;
        }
        Ok(())
    }

    fn claim(&self, def: &TableDef, wait: Duration) -> Result<Claim, CatalogError> {
        let folder = self.warehouse.join("_catalog").join(&def.directory);
        let owner = RunId::new(SystemTime::now());
        Claim::acquire(&folder, &self.warehouse, owner.as_str(), wait, self.lease)
    }

    /// Those of `names`, at most [`PARTITIONS_PER_CALL`], that are registered.
    fn find_partitions(
        &self,
        def: &TableDef,
        names: &[String],
    ) -> Result<Vec<Partition>, CatalogError> {
        let found = self.metastore.get_partitions_by_names(&def.database, &def.name, names);
        self.of_table(def, found)
    }

    /// What was asked of a table, which may have gone meanwhile.
    fn of_table<T>(
        &self,
        def: &TableDef,
        answer: Result<T, MetastoreError>,
    ) -> Result<T, CatalogError> {
        match answer {
            Err(error) if error.kind == MetastoreErrorKind::NotFound => {
                Err(self.unknown(&def.qualified_name()))
            }
            answer => Ok(answer?),
        }
    }

    /// The table is there, and fits.
    fn check_table(&self, def: &TableDef) -> Result<(), CatalogError> {
        let found = self.find_table(def)?;
        found.map(drop).ok_or_else(|| self.unknown(&def.qualified_name()))
    }

    /// Where a partition lies, relative to the warehouse.
    fn location_in(&self, partition: &Partition) -> String {
        let location = partition.sd.as_ref().and_then(|sd| sd.location.as_deref());
        self.relative(location.unwrap_or_default())
    }
}
