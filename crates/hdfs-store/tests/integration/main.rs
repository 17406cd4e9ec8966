//! Against the daemons of a real HDFS.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod helper;

mod addresses;
mod other_clients;
mod outages;
mod refusals;
mod suite;
