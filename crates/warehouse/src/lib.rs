//! The tables of the shop: their definitions, their files, and how a snapshot of them is published.
//!
//! In the order of the flow: [`ddl`] reads the table definitions from `hive/ddl`, [`publish`] writes a snapshot with
//! [`parquet_file`] and makes it visible in the [`local_catalog`], and [`read`] reads it back.
//!
//! What it does not do: no computing, no deleting of snapshots, no logging beyond what it removes or waits for. It
//! knows one store, the local disk, and one catalog, a file in the warehouse folder.

pub mod ddl;
pub mod schema;

pub mod publish;
pub mod run_id;
pub mod snapshot_date;

pub mod parquet_file;
pub mod partition_path;

pub mod catalog_state;
pub mod local_catalog;

pub mod read;

pub mod fault;

mod durable_fs;

pub use self::durable_fs::FsError;
