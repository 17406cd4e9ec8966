//! A warehouse folder with the table of segments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use segment_index::{LoadError, SegmentIndex, load};
use store::Location;
use tempfile::TempDir;
use warehouse::catalog::{Catalog, CatalogError, CatalogLock, NewPartition};
use warehouse::catalog_state::{CatalogState, Partition};
use warehouse::ddl::{Ddl, Naming, TableDef, USER_SEGMENTS, USER_SEGMENTS_CURRENT, ViewDef};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::publish::{Publication, PublicationOptions, Published};
use warehouse::run_id::RunId;

/// A row: customer, segment, name.
pub(crate) type Row<'a> = (Option<i64>, Option<i32>, Option<&'a str>);

pub(crate) struct Shop {
    folder: TempDir,
    pub(crate) catalog: LocalCatalog,
    /// How long replaced runs are kept.
    pub(crate) keep_old_runs: Duration,
}

pub(crate) fn ddl() -> Ddl {
    Ddl::load(&Naming::new("default", "", "/warehouse").unwrap()).unwrap()
}

pub(crate) fn view() -> ViewDef {
    ddl().view(USER_SEGMENTS_CURRENT).unwrap().clone()
}

pub(crate) fn schema() -> SchemaRef {
    ddl().table(USER_SEGMENTS).unwrap().arrow_schema()
}

/// The batch job's names.
pub(crate) fn name(segment_id: i32) -> &'static str {
    ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"][segment_id as usize]
}

pub(crate) fn row(customer_id: i64, segment_id: i32) -> Row<'static> {
    (Some(customer_id), Some(segment_id), Some(name(segment_id)))
}

/// A batch with these values; all other columns are null.
pub(crate) fn batch(rows: &[Row<'_>]) -> RecordBatch {
    let schema = schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "customer_id" => Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0))),
            "segment_id" => Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.1))),
            "segment" => Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2))),
            _ => new_null_array(field.data_type(), rows.len()),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = LocalCatalog::new(folder.path().join("warehouse"));
        Self { folder, catalog, keep_old_runs: Duration::from_secs(3_600) }
    }

    pub(crate) fn publish(&self, date: &str, rows: &[Row<'_>]) -> Published {
        self.publish_batches(date, [batch(rows)])
    }

    /// The order of the rows is not checked.
    pub(crate) fn publish_batches(
        &self,
        date: &str,
        batches: impl IntoIterator<Item = RecordBatch>,
    ) -> Published {
        let tables = [ddl().table(USER_SEGMENTS).unwrap().clone()];
        let publication = Publication::begin(
            &self.catalog,
            &tables,
            &[view()],
            RunId::new(SystemTime::now()),
            date.parse().unwrap(),
            &PublicationOptions {
                lock_wait: Duration::from_secs(20),
                keep_old_runs: self.keep_old_runs,
            },
        )
        .unwrap();
        let mut writer = publication.table_writer(&tables[0], WriteOptions::default()).unwrap();
        for batch in batches {
            writer.write(&batch).unwrap();
        }
        publication.publish(vec![writer.finish().unwrap()]).unwrap()
    }

    /// A file that no catalog knows.
    pub(crate) fn write_file(&self, name: &str, rows: &[Row<'_>]) -> Location {
        let path = Location::local(self.folder.path()).join(name);
        let mut file = ParquetFile::create(&path, &schema(), &WriteOptions::default()).unwrap();
        file.write(&batch(rows)).unwrap();
        file.finish().unwrap();
        path
    }

    pub(crate) fn load(&self) -> Result<Option<SegmentIndex>, LoadError> {
        load(&self.catalog, &view())
    }

    /// The catalog as it is, but with these files in the partition, and without a number of rows.
    pub(crate) fn with_files(&self, files: Vec<Location>) -> OtherCatalog {
        let mut state = self.catalog.load().unwrap();
        for table in state.tables.values_mut() {
            table.partitions.values_mut().for_each(|partition| partition.files.clear());
        }
        OtherCatalog {
            catalog: self.catalog.clone(),
            files: Some(files),
            first: vec![state].into(),
        }
    }
}

/// A catalog that shows something else at first.
#[derive(Debug)]
pub(crate) struct OtherCatalog {
    pub(crate) catalog: LocalCatalog,
    /// In place of those of the partition.
    pub(crate) files: Option<Vec<Location>>,
    /// What it shows when it is first read, then, and so on; after that it shows what there is.
    pub(crate) first: Mutex<Vec<CatalogState>>,
}

impl Catalog for OtherCatalog {
    fn warehouse(&self) -> &Location {
        self.catalog.warehouse()
    }

    fn load(&self) -> Result<CatalogState, CatalogError> {
        let first = self.first.lock().unwrap().pop();
        first.map_or_else(|| self.catalog.load(), Ok)
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        self.catalog.acquire(owner, wait)
    }

    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        match &self.files {
            Some(files) => Ok(files.clone()),
            None => self.catalog.data_files(partition),
        }
    }

    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError> {
        self.catalog.create_tables(tables, wait)
    }

    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.catalog.add_partitions(table, partitions, wait)
    }

    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.catalog.partition_locations(table, names)
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        self.catalog.list_partitions(table)
    }

    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.catalog.move_partition(table, name, from, to, wait)
    }

    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.catalog.drop_partitions(table, names, wait)
    }
}
