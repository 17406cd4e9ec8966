//! The metastore as a [`Catalog`].

mod order_tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hive_metastore::{Database, Table};
use store::Location;
use warehouse::catalog::{
    Catalog, CatalogError, CatalogLock, NewPartition, PartitionChange, ViewChange, parquet_files,
};
use warehouse::catalog_state::{CatalogState, CatalogView, Partition};
use warehouse::claim::Claim;
use warehouse::ddl::{Ddl, TableDef, ViewDef};
use warehouse::fault;
use warehouse::run_id::RunId;

use crate::calls::{FoundTable, MetastoreCalls};
use crate::definitions::{
    RUN_ID, VIRTUAL_VIEW, catalog_table, difference, parameter, partition, table, values, view,
};
use crate::error::MetastoreErrorKind;

/// The tables and views of one warehouse folder in a Hive metastore.
#[derive(Clone, Debug)]
pub struct HiveCatalog {
    metastore: Arc<dyn MetastoreCalls>,
    warehouse: Location,
    ddl: Arc<Ddl>,
    lease: Duration,
}

/// The right to change the tables.
#[derive(Debug)]
struct HiveLock {
    catalog: HiveCatalog,
    claim: Claim,
}

impl HiveCatalog {
    /// Touches nothing yet. `lease` is how long a holder of the lock that gives no sign of life is waited for.
    pub fn new(
        metastore: impl MetastoreCalls + 'static,
        warehouse: Location,
        ddl: Ddl,
        lease: Duration,
    ) -> Self {
        Self { metastore: Arc::new(metastore), warehouse, ddl: Arc::new(ddl), lease }
    }

    /// Where the files of a table are, as the metastore is to have it.
    fn location_of(&self, def: &TableDef) -> String {
        self.warehouse.join(&def.directory).uri()
    }

    /// A location relative to the warehouse, if it is inside.
    fn relative(&self, location: &str) -> String {
        let location = normal(location);
        let warehouse = normal(&self.warehouse.uri());
        match location.strip_prefix(&warehouse).and_then(|rest| rest.strip_prefix('/')) {
            Some(inside) => inside.to_owned(),
            None => location,
        }
    }

    /// The table if it is there, and fits.
    fn find_table(&self, def: &TableDef) -> Result<Option<Table>, CatalogError> {
        let Some(FoundTable { table: found, .. }) =
            self.metastore.get_table(&def.database, &def.name)?
        else {
            return Ok(None);
        };
        let found_location = found.sd.as_ref().and_then(|sd| sd.location.as_deref());
        let (wanted, present) =
            (normal(&self.location_of(def)), normal(found_location.unwrap_or_default()));
        match difference(def, &found, &wanted, &present) {
            None => Ok(Some(found)),
            Some(difference) => Err(CatalogError::TableDiffers {
                table: def.qualified_name(),
                warehouse: self.warehouse.clone(),
                difference,
            }),
        }
    }

    /// The view if it is there, and is one.
    fn find_view(&self, def: &ViewDef) -> Result<Option<FoundTable>, CatalogError> {
        let found = self.metastore.get_table(&def.database, &def.name)?;
        let kind = found.as_ref().and_then(|found| found.table.table_type.as_deref());
        let kind = kind.unwrap_or_default();
        if found.is_none() || kind == VIRTUAL_VIEW {
            return Ok(found);
        }
        Err(CatalogError::TableDiffers {
            table: def.qualified_name(),
            warehouse: self.warehouse.clone(),
            difference: format!("it is a table ({kind}), this program publishes a view"),
        })
    }

    /// Those of `tables`, unless they are there.
    fn create_databases(&self, tables: &[TableDef]) -> Result<(), CatalogError> {
        let mut databases: Vec<&str> = tables.iter().map(|def| def.database.as_str()).collect();
        databases.dedup();
        databases.into_iter().try_for_each(|database| self.create_database(database))
    }

    fn create_database(&self, name: &str) -> Result<(), CatalogError> {
        if self.metastore.has_database(name)? {
            return Ok(());
        }
        let database = Database {
            name: Some(name.to_owned().into()),
            owner_name: Some(self.metastore.user().to_owned().into()),
            ..Database::default()
        };
        match self.metastore.create_database(&database) {
            // Somebody else was quicker, or it was an earlier try of this call, whose answer got lost.
            Err(error) if error.kind == MetastoreErrorKind::AlreadyExists => Ok(()),
            // Somebody else was quicker by less than the metastore looks for.
            Err(error) if error.kind == MetastoreErrorKind::Refused => {
                if self.metastore.has_database(name)? { Ok(()) } else { Err(error.into()) }
            }
            created => Ok(created?),
        }
    }

