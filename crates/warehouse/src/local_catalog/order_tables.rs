//! Order tables in the catalog file: their partitions have no list of files, and no run has written them.
//!
//! Each change is one replacement of the file, under the lock that publications take as well. Whether there is
//! anything to change is found out without the lock: a stream registers what is there already again and again, and
//! should not wait for a run to be told so.

use std::time::{Duration, SystemTime};

use crate::catalog::{Catalog, CatalogError, NewPartition, check_location};
use crate::catalog_state::{CatalogState, CatalogTable, Partition};
use crate::ddl::TableDef;
use crate::run_id::RunId;

use super::{LocalCatalog, LocalLock};

impl LocalCatalog {
    /// The table in `state` if it is there, and fits.
    pub(super) fn order_table<'s>(
        &self,
        state: &'s mut CatalogState,
        def: &TableDef,
    ) -> Result<&'s mut CatalogTable, CatalogError> {
        let (table, warehouse) = (def.qualified_name(), self.warehouse.clone());
        let Some(found) = state.tables.get_mut(&table) else {
            return Err(CatalogError::UnknownTable { table, warehouse });
        };
        match found.difference_from(def) {
            None => Ok(found),
            Some(difference) => Err(CatalogError::TableDiffers { table, warehouse, difference }),
        }
    }

    pub(super) fn create_order_tables(
        &self,
        tables: &[TableDef],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        let mut state = self.load()?;
        let mut is_missing = false;
        for def in tables {
            match self.order_table(&mut state, def) {
                Err(CatalogError::UnknownTable { .. }) => is_missing = true,
                found => drop(found?),
            }
        }
        if is_missing {
            self.acquire(&owner(), wait)?.create_tables(tables)?;
        }
        Ok(())
    }

    pub(super) fn add_order_partitions(
        &self,
        def: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        let named = partitions.iter().map(|new| Ok((new.checked_name(def)?, new)));
        let named = named.collect::<Result<Vec<_>, CatalogError>>()?;
        self.change(wait, |state| {
            let mut is_new = false;
            for (name, new) in &named {
                if self.order_table(state, def)?.partitions.contains_key(name) {
                    continue;
                }
                check_unused(state, def, name, &new.location)?;
                let partition = Partition {
                    values: new.values.clone(),
                    location: new.location.clone(),
                    run_id: String::new(),
                    files: Vec::new(),
                    known_rows: None,
                };
                self.warehouse.join(&new.location).create_dir_all()?;
                self.order_table(state, def)?.partitions.insert(name.clone(), partition);
                is_new = true;
            }
            Ok(is_new)
        })
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
        self.change(wait, |state| {
            let present = self.order_table(state, def)?.partitions.get(name);
            match present.map(|partition| partition.location.as_str()) {
                Some(present) if present == to => return Ok(false),
                Some(present) if present == from => {}
                _ => {
                    let object = format!("partition {name} of {}", def.qualified_name());
                    return Err(CatalogError::ChangedMeanwhile { object });
                }
            }
            check_unused(state, def, name, to)?;
            // Readers would find nothing in a folder that is not there.
            self.warehouse.join(to).list()?;
            if let Some(present) = self.order_table(state, def)?.partitions.get_mut(name) {
                to.clone_into(&mut present.location);
            }
            Ok(true)
        })
    }

    pub(super) fn drop_order_partitions(
        &self,
        def: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.change(wait, |state| {
            let partitions = &mut self.order_table(state, def)?.partitions;
            let before = partitions.len();
            partitions.retain(|name, _| !names.contains(name));
            Ok(partitions.len() < before)
        })
    }

    /// Replaces the catalog file by what `change` makes of the state, under the lock. `change` says whether it has changed
    /// anything; it may be called twice, each time with a state of its own.
    fn change(
        &self,
        wait: Duration,
        change: impl Fn(&mut CatalogState) -> Result<bool, CatalogError>,
    ) -> Result<(), CatalogError> {
        if !change(&mut self.load()?)? {
            return Ok(());
        }
        let mut lock = LocalLock { catalog: self.clone(), lock: self.lock(&owner(), wait)? };
        let mut state = self.load()?;
        if change(&mut state)? {
            lock.replace(state, None)?;
        }
        Ok(())
    }
}

/// What the lock says of its holder: like the name of a run, as it tells when that was.
fn owner() -> String {
    RunId::new(SystemTime::now()).to_string()
}

/// No two partitions share a folder.
fn check_unused(
    state: &CatalogState,
    def: &TableDef,
    name: &str,
    location: &str,
) -> Result<(), CatalogError> {
    for (table, entry) in &state.tables {
        let user = entry.partitions.iter().find(|(_, partition)| partition.location == location);
        if let Some((user, _)) = user {
            return Err(CatalogError::InvalidPartition {
                table: def.qualified_name(),
                partition: name.to_owned(),
                problem: format!("its folder '{location}' is that of {table} {user}"),
            });
        }
    }
    Ok(())
}
