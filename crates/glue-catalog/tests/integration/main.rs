//! The catalog on moto's Glue, with a warehouse on the local disk.
//!
//! Needs Python with what `emr/tests/aws/aws-imitation.txt` lists, which `dev/venv` installs on its first use. Without it
//! these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../warehouse/tests/integration/rows.rs"]
mod rows;

#[path = "../../../warehouse/tests/integration/every_catalog.rs"]
mod every_catalog;

mod helper;
mod server;

mod answers;
mod order_tables;
mod publishing;
mod races;
