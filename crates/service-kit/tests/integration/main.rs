//! The server over real sockets, and signals to real processes.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod exposition;

mod answers;
mod limits;
mod metrics;
mod signals;
mod stopping;

use std::time::{Duration, Instant};

/// Waits until `ready`, which is asked again and again for at most 30 seconds.
fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
