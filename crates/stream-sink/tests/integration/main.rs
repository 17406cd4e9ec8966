//! All integration tests of the crate, in one binary.
//!
//! `cluster` and `compact::hive` need Java and what `dev/cluster` fetches, `s3` Python with what
//! `emr/tests/aws/aws-imitation.txt` lists, which `dev/venv` installs on its first use; without them they fail, they are not
//! skipped.

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
mod no_renames;
mod publishing;
mod two_at_once;
mod zombies;

mod cluster;

mod s3;
#[path = "../../../s3-store/tests/integration/server.rs"]
mod s3_server;
