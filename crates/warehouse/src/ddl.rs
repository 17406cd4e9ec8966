//! Table and view definitions, read from `hive/ddl/*.sql`.
//!
//! The SQL files are the only place where a schema is written down. They are compiled in, their variables are filled
//! in from a [`Naming`], and what comes out is used to create tables, to write files and to check what is there.
//!
//! ```
//! use warehouse::ddl::{Ddl, Naming, USER_SEGMENTS};
//!
//! let naming = Naming::new("default", "shop_", "/data/warehouse")?;
//! let ddl = Ddl::load(&naming)?;
//! let segments = ddl.table(USER_SEGMENTS)?;
//! assert_eq!(segments.qualified_name(), "default.shop_ecom_user_segments");
//! assert_eq!(segments.location, "/data/warehouse/shop_ecom_user_segments");
//! # Ok::<(), warehouse::ddl::DdlError>(())
//! ```

mod parser;
mod tokenizer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;

use self::parser::Definition;
use crate::partition_path::partition_name;
use crate::schema::{Column, SchemaError, arrow_schema};
use crate::snapshot_date::SnapshotDate;

/// Base name of the table of recency, frequency and monetary value per customer.
pub const USER_RFM_BATCH: &str = "ecom_user_rfm_batch";
/// Base name of the table of each customer's segment.
pub const USER_SEGMENTS: &str = "ecom_user_segments";
/// Base name of the table that describes the segments.
pub const SEGMENT_PROFILES: &str = "ecom_segment_profiles";
/// Base name of the table of the order lines that came through Kafka.
pub const ORDERS_TAGGED: &str = "ecom_orders_tagged";
/// Base name of the table of the Kafka messages that are no orders.
pub const ORDERS_REJECTED: &str = "ecom_orders_rejected";
/// Base name of the view of the newest snapshot of [`USER_RFM_BATCH`].
pub const USER_RFM_CURRENT: &str = "ecom_user_rfm_current";
/// Base name of the view of the newest snapshot of [`USER_SEGMENTS`].
pub const USER_SEGMENTS_CURRENT: &str = "ecom_user_segments_current";
/// Base name of the view of the newest snapshot of [`SEGMENT_PROFILES`].
pub const SEGMENT_PROFILES_CURRENT: &str = "ecom_segment_profiles_current";

macro_rules! ddl_file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../hive/ddl/", $name)))
    };
}

/// Every definition, with the name of the file it comes from.
const FILES: [(&str, &str); 8] = [
    ddl_file!("10_ecom_user_rfm_batch.sql"),
    ddl_file!("11_ecom_user_segments.sql"),
    ddl_file!("12_ecom_segment_profiles.sql"),
    ddl_file!("20_ecom_orders_tagged.sql"),
    ddl_file!("21_ecom_orders_rejected.sql"),
    ddl_file!("50_ecom_user_rfm_current.sql"),
    ddl_file!("51_ecom_user_segments_current.sql"),
    ddl_file!("52_ecom_segment_profiles_current.sql"),
];

/// The tables that a stream writes. All others are written by runs, a snapshot at a time.
const ORDER_TABLES: [&str; 2] = [ORDERS_TAGGED, ORDERS_REJECTED];

// The first two are names and are filled in before the text is read. The last two stand inside quoted texts only and
// are filled in afterwards, so that no value can ever change how a statement is read.
const DATABASE_VARIABLE: &str = "${hivevar:database}";
const PREFIX_VARIABLE: &str = "${hivevar:prefix}";
const WAREHOUSE_VARIABLE: &str = "${hivevar:warehouse}";
const SNAPSHOT_DATE_VARIABLE: &str = "${hivevar:snapshot_date}";

/// Where tables live and what they are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naming {
    database: String,
    prefix: String,
    warehouse: String,
}

