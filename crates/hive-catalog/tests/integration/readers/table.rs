//! Tables by hand, registered in both metastores.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use arrow::record_batch::RecordBatch;
use hive_catalog::HiveCatalog;
use store::Location;
use warehouse::catalog::{Catalog, PartitionChange};
use warehouse::catalog_state::{DataFile, Partition};
use warehouse::ddl::{Ddl, TableDef};
use warehouse::parquet_file::{ParquetFile, WriteOptions};
use warehouse::partition_path::partition_name;
use warehouse::run_id::RunId;
use warehouse::schema::{Column, HiveType};

use crate::helper::{LOCK_WAIT, Version, metastore};

/// A table with columns of these names and types, and keys of type STRING.
pub(super) fn table(
    database: &str,
    name: &str,
    warehouse: &Location,
    columns: &[(&str, &str)],
    keys: &[&str],
) -> TableDef {
    let column = |name: &str, hive_type: HiveType| Column {
        name: name.to_owned(),
        hive_type,
        comment: format!("what '{name}' is, in €"),
    };
    let columns = columns.iter().map(|(name, kind)| column(name, kind.parse().unwrap()));
    TableDef {
        name: name.to_owned(),
        base_name: name.to_owned(),
        database: database.to_owned(),
        columns: columns.collect(),
        partition_keys: keys.iter().map(|key| column(key, HiveType::String)).collect(),
        location: warehouse.join(name).uri(),
        directory: name.to_owned(),
        comment: "made up".to_owned(),
        properties: BTreeMap::from([
            ("EXTERNAL".to_owned(), "TRUE".to_owned()),
            ("external.table.purge".to_owned(), "false".to_owned()),
        ]),
    }
}

/// Writes rows to a run directory of their own.
pub(super) fn write(
    warehouse: &Location,
    table: &TableDef,
    values: &[Option<&str>],
    batch: &RecordBatch,
) -> PartitionChange {
    let run_id = RunId::new(SystemTime::now()).to_string();
    let location = format!("{}/_runs/{run_id}", table.directory);
    let folder = warehouse.join(&location);
    folder.create_dir_all().unwrap();
    let file = folder.join("part-00000.parquet");
    let mut file =
        ParquetFile::create(&file, &table.arrow_schema(), &WriteOptions::default()).unwrap();
    file.write(batch).unwrap();
    let info = file.finish().unwrap();
    folder.join("_SUCCESS").write(b"").unwrap();
    let keys = table.partition_keys.iter().map(|key| key.name.as_str());
    let name = partition_name(keys.zip(values.iter().copied()));
    let values = values.iter().map(|value| value.map(str::to_owned)).collect();
    let files =
        vec![DataFile { name: info.path.name().to_owned(), rows: info.rows, bytes: info.bytes }];
    let partition = Partition { values, location, run_id, files, known_rows: None };
    PartitionChange { table: table.qualified_name(), name, partition }
}

/// Registers partitions of one table in both metastores, over the same files.
pub(super) fn register(
    warehouse: &Location,
    table: &TableDef,
    partitions: &[PartitionChange],
) -> [HiveCatalog; 2] {
    [Version::Hive4, Version::Hive3].map(|version| {
        let tables = vec![table.clone()];
        let ddl = Ddl { tables, order_tables: Vec::new(), views: Vec::new() };
        let client = metastore(version.uri());
        let lease = Duration::from_secs(30);
        let catalog = HiveCatalog::new(client, warehouse.clone(), ddl, lease);
        let mut lock = catalog.acquire("run-by-hand", LOCK_WAIT).unwrap();
        lock.create_tables(std::slice::from_ref(table)).unwrap();
        lock.publish(partitions.to_vec(), Vec::new()).unwrap();
        drop(lock);
        catalog
    })
}
