//! The shipped program, run as its users run it.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod job;
mod naive;

mod bad_input;
mod cli;
mod cluster;
mod determinism;
mod independent_reader;
mod numbers;
mod publishing;
#[cfg(feature = "real-data")]
mod real_data;
