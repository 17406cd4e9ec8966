//! Where a stream keeps what it needs, below the folder of its first table.
//!
//! ```text
//! <table>/dt=2011-12-09/                       what readers see: one folder a partition
//! <table>/_compacted/dt=2011-12-09/<run id>/   the same, once it was compacted
//! <first table>/_stream/<topic>/<partition>/
//!     log/00000000000000000042.json            the commit log of one Kafka partition
//!     staged/                                  files that no reader sees yet
//! <first table>/_stream/<topic>/begun              how many partitions the topic had at first
//! <first table>/_stream/_closing/<table>/dt=2011-12-09   this partition is being compacted: do not add to it now
//! <first table>/_stream/_compaction/<table>/
//!     dt=2011-12-09.json                       where the rows of a partition are (`replaced.rs`)
//!     dropped_before                           partitions of days before this one have been dropped
//! ```
//! Hive, Spark and Trino skip names that start with an underscore. A Kafka topic may be called `_closing`, but its
//! partitions are numbers, so nothing clashes.

use std::time::SystemTime;

use order_model::Date;
use store::{Location, StoreError, StoreErrorKind};
use warehouse::ddl::TableDef;
use warehouse::run_id::RunId;

use crate::source::Source;

/// The folders of a stream.
#[derive(Clone, Debug)]
pub struct Layout {
    root: Location,
    stream: Location,
}

impl Layout {
    /// Of the stream into `first_table` (and others) of the warehouse folder `root`.
    pub fn new(root: &Location, first_table: &TableDef) -> Self {
        let stream = root.join(&first_table.directory).join("_stream");
        Self { root: root.clone(), stream }
    }

    /// The folder of the commit log of `source`.
    pub fn log(&self, source: &Source) -> Location {
        self.of(source).join("log")
    }

    /// The folder of the files of `source` that are not committed, or not visible yet.
    pub fn staged(&self, source: &Source) -> Location {
        self.of(source).join("staged")
    }

    /// How many partitions the topic had when the stream began; that is now, with `partitions`, if this is the first call.
    ///
    /// # Errors
    /// The store's.
    pub fn begun_with(&self, topic: &str, partitions: i32) -> Result<i32, StoreError> {
        let folder = self.stream.join(topic);
        folder.create_dir_all()?;
        let record = folder.join("begun");
        loop {
            if let Some(bytes) = record.read()? {
                let text = String::from_utf8_lossy(&bytes);
                return Ok(text.trim().parse().unwrap_or(partitions));
            }
            // Complete before it has its name, so that nobody ever reads half of it.
            let id = RunId::new(SystemTime::now());
            let complete = folder.join(&format!(".begun-{id}"));
            complete.write(format!("{partitions}\n").as_bytes())?;
            match complete.rename(&record) {
                Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                    complete.remove_file()?;
                }
                renamed => renamed?,
            }
        }
    }

    /// The Kafka partitions of the topic that were ever taken over, in order.
    ///
    /// # Errors
    /// The store's.
    pub fn sources(&self, topic: &str) -> Result<Vec<Source>, StoreError> {
        let entries = self.stream.join(topic).list_if_exists()?;
        let mut partitions: Vec<i32> =
            entries.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        partitions.sort_unstable();
        let source = |partition| Source { topic: topic.to_owned(), partition };
        Ok(partitions.into_iter().map(source).collect())
    }

    /// The folder that names the partitions of `table` that are being compacted.
    pub fn closing(&self, table: &TableDef) -> Location {
        self.stream.join("_closing").join(&table.name)
    }

    /// What the compaction of `table` has to remember.
    pub fn compaction(&self, table: &TableDef) -> Location {
        self.stream.join("_compaction").join(&table.name)
    }

    /// The file that says which partitions of `table` have been dropped: those of days before the one in it.
    pub(crate) fn dropped_before_file(&self, table: &TableDef) -> Location {
        self.compaction(table).join("dropped_before")
    }

    /// What that file says; `None` as long as nothing was dropped.
    pub(crate) fn dropped_before(&self, table: &TableDef) -> Result<Option<Date>, StoreError> {
        let bytes = self.dropped_before_file(table).read()?;
        Ok(bytes.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse().ok()))
    }

    /// Where a new partition's files go, relative to the warehouse.
    pub fn default_location(table: &TableDef, partition: &str) -> String {
        format!("{}/{partition}", table.directory)
    }

    /// A folder given relative to the warehouse.
    pub fn folder(&self, location: &str) -> Location {
        self.root.join(location)
    }

    fn of(&self, source: &Source) -> Location {
        self.stream.join(&source.topic).join(&source.partition.to_string())
    }
}
