//! The store on moto's S3.
//!
//! Needs Python with what `emr/tests/aws/aws-imitation.txt` lists, which `dev/venv` installs on its first use. Without it
//! these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod helper;
mod server;

mod conditions;
mod folders;
mod reading;
mod refusals;
mod uploads;

store::suite_tests!(helper::location);
