//! Loading what was published.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod loading;
mod replaced;
mod shop;
