//! The built program: its files, its messages, its exit codes.
//!
//! Some need Java and what `dev/cluster` fetches, for a real Kafka broker. Without them these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod to_csv;
#[cfg(feature = "kafka")]
mod to_kafka;
#[cfg(not(feature = "kafka"))]
mod without_kafka;
