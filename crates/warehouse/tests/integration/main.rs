//! All integration tests of the crate, in one binary.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod every_catalog;
mod helper;
mod rows;
mod shop;

mod damage;
mod disk_full;
mod duckdb;
mod killed;
mod order_tables;
mod publishing;
mod two_at_once;
