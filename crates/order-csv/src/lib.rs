//! Reads order lines from CSV, as fast as the memory delivers them.
//!
//! Place in the flow: files -> **blocks of whole lines -> field boundaries -> parsed fields -> order runs** -> the
//! aggregation of the batch job. What leaves this crate is Arrow batches of *order runs* ([`schema`]): neighbouring lines of one
//! invoice are already added up, for a shop's export lists the lines of an invoice together. Adding is exact, so where
//! a run is cut (block border, other thread) has no influence on any sum.
//!
//! A line that cannot be used is never an error: it is counted under one [`Rejection`](order_model::Rejection), written
//! to a rejects file with its line number and a detail, and has no influence on any other line. For that to hold a line
//! break always ends a row, also inside quotes.
//!
//! Files are [`store::Location`]s: what is said here of files holds on the local disk and on HDFS.
//!
//! Not here: what the sums mean (crate `rfm`), and any table or catalog.
//!
//! ```no_run
//! use std::sync::Arc;
//! use order_csv::{OrderScan, ScanOptions, resolve};
//! use store::Stores;
//! let inputs = resolve(&Stores::local(), "orders/*.csv")?;
//! let scan = Arc::new(OrderScan::open(inputs, ScanOptions::default())?);
//! let mut worker = scan.worker();
//! while let Some(runs) = worker.next_batch()? {
//!     println!("{} runs", runs.num_rows());
//! }
//! println!("{} rows", scan.finish()?.rows);
//! # Ok::<(), order_csv::CsvError>(())
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

mod block;
mod boundaries;
mod error;
mod file;
mod header;
mod input;
mod line;
mod parts;
mod quoted;
mod rejects;
mod runs;
mod scan;
mod source;
mod text;
mod worker;

pub use boundaries::{Boundaries, find_boundaries, find_boundaries_portable};
pub use error::CsvError;
pub use input::{InputFile, resolve};
pub use parts::{FilePart, PartSummary, ScannedParts, continued_parts, number_lines};
pub use rejects::KeepRejects;
pub use runs::{schema, split_last_seen_key};
pub use scan::{FileSummary, OrderScan, ScanOptions, ScanSummary};
pub use worker::ScanWorker;

/// A worker that died left nothing half-done that matters: the scan ends with its panic anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