/// A Hive table: external, Parquet, partitioned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableDef {
    /// Full name, with the prefix, without the database.
    pub name: String,
    /// The name as in `hive/ddl`, without the prefix.
    pub base_name: String,
    /// Database the table is in.
    pub database: String,
    /// Columns that the files hold, in order.
    pub columns: Vec<Column>,
    /// Partition keys, all of type STRING. They are not in the files.
    pub partition_keys: Vec<Column>,
    /// Folder of the table as the metastore sees it: the warehouse folder or URI and [`Self::directory`].
    pub location: String,
    /// Folder of the table, relative to the warehouse.
    pub directory: String,
    /// What the table holds.
    pub comment: String,
    /// Table parameters, `EXTERNAL=TRUE` among them.
    pub properties: BTreeMap<String, String>,
}

/// A view that shows one snapshot of one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewDef {
    /// Full name, with the prefix, without the database.
    pub name: String,
    /// The name as in `hive/ddl`, without the prefix.
    pub base_name: String,
    /// Database of the view and of its table.
    pub database: String,
    /// Columns of the view. Their types are those of the table.
    pub columns: Vec<ViewColumn>,
    /// Full name of the table behind the view, without the database.
    pub table: String,
    /// What the view shows.
    pub comment: String,
    /// The query, with a variable in place of the snapshot date: see [`Self::text_for`].
    text: String,
}

/// A column of a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewColumn {
    /// Lower-case name.
    pub name: String,
    /// What the column holds, with its unit.
    pub comment: String,
}

/// All tables and views under one [`Naming`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ddl {
    /// The tables of snapshots, in the order of the files: those that a run publishes.
    pub tables: Vec<TableDef>,
    /// The tables that a stream writes, in the order of the files. Their partitions are registered once; files appear in
    /// a partition's folder later, and readers list it.
    pub order_tables: Vec<TableDef>,
    /// The views, in the order of the files.
    pub views: Vec<ViewDef>,
}

/// A name that Hive would not accept, or a definition that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DdlError {
    /// The database or the prefix is not made of `[a-z0-9_]`, or the database is empty.
    #[error(
        "the {what} '{value}' is not allowed; use lower-case letters, digits and underscores only"
    )]
    Name {
        /// `database` or `table prefix`.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// The warehouse is empty or holds a control character.
    #[error(
        "the warehouse '{value}' is not allowed; give a folder or a URI without control characters"
    )]
    Warehouse {
        /// What was given.
        value: String,
    },
    /// No file in `hive/ddl` defines this.
    #[error("hive/ddl defines no {what} '{name}'")]
    Unknown {
        /// `table` or `view`.
        what: &'static str,
        /// The base name asked for.
        name: String,
    },
    /// A definition that cannot be read.
    #[error("cannot read hive/ddl/{file}, line {line}: expected {expected}, found {found}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What should have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A column type that is not supported.
    #[error("cannot read a column type in hive/ddl/{file}, line {line}")]
    Type {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong with the type.
        source: SchemaError,
    },
}

impl DdlError {
    /// Never: the same names and files fail again.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl Naming {
    /// Checks the names.
    ///
    /// `warehouse` is a path or a URI as the metastore is to see it; a slash at its end is dropped.
    ///
    /// # Errors
    /// [`DdlError::Name`], [`DdlError::Warehouse`].
    pub fn new(database: &str, prefix: &str, warehouse: &str) -> Result<Self, DdlError> {
        let is_name = |text: &str| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if database.is_empty() || !is_name(database) {
            return Err(DdlError::Name { what: "database", value: database.to_owned() });
        }
        if !is_name(prefix) {
            return Err(DdlError::Name { what: "table prefix", value: prefix.to_owned() });
        }
        // The root folder alone, "/", becomes "" and is refused: nobody's tables live there.
        let trimmed = warehouse.trim_end_matches('/');
        if trimmed.trim().is_empty() || trimmed.chars().any(char::is_control) {
            return Err(DdlError::Warehouse { value: warehouse.to_owned() });
        }
        Ok(Self {
            database: database.to_owned(),
            prefix: prefix.to_owned(),
            warehouse: trimmed.to_owned(),
        })
    }

