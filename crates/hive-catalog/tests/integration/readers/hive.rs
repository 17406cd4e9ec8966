//! Queries to Hive 4.

use arrow::datatypes::SchemaRef;
use test_cluster::Beeline;

use super::text::{Row, of_hive};
use crate::helper::cluster;
use arrow::datatypes::DataType;

/// How Hive runs a query: it has two readers of Parquet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// In HiveServer2 itself, row by row.
    Fetch,
    /// As a Tez job, in batches of columns.
    Vectorised,
}

pub(crate) struct Hive(Beeline);

impl Hive {
    pub(crate) fn new() -> Self {
        Self(cluster().beeline())
    }

    pub(crate) fn execute(&mut self, sql: &str) {
        self.0.execute(sql).unwrap();
    }

    /// The columns of `schema` from a table or view; `rest` is what follows its name in the query.
    pub(crate) fn rows(&mut self, mode: Mode, schema: &SchemaRef, from: &str) -> Vec<Row> {
        self.execute(match mode {
            Mode::Fetch => "set hive.fetch.task.conversion=more",
            Mode::Vectorised => "set hive.fetch.task.conversion=none",
        });
        // Text may hold line breaks, which beeline prints as they are.
        let columns = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Utf8 | DataType::Binary => format!("hex(`{}`)", field.name()),
            _ => format!("`{}`", field.name()),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        of_hive(&self.printed(&format!("select {columns} from {from}")), schema)
    }

    pub(crate) fn printed(&mut self, sql: &str) -> Vec<Vec<String>> {
        self.0.query(sql).unwrap()
    }
}
