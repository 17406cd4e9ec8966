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
//! A directory that was to become one when its run was killed ([`store::name_in_the_making`]) is removed too. Whatever
//! else is not a directory with the name of a run is not ours and is left alone.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use store::{Location, StoreError, StoreErrorKind};

use crate::catalog_state::CatalogState;
use crate::run_id::RunId;

pub(super) const SUCCESS: &str = "_SUCCESS";
pub(super) const RETIRED: &str = "_RETIRED";

/// Sweeps the run directories in `runs` (relative to `warehouse`, without a slash at the end).
pub(super) fn sweep(
    warehouse: &Location,
    runs: &str,
    state: &CatalogState,
    keep_old_runs: Duration,
    now: SystemTime,
) -> Result<(), StoreError> {
    let in_use: BTreeSet<&str> = state
        .tables
        .values()
        .flat_map(|table| table.partitions.values())
        .map(|partition| partition.location.as_str())
        .collect();
    let folder = warehouse.join(runs);
    for entry in folder.list_if_exists()? {
        let name = entry.name;
        let unnamed = store::name_in_the_making(&name);
        if entry.is_dir && unnamed.is_some_and(|run| run.parse::<RunId>().is_ok()) {
            tracing::info!(path = %folder.join(&name), "removing what a killed run left");
            folder.join(&name).remove_tree()?;
            continue;
        }
        let is_run = entry.is_dir && name.parse::<RunId>().is_ok();
        if !is_run || in_use.contains(format!("{runs}/{name}").as_str()) {
            continue;
        }
        let run_dir = folder.join(&name);
        if run_dir.join(SUCCESS).stat()?.is_none() {
            tracing::info!(path = %run_dir, "removing what a killed run left");
            run_dir.remove_tree()?;
            continue;
        }
        let retired = match run_dir.join(RETIRED).stat()? {
            Some(mark) => mark.modified,
            None => {
                retire(&run_dir)?;
                now
            }
        };
        // A mark from the future (a clock that was set back) has no age yet.
        if now.duration_since(retired).unwrap_or_default() >= keep_old_runs {
            tracing::info!(path = %run_dir, "removing an old run");
            // _SUCCESS first: should this process end in the middle, the next run takes the rest for what it is.
            run_dir.join(SUCCESS).remove_file()?;
            run_dir.remove_tree()?;
        }
    }
    Ok(())
}

/// Marks a run directory as replaced, from now on.
pub(super) fn retire(run_dir: &Location) -> Result<(), StoreError> {
    let mark = run_dir.join(RETIRED);
    match mark.write(b"") {
        // It was replaced before, came back and is replaced again: the time to keep starts anew.
        Err(error) if error.kind() == StoreErrorKind::AlreadyExists => mark.touch(),
        marked => marked,
    }
}
