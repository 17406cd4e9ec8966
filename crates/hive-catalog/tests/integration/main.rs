//! The catalog on real metastores, and its tables in real readers.
//!
//! Needs Java and what `dev/cluster` fetches; `readers` also Python with PySpark and DuckDB: `RFM_PYTHON` names the
//! interpreter. Without them these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../warehouse/tests/integration/rows.rs"]
mod rows;

#[path = "../../../warehouse/tests/integration/every_catalog.rs"]
mod every_catalog;

mod helper;
mod proxy;

mod checks;
mod order_tables;
mod publishing;
mod refusing;
mod user;

mod not_a_metastore;
mod outages;
mod races;

mod readers;
