//! The local disk as a store.

#![allow(clippy::unwrap_used)]

mod local;

use store::Location;

/// A location in a folder that lasts as long as the test process.
fn location() -> Location {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let case = DIR.path().join(number.to_string());
    std::fs::create_dir(&case).unwrap();
    Location::local(case.join("at"))
}

store::suite_tests!(location);
