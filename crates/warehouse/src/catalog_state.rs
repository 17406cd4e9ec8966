//! What a catalog knows: tables, their partitions, and the snapshot each view shows.
//!
//! A value of [`CatalogState`] is one moment of the catalog. Whoever reads it once and takes every path from it sees
//! the same snapshot of all tables, whatever is published meanwhile.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::ddl::TableDef;
use crate::partition_path::partition_name;
use crate::schema::{Column, arrow_schema};
use crate::snapshot_date::SnapshotDate;

/// One moment of a catalog.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogState {
    /// Counts the changes, from 0 for a catalog nobody has written to. Readers may poll it.
    pub version: u64,
    /// Tables by qualified name, `database.table`.
    pub tables: BTreeMap<String, CatalogTable>,
    /// Views by qualified name.
    pub views: BTreeMap<String, CatalogView>,
}

/// A table and its partitions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogTable {
    /// Folder of the table, relative to the warehouse.
    pub location: String,
    /// Columns that the files hold.
    pub columns: Vec<Column>,
    /// Partition keys.
    pub partition_keys: Vec<Column>,
    /// What the table holds.
    pub comment: String,
    /// Table parameters.
    pub properties: BTreeMap<String, String>,
    /// Partitions by name, `snapshot_date=2011-12-10`.
    pub partitions: BTreeMap<String, Partition>,
}

/// The files that make up one partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// One value a partition key, as text; `None` is null.
    pub values: Vec<Option<String>>,
    /// Folder of the files, relative to the warehouse. No two partitions share one.
    pub location: String,
    /// The run that wrote them. Empty in an order table, where the files are whatever lies in the folder.
    pub run_id: String,
    /// The files, in the order of their rows. Empty when the catalog does not list them: see
    /// [`crate::catalog::Catalog::data_files`].
    pub files: Vec<DataFile>,
    /// Number of rows, from a catalog that knows it without listing the files.
    #[serde(skip)]
    pub known_rows: Option<u64>,
}

/// A data file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Name within the partition's folder.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// A view of one snapshot of one table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogView {
    /// Qualified name of the table.
    pub table: String,
    /// The snapshot that the view shows.
    pub snapshot_date: SnapshotDate,
    /// The query.
    pub text: String,
    /// What the view shows.
    pub comment: String,
}

impl CatalogState {
    /// The table with this qualified name, `database.table`.
    pub fn table(&self, qualified_name: &str) -> Option<&CatalogTable> {
        self.tables.get(qualified_name)
    }

    /// The view with this qualified name.
    pub fn view(&self, qualified_name: &str) -> Option<&CatalogView> {
        self.views.get(qualified_name)
    }

    /// The table behind a view and the partition that the view shows.
    ///
    /// `None` when there is no such view, or its table or partition is gone.
    pub fn resolve_view(&self, qualified_name: &str) -> Option<(&CatalogTable, &Partition)> {
        let view = self.views.get(qualified_name)?;
        let table = self.tables.get(&view.table)?;
        Some((table, table.snapshot(&view.snapshot_date)?))
    }

    /// The first thing in it that cannot be: a path that leads out of the warehouse, a folder used twice.
    pub(crate) fn flaw(&self) -> Option<String> {
        let mut folders = BTreeMap::new();
        for (name, table) in &self.tables {
            if !is_inside(&table.location) {
                return Some(format!("table {name} has the location '{}'", table.location));
            }
            for (partition_name, partition) in &table.partitions {
                let folder = &partition.location;
                if !is_inside(folder) {
                    return Some(format!("{name} {partition_name} has the location '{folder}'"));
                }
                if let Some(other) = folders.insert(folder, (name, partition_name)) {
                    return Some(format!(
                        "{name} {partition_name} and {} {} share the location '{folder}'",
                        other.0, other.1
                    ));
                }
                if let Some(file) = partition.files.iter().find(|file| file.name.contains('/')) {
                    return Some(format!("{name} {partition_name} has a file '{}'", file.name));
                }
            }
        }
        None
    }
}

impl CatalogTable {
    /// A table without partitions.
    pub(crate) fn new(def: &TableDef) -> Self {
        Self {
            location: def.directory.clone(),
            columns: def.columns.clone(),
            partition_keys: def.partition_keys.clone(),
            comment: def.comment.clone(),
            properties: def.properties.clone(),
            partitions: BTreeMap::new(),
        }
    }

    /// Schema of the files: the columns without the partition keys, all nullable.
    pub fn arrow_schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// The partition of a snapshot, for a table whose only key is the snapshot date.
    pub fn snapshot(&self, date: &SnapshotDate) -> Option<&Partition> {
        let [key] = &self.partition_keys[..] else { return None };
        self.partitions.get(&partition_name([(key.name.as_str(), Some(date.as_str()))]))
    }

    /// The dates of all snapshots, oldest first, for a table whose only key is the snapshot date.
    pub fn snapshot_dates(&self) -> Vec<SnapshotDate> {
        let date = |partition: &Partition| match &partition.values[..] {
            [Some(value)] => value.parse().ok(),
            _ => None,
        };
        let mut dates: Vec<SnapshotDate> = self.partitions.values().filter_map(date).collect();
        dates.sort();
        dates
    }

    /// Why files written for `def` do not belong into this table, if they do not. Comments may differ.
    pub(crate) fn difference_from(&self, def: &TableDef) -> Option<String> {
        if self.location != def.directory {
            return Some(format!(
                "its folder is '{}', this program would use '{}'",
                self.location, def.directory
            ));
        }
        columns_difference("column", &self.columns, &def.columns).or_else(|| {
            columns_difference("partition key", &self.partition_keys, &def.partition_keys)
        })
    }
}

impl Partition {
    /// Number of rows in all files, as far as the catalog knows.
    pub fn rows(&self) -> Option<u64> {
        let listed = || self.files.iter().map(|file| file.rows).sum();
        self.known_rows.or_else(|| (!self.files.is_empty()).then(listed))
    }
}

fn columns_difference(what: &str, present: &[Column], wanted: &[Column]) -> Option<String> {
    for index in 0..present.len().max(wanted.len()) {
        match (present.get(index), wanted.get(index)) {
            (Some(a), Some(b)) if a.name == b.name && a.hive_type == b.hive_type => {}
            (Some(a), Some(b)) => {
                return Some(format!(
                    "{what} {} is '{}' {}, this program writes '{}' {}",
                    index + 1,
                    a.name,
                    a.hive_type,
                    b.name,
                    b.hive_type
                ));
            }
            (Some(a), None) => {
                return Some(format!("{what} '{}' is unknown to this program", a.name));
            }
            (None, Some(b)) => return Some(format!("{what} '{}' is missing", b.name)),
            (None, None) => {}
        }
    }
    None
}

/// A relative path of plain names.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}
