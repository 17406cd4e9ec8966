//! What the tests have in common: a warehouse, a topic, the program, and a browser of few words.

pub(crate) mod client;
pub(crate) mod orders;
pub(crate) mod program;
pub(crate) mod shop;

use std::time::{Duration, Instant};

/// A test that waits for longer hangs. Nothing is measured by it.
pub(crate) const GUARD: Duration = Duration::from_secs(120);

/// Waits until there is something, asking again and again.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < GUARD, "{what}: not within {} s", GUARD.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}