    /// Name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What stands before every table and view name; may be empty.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Folder or URI that holds one folder a table, without a slash at the end.
    pub fn warehouse(&self) -> &str {
        &self.warehouse
    }
}

impl Ddl {
    /// Reads all definitions of `hive/ddl` under `naming`.
    ///
    /// # Errors
    /// [`DdlError::Syntax`] and [`DdlError::Type`] when a file is not understood, which the tests of this crate rule
    /// out for the files it was built with.
    pub fn load(naming: &Naming) -> Result<Self, DdlError> {
        let mut ddl = Self { tables: Vec::new(), order_tables: Vec::new(), views: Vec::new() };
        for (file, sql) in FILES {
            match read_definition(file, sql, naming)? {
                Definition::Table(table) if ORDER_TABLES.contains(&table.base_name.as_str()) => {
                    ddl.order_tables.push(table);
                }
                Definition::Table(table) => ddl.tables.push(table),
                Definition::View(view) => ddl.views.push(view),
            }
        }
        Ok(ddl)
    }

    /// The table of either kind with this base name (one of this module's constants).
    ///
    /// # Errors
    /// [`DdlError::Unknown`].
    pub fn table(&self, base_name: &str) -> Result<&TableDef, DdlError> {
        let mut tables = self.tables.iter().chain(&self.order_tables);
        let table = tables.find(|table| table.base_name == base_name);
        table.ok_or_else(|| DdlError::Unknown { what: "table", name: base_name.to_owned() })
    }

    /// The view with this base name (one of this module's constants).
    ///
    /// # Errors
    /// [`DdlError::Unknown`].
    pub fn view(&self, base_name: &str) -> Result<&ViewDef, DdlError> {
        let view = self.views.iter().find(|view| view.base_name == base_name);
        view.ok_or_else(|| DdlError::Unknown { what: "view", name: base_name.to_owned() })
    }
}

impl TableDef {
    /// Name with the database: `default.ecom_user_segments`.
    pub fn qualified_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    /// Schema of the files: the columns without the partition keys, all nullable.
    pub fn arrow_schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// Name of the partition with these values, one a partition key: `dt=2011-12-09`.
    pub fn partition_name(&self, values: &[Option<String>]) -> String {
        let keys = self.partition_keys.iter().map(|key| key.name.as_str());
        partition_name(keys.zip(values.iter().map(Option::as_deref)))
    }

    /// Where a partition lies by its name, relative to the warehouse: `ecom_orders_tagged/dt=2011-12-09`.
    pub fn default_location(&self, partition_name: &str) -> String {
        format!("{}/{partition_name}", self.directory)
    }
}

impl ViewDef {
    /// Name with the database: `default.ecom_user_segments_current`.
    pub fn qualified_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    /// Name of the table behind the view, with the database.
    pub fn qualified_table(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }

    /// The query of the view when it shows `snapshot_date`.
    pub fn text_for(&self, snapshot_date: &SnapshotDate) -> String {
        self.text.replace(SNAPSHOT_DATE_VARIABLE, snapshot_date.as_str())
    }

    /// The snapshot that a query shows, if it is [`Self::text_for`] that snapshot. White space does not matter.
    pub fn snapshot_of(&self, text: &str) -> Option<SnapshotDate> {
        let words = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let (text, pattern) = (words(text.trim_end_matches([';', ' ', '\n'])), words(&self.text));
        let (before, after) = pattern.split_once(SNAPSHOT_DATE_VARIABLE)?;
        text.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    }
}

fn read_definition(file: &str, sql: &str, naming: &Naming) -> Result<Definition, DdlError> {
    let sql =
        sql.replace(DATABASE_VARIABLE, &naming.database).replace(PREFIX_VARIABLE, &naming.prefix);
    let mut definition = parser::parse(file, &sql, &naming.prefix)?;
    if let Definition::Table(table) = &mut definition {
        table.location = table.location.replace(WAREHOUSE_VARIABLE, &naming.warehouse);
    }
    Ok(definition)
}