    /// Creates a table unless it is there. Whether it was created.
    fn create_table(&self, def: &TableDef) -> Result<bool, CatalogError> {
        if self.find_table(def)?.is_some() {
            return Ok(false);
        }
        // Before the metastore does, which would make the folder its own user's.
        self.warehouse.join(&def.directory).create_dir_all()?;
        let new = table(def, &self.location_of(def), self.metastore.user());
        match self.metastore.create_table(&new) {
            Ok(()) => Ok(true),
            // Somebody else was quicker, or it was an earlier try of this call, whose answer got lost.
            Err(error) if error.kind == MetastoreErrorKind::AlreadyExists => {
                self.find_table(def).map(|_| false)
            }
            Err(error) if error.kind == MetastoreErrorKind::Refused => {
                self.find_table(def)?.map(|_| false).ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sees to it that each partition has its marker: see [`mark`].
    fn mark_partitions(&self, def: &TableDef) -> Result<(), CatalogError> {
        let folder = self.warehouse.join(&def.directory);
        let present: BTreeSet<String> =
            folder.list_if_exists()?.into_iter().map(|entry| entry.name).collect();
        for found in self.metastore.get_partitions(&def.database, &def.name)? {
            let name = def.partition_name(&values(&found));
            if !present.contains(&name) {
                mark(&folder, &name)?;
            }
        }
        Ok(())
    }

    /// A name of the catalog that the DDL does not have is a fault of the program.
    fn table_def(&self, qualified_name: &str) -> Result<&TableDef, CatalogError> {
        let found = self.ddl.tables.iter().find(|def| def.qualified_name() == qualified_name);
        found.ok_or_else(|| self.unknown(qualified_name))
    }

    fn view_def(&self, qualified_name: &str) -> Result<&ViewDef, CatalogError> {
        let found = self.ddl.views.iter().find(|def| def.qualified_name() == qualified_name);
        found.ok_or_else(|| self.unknown(qualified_name))
    }

    fn unknown(&self, name: &str) -> CatalogError {
        CatalogError::UnknownTable { table: name.to_owned(), warehouse: self.warehouse.clone() }
    }
}

impl Catalog for HiveCatalog {
    fn warehouse(&self) -> &Location {
        &self.warehouse
    }

    /// Reads the definitions one after the other, so it is one moment only for whoever holds the lock. Partitions come
    /// without their files: see [`Catalog::data_files`].
    fn load(&self) -> Result<CatalogState, CatalogError> {
        let mut state = CatalogState::default();
        for def in &self.ddl.tables {
            let Some(found) = self.find_table(def)? else { continue };
            let mut entry = catalog_table(def, &found);
            for found in self.metastore.get_partitions(&def.database, &def.name)? {
                let values = values(&found);
                let name = def.partition_name(&values);
                let location = found.sd.as_ref().and_then(|sd| sd.location.as_deref());
                let location = self.relative(location.unwrap_or_default());
                // What MSCK REPAIR may have made of a folder that lies about is no snapshot.
                let directory = location.rsplit('/').next().unwrap_or_default();
                if directory.parse::<RunId>().is_err() {
                    continue;
                }
                let run_id = parameter(found.parameters.as_ref(), RUN_ID)
                    .or_else(|| location.rsplit('/').next())
                    .unwrap_or_default()
                    .to_owned();
                let rows = parameter(found.parameters.as_ref(), "numRows");
                let known_rows = rows.and_then(|rows| rows.parse().ok());
                let files = Vec::new();
                let partition = Partition { values, location, run_id, files, known_rows };
                entry.partitions.insert(name, partition);
            }
            state.tables.insert(def.qualified_name(), entry);
        }
        for def in &self.ddl.views {
            let Some(found) = self.metastore.get_table(&def.database, &def.name)? else { continue };
            let text = found.table.view_original_text.as_deref().unwrap_or_default();
            // A view that somebody has given another query is not one of ours until it is published again.
            if let Some(snapshot_date) = def.snapshot_of(text) {
                let shown = CatalogView {
                    table: def.qualified_table(),
                    snapshot_date,
                    text: text.to_owned(),
                    comment: def.comment.clone(),
                };
                state.views.insert(def.qualified_name(), shown);
            }
        }
        Ok(state)
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        let folder = self.warehouse.join("_catalog");
        let claim = Claim::acquire(&folder, &self.warehouse, owner, wait, self.lease)?;
        fault::reach(fault::LOCK_TAKEN);
        Ok(Box::new(HiveLock { catalog: self.clone(), claim }))
    }

    /// All Parquet files in the partition's folder, by name.
    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        Ok(parquet_files(&self.warehouse.join(&partition.location))?)
    }

    /// Takes no lock: the metastore creates a table once, whoever asks for it.
    fn create_tables(&self, tables: &[TableDef], _: Duration) -> Result<(), CatalogError> {
        self.create_order_tables(tables)
    }

    /// Takes no lock: the metastore adds a partition once, whoever asks for it.
    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        _: Duration,
    ) -> Result<(), CatalogError> {
        self.add_order_partitions(table, partitions)
    }

    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.order_partition_locations(table, names)
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        self.list_order_partitions(table)
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

impl CatalogLock for HiveLock {
    /// One after the other. After an error some may have been created.
    fn create_tables(&mut self, tables: &[TableDef]) -> Result<(), CatalogError> {
        self.catalog.create_databases(tables)?;
        for def in tables {
            self.claim.check()?;
            if self.catalog.create_table(def)? {
                tracing::info!(table = def.qualified_name(), "created");
                fault::reach(fault::TABLE_CREATED);
            } else {
                self.catalog.mark_partitions(def)?;
            }
        }
        Ok(())
    }

    /// Each partition and each view changes at once, one after the other: first the partitions, then the views.
    /// After an error some may have changed.
    fn publish(
        &mut self,
        partitions: Vec<PartitionChange>,
        views: Vec<ViewChange>,
    ) -> Result<Option<u64>, CatalogError> {
        // Before anything is changed, so that a view that cannot be published is known then.
        let find =
            |change: &ViewChange| self.catalog.find_view(self.catalog.view_def(&change.name)?);
        let views_before = views.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut run_id = String::new();
        for change in partitions {
            run_id.clone_from(&change.partition.run_id);
            self.publish_partition(&change)?;
            fault::reach(fault::PARTITION_PUBLISHED);
        }
        for (change, before) in views.into_iter().zip(views_before) {
            self.publish_view(&change, &run_id, before)?;
            fault::reach(fault::VIEW_PUBLISHED);
        }
        Ok(None)
    }
}

impl HiveLock {
    fn publish_partition(&self, change: &PartitionChange) -> Result<(), CatalogError> {
        let catalog = &self.catalog;
        let def = catalog.table_def(&change.table)?;
        let Partition { values, location, run_id, files, .. } = &change.partition;
        let folder = catalog.warehouse.join(location);
        self.claim.check()?;
        let new = partition(def, values, &folder.uri(), run_id, files);
        match catalog.metastore.add_partition(&new) {
            // It is a later run of the same date, or an earlier try of this call, whose answer got lost.
            Err(error) if error.kind == MetastoreErrorKind::AlreadyExists => {
                catalog.metastore.alter_partition(&new)?;
            }
            added => added?,
        }
        mark(&catalog.warehouse.join(&def.directory), &change.name)
    }

    /// `before` is what was there.
    fn publish_view(
        &self,
        change: &ViewChange,
        run_id: &str,
        mut before: Option<FoundTable>,
    ) -> Result<(), CatalogError> {
        let catalog = &self.catalog;
        let metastore = &catalog.metastore;
        let def = catalog.view_def(&change.name)?;
        let table = catalog.table_def(&change.view.table)?;
        let new = |before: Option<&FoundTable>| {
            let date = &change.view.snapshot_date;
            view(def, table, date, run_id, metastore.user(), before.map(|before| &before.table))
        };
        let changed =
            || CatalogError::ChangedMeanwhile { object: format!("view {}", def.qualified_name()) };
        self.claim.check()?;
        if before.is_none() {
            match metastore.create_table(&new(None)) {
                Err(error) if error.kind == MetastoreErrorKind::AlreadyExists => {
                    before = catalog.find_view(def)?;
                }
                created => return Ok(created?),
            }
        }
        // Gone again since it was there already?
        let before = before.ok_or_else(changed)?;
        match metastore.replace_view(&new(Some(&before)), &before) {
            Err(error) if error.kind == MetastoreErrorKind::Modified => {
                let now = metastore.get_table(&def.database, &def.name)?;
                let now = now.as_ref().and_then(|now| now.table.parameters.as_ref());
                match parameter(now, RUN_ID) {
                    // An earlier try of this call, whose answer got lost.
                    Some(run) if run == run_id => Ok(()),
                    _ => Err(changed()),
                }
            }
            replaced => Ok(replaced?),
        }
    }
}

/// Makes the empty folder where a partition would lie by its name. Its files are elsewhere, in a run directory; but
/// `MSCK REPAIR TABLE ... SYNC PARTITIONS` goes by names, and without this folder drops the partition.
fn mark(table: &Location, partition: &str) -> Result<(), CatalogError> {
    Ok(table.join(partition).create_dir_all()?)
}

/// One spelling for a folder's address, whoever wrote it: no slash at the end, `file:/x` for `file:///x`.
fn normal(location: &str) -> String {
    let location = location.trim_end_matches('/');
    match location.strip_prefix("file://") {
        Some(rest) if rest.starts_with('/') => format!("file:{rest}"),
        _ => location.to_owned(),
    }
}
