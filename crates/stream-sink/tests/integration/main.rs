//! All integration tests of the crate, in one binary.
//!
//! `cluster` and `compact::hive` need Java and what `dev/cluster` fetches; without them they fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod helper;
mod orders;
mod trouble;
mod world;

mod compact;
mod damage;
mod killed;
mod many_days;
mod model;
mod moved;
mod publishing;
mod two_at_once;
mod zombies;

mod cluster;
