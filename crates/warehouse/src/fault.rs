//! Named places where a test can stop the process, one between every two steps of a publication.
//!
//! Compiled in only with the cargo feature `fault-points`; without it [`reach`] is nothing. With it, the environment
//! variable `RFM_FAULT` names the place:
//! - `RFM_FAULT=<name>` ends the process there, at once and without any clean-up, as `kill -9` would;
//! - `RFM_FAULT=<name>:pause=<ms>` waits there for so many milliseconds;
//! - `RFM_FAULT=<name>#<n>` does so the n-th time the place is reached, from 1;
//! - several of these are separated by commas.

macro_rules! points {
    ($($(#[$doc:meta])* $ident:ident = $name:literal,)*) => {
        $($(#[$doc])* pub const $ident: &str = $name;)*

        /// All names, in the order in which a first publication reaches them.
        pub const POINTS: &[&str] = &[$($name),*];
    };
}

points! {
    /// The catalog's lock is held, nothing else has happened.
    LOCK_TAKEN = "lock-taken",
    /// New tables: the new catalog is written under a temporary name, not yet on the disk.
    CREATE_TABLES_WRITTEN = "create-tables-written",
    /// New tables: the temporary file is on the disk.
    CREATE_TABLES_SYNCED = "create-tables-synced",
    /// New tables: the catalog is replaced.
    CREATE_TABLES_REPLACED = "create-tables-replaced",
    /// A catalog server has created a table.
    TABLE_CREATED = "table-created",
    /// All tables exist.
    TABLES_CREATED = "tables-created",
    /// What killed runs left is gone.
    LEFTOVERS_SWEPT = "leftovers-swept",
    /// A run directory exists, empty.
    RUN_DIRECTORY_CREATED = "run-directory-created",
    /// A data file is open.
    DATA_FILE_CREATED = "data-file-created",
    /// A data file is complete and on the disk.
    DATA_FILE_FINISHED = "data-file-finished",
    /// All data files of a table are complete, `_SUCCESS` is missing.
    DATA_FILES_FINISHED = "data-files-finished",
    /// Everything of a table is on the disk.
    TABLE_WRITTEN = "table-written",
    /// Everything of all tables is on the disk, the catalog is unchanged.
    PUBLISH_STARTED = "publish-started",
    /// Publication: the new catalog is written under a temporary name, not yet on the disk.
    PUBLISH_WRITTEN = "publish-written",
    /// Publication: the temporary file is on the disk.
    PUBLISH_SYNCED = "publish-synced",
    /// Publication: the catalog is replaced; this is the moment.
    PUBLISH_REPLACED = "publish-replaced",
    /// A catalog server has the new partition of a table.
    PARTITION_PUBLISHED = "partition-published",
    /// A catalog server has pointed a view at the newest snapshot.
    VIEW_PUBLISHED = "view-published",
    /// The new snapshot is published for good.
    PUBLISHED = "published",
    /// The directories that the new snapshot replaced are marked.
    OLD_RUNS_RETIRED = "old-runs-retired",
}

/// The places of [`POINTS`] that only the local catalog has.
pub const LOCAL_ONLY: &[&str] = &[
    CREATE_TABLES_WRITTEN,
    CREATE_TABLES_SYNCED,
    CREATE_TABLES_REPLACED,
    PUBLISH_WRITTEN,
    PUBLISH_SYNCED,
    PUBLISH_REPLACED,
];

/// The places of [`POINTS`] that only a catalog with a server has. They are reached once a table or view.
pub const SERVER_ONLY: &[&str] = &[TABLE_CREATED, PARTITION_PUBLISHED, VIEW_PUBLISHED];

/// Marks a place. Does nothing unless the feature is on and `RFM_FAULT` names it.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub fn reach(_point: &str) {}

/// Marks a place. Does nothing unless `RFM_FAULT` names it.
#[cfg(feature = "fault-points")]
pub fn reach(point: &str) {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};
    static REACHED: Mutex<Option<HashMap<String, u32>>> = Mutex::new(None);

    let Ok(faults) = std::env::var("RFM_FAULT") else { return };
    let turn = {
        let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = reached.get_or_insert_default().entry(point.to_owned()).or_default();
        *turn += 1;
        *turn
    };
    for fault in faults.split(',') {
        let (place, action) = fault.split_once(':').unwrap_or((fault, ""));
        let (name, wanted) = place.split_once('#').unwrap_or((place, "1"));
        if name == point && turn == wanted.parse().unwrap_or(1) {
            act(point, action);
        }
    }
}

#[cfg(feature = "fault-points")]
fn act(point: &str, action: &str) {
    match action.strip_prefix("pause=").and_then(|millis| millis.parse().ok()) {
        Some(millis) => {
            tracing::warn!(point, millis, "pause asked for by RFM_FAULT");
            std::thread::sleep(std::time::Duration::from_millis(millis));
        }
        None => {
            tracing::warn!(point, "end asked for by RFM_FAULT");
            std::process::abort();
        }
    }
}
