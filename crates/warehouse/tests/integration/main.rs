//! All integration tests of the crate, in one binary.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod publishing;
mod rows;
