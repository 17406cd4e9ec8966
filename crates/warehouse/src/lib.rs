//! The tables of the shop: their definitions, their files, and how a snapshot of them is published.
//!
//! In the order of the flow: [`ddl`] reads the table definitions from `hive/ddl`, [`publish`] writes a snapshot with
//! [`parquet_file`] and makes it visible in a [`catalog`], and [`read`] reads it back. Files are wherever a
//! [`store::Location`] is. Tables that a stream writes have no snapshots: their partitions are registered in the
//! [`catalog`], and files appear in them.
//!
//! What it does not do: no computing, no deleting of snapshots, no logging beyond what it removes or waits for. It
//! has one catalog of its own, a file in the warehouse folder; others are crates that build on this one.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use arrow::record_batch::RecordBatch;
//! use warehouse::catalog::Catalog;
//! use warehouse::ddl::{Ddl, Naming};
//! use warehouse::local_catalog::LocalCatalog;
//! use warehouse::parquet_file::WriteOptions;
//! use warehouse::publish::{Publication, PublicationOptions};
//! use warehouse::run_id::RunId;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let warehouse = folder.path().to_str().ok_or("no text")?;
//! let ddl = Ddl::load(&Naming::new("default", "", warehouse)?)?;
//! let catalog = LocalCatalog::new(warehouse);
//! let publication = Publication::begin(
//!     &catalog,
//!     &ddl.tables,
//!     &ddl.views,
//!     RunId::new(SystemTime::now()),
//!     "2011-12-10".parse()?,
//!     &PublicationOptions {
//!         lock_wait: Duration::from_secs(600),
//!         keep_old_runs: Duration::from_secs(86_400),
//!     },
//! )?;
//! let mut written = Vec::new();
//! for table in &ddl.tables {
//!     let mut writer = publication.table_writer(table, WriteOptions::default())?;
//!     writer.write(&RecordBatch::new_empty(table.arrow_schema()))?;
//!     written.push(writer.finish()?);
//! }
//! let published = publication.publish(written)?;
//! assert_eq!(published.current_snapshot.as_str(), "2011-12-10");
//! assert!(catalog.load()?.resolve_view("default.ecom_user_segments_current").is_some());
//! # Ok(())
//! # }
//! ```

pub mod ddl;
pub mod schema;

pub mod publish;
pub mod run_id;
pub mod snapshot_date;

pub mod parquet_file;
pub mod partition_path;

pub mod catalog;
pub mod catalog_state;
pub mod claim;
pub mod local_catalog;

pub mod read;

pub mod fault;
