//! Look-ups in tables as the batch job writes them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod lookup;
#[path = "../../../warehouse/tests/integration/rows.rs"]
mod rows;
