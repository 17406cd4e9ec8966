//! What a compaction has put in the place of which files: they stay where they were for readers that are still at them.
//!
//! As long as they are there, a file in a folder that its partition has left is either one of them, and its rows
//! are in the new folder already, or it came too late for the compaction, and has to follow. The record tells which.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use store::Location;
use warehouse::ddl::TableDef;

use crate::error::SinkError;
use crate::layout::Layout;

/// A partition that was compacted, and whose old files are still there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// Name of the partition: `dt=2011-12-09`.
    pub partition: String,
    /// Folder of the old files, relative to the warehouse.
    pub from: String,
    /// Folder of the new files, relative to the warehouse.
    pub to: String,
    /// Names of the old files whose rows are in the new ones.
    pub files: BTreeSet<String>,
    /// When it was done, UTC.
    pub at: String,
}

impl Replaced {
    /// Where the record of a partition is. It has one at most.
    pub fn path(layout: &Layout, table: &TableDef, partition: &str) -> Location {
        layout.compaction(table).join(&format!("{partition}.json"))
    }

    /// The record of a partition, if it has one.
    ///
    /// # Errors
    /// [`SinkError::Store`], [`SinkError::Damaged`].
    pub fn read(
        layout: &Layout,
        table: &TableDef,
        partition: &str,
    ) -> Result<Option<Self>, SinkError> {
        let path = Self::path(layout, table, partition);
        let Some(bytes) = path.read()? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|e| SinkError::Damaged { path, problem: e.to_string() })
    }
}
