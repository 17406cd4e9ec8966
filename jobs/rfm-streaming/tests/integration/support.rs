//! What the tests have in common: topics, the program, and what is to be in the tables against what is.

pub(crate) mod background;
pub(crate) mod check;
pub(crate) mod fleet;
pub(crate) mod http;
pub(crate) mod job;
pub(crate) mod ledger;
pub(crate) mod orders;
pub(crate) mod place;
pub(crate) mod random;
pub(crate) mod running;
pub(crate) mod tables;
pub(crate) mod topic;

use std::time::{Duration, Instant};

/// A test that waits for longer hangs. Nothing is measured by it.
pub(crate) const GUARD: Duration = Duration::from_secs(120);

/// Waits until `is_so`, asking again and again.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < GUARD, "{what}: not within {} s", GUARD.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}
