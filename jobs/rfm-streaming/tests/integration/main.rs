//! The program as its users run it, against real servers and without any, and what readers then find in the tables.
//!
//! `cluster` needs Java and what `dev/cluster` fetches, `local` only `unshare`. Without them these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod cluster;
mod local;
