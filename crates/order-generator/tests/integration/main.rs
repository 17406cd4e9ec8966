//! One test binary for the crate: it links once.
#![allow(clippy::unwrap_used, reason = "helpers of tests may stop at the first surprise too")]

mod config;
mod determinism;
mod kinds;
mod shape;
mod table;
