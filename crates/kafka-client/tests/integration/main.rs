//! Connections to a real broker, over each of its ways to log in, and to the embedded one.
//!
//! Needs Java and what `dev/cluster` fetches. Without them these tests fail, they are not skipped.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod helper;

mod embedded;
mod expiring_tokens;
mod iam;
mod logins;
mod message_queue;
mod unreachable;
