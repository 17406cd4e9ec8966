//! The program as a browser meets it: over HTTP, with a warehouse in a folder and a broker within this process.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod assets;
mod batch;
mod cluster;
mod customers;
mod live;
mod load;
mod openapi;
mod settings;
mod sign_in;
mod tls;
