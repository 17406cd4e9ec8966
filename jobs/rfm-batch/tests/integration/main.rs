//! The shipped program, run as its users run it.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod job;
mod naive;

#[cfg(feature = "glue")]
#[path = "../../../../crates/glue-catalog/tests/integration/server.rs"]
mod glue_server;

#[cfg(feature = "s3")]
#[path = "../../../../crates/s3-store/tests/integration/server.rs"]
mod s3_server;

mod bad_input;
#[cfg(feature = "ballista")]
mod ballista;
mod cli;
mod cluster;
mod determinism;
#[cfg(feature = "glue")]
mod glue;
mod independent_reader;
mod numbers;
mod publishing;
#[cfg(feature = "real-data")]
mod real_data;
#[cfg(feature = "s3")]
mod s3;
