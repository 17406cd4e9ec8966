//! Removes what earlier runs left in a table's `_runs` folder.
//!
//! Runs under the catalog's lock, so no other run is writing. A run directory is one of three:
//! - a partition points to it: in use, untouched;
//! - no partition points to it and `_SUCCESS` is missing: its run was killed while writing; no reader has ever seen
//!   it; removed at once;
//! - no partition points to it and `_SUCCESS` is there: a newer run has replaced it (or its run was killed just before
//!   publishing). A reader that looked at the catalog earlier may still be reading it. It is marked `_RETIRED`, and
//!   removed when the mark is older than the time to keep.
//!
//! Whatever is not a directory with the name of a run is not ours and is left alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::catalog_state::CatalogState;
use crate::durable_fs::{self, FsError};
use crate::run_id::RunId;

pub(super) const SUCCESS: &str = "_SUCCESS";
pub(super) const RETIRED: &str = "_RETIRED";

/// Sweeps the run directories in `runs` (relative to `warehouse`, without a slash at the end).
pub(super) fn sweep(
    warehouse: &Path,
    runs: &str,
    state: &CatalogState,
    keep_old_runs: Duration,
    now: SystemTime,
) -> Result<(), FsError> {
    let in_use: BTreeSet<&str> = state
        .tables
        .values()
        .flat_map(|table| table.partitions.values())
        .map(|partition| partition.location.as_str())
        .collect();
    let folder = warehouse.join(runs);
    for name in durable_fs::sub_dirs(&folder)? {
        if name.parse::<RunId>().is_err() || in_use.contains(format!("{runs}/{name}").as_str()) {
            continue;
        }
        let run_dir = folder.join(name);
        if durable_fs::modified(&run_dir.join(SUCCESS))?.is_none() {
            tracing::info!(path = %run_dir.display(), "removing what a killed run left");
            durable_fs::remove_tree(&run_dir)?;
            continue;
        }
        let retired = match durable_fs::modified(&run_dir.join(RETIRED))? {
            Some(retired) => retired,
            None => {
                retire(&run_dir)?;
                now
            }
        };
        // A mark from the future (a clock that was set back) has no age yet.
        if now.duration_since(retired).unwrap_or_default() >= keep_old_runs {
            tracing::info!(path = %run_dir.display(), "removing an old run");
            // _SUCCESS first: should this process end in the middle, the next run takes the rest for what it is.
            durable_fs::remove_file(&run_dir.join(SUCCESS))?;
            durable_fs::remove_tree(&run_dir)?;
        }
    }
    Ok(())
}

/// Marks a run directory as replaced, from now on.
pub(super) fn retire(run_dir: &Path) -> Result<(), FsError> {
    durable_fs::write_file(&run_dir.join(RETIRED), b"").map(drop)
}
