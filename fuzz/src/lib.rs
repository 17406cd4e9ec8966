//! What must hold for any bytes: the checks behind the fuzz targets, one module a target.
//!
//! A check panics when the code under test is wrong. The checks are plain functions, so that the main test suite replays
//! the corpora in `corpus/` with the stable compiler (`crates/order-csv/tests/integration/fuzz_corpus.rs` includes this file).
#![allow(unreachable_pub, reason = "a module of that test as well")]

pub mod boundaries;
pub mod dates_and_money;
pub mod header_and_scan;
mod reading;
pub mod scan;
pub mod scan_blocks;
