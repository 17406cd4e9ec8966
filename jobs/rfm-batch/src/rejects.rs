//! Where rejected rows are kept, and for how long.

use std::time::{Duration, SystemTime};

use store::Location;
use warehouse::run_id::RunId;

/// Folder of the rejects files of all runs, in the warehouse. Its name is hidden from Hive and Spark.
const FOLDER: &str = "_rejects";

/// Folder of one run's rejects files.
pub(crate) fn folder(warehouse: &Location, run_id: &RunId) -> Location {
    warehouse.join(FOLDER).join(run_id.as_str())
}

/// Removes the rejects of runs that are older than `keep`. Other things in the folder are left alone. What cannot be
/// removed is logged: the snapshot is published, and that is what the run is for.
pub(crate) fn remove_old(warehouse: &Location, keep: Duration, now: SystemTime) {
    let folder = warehouse.join(FOLDER);
    let entries = match folder.list_if_exists() {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::new(error)),
                "cannot look for old rejects"
            );
            return;
        }
    };
    for entry in entries {
        let is_run = entry.name.parse::<RunId>().is_ok();
        let age = now.duration_since(entry.modified).ok();
        if is_run && age.is_some_and(|age| age > keep) {
            let run = folder.join(&entry.name);
            match run.remove_tree() {
                Ok(()) => tracing::info!(path = %run, "removed old rejects"),
                Err(error) => tracing::warn!(
                    error = format!("{:#}", anyhow::Error::new(error)),
                    "cannot remove old rejects"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_runs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Location::local(dir.path());
        let run_id = RunId::new(SystemTime::now());
        let run = folder(&warehouse, &run_id);
        let other = warehouse.join(FOLDER).join("notes");
        for folder in [&run, &other] {
            folder.create_dir_all().unwrap();
        }
        let exists = |location: &Location| location.stat().unwrap().is_some();
        let keep = Duration::from_secs(3_600);
        remove_old(&warehouse, keep, SystemTime::now());
        assert!(exists(&run));
        remove_old(&warehouse, keep, SystemTime::now() + 2 * keep);
        assert!(!exists(&run) && exists(&other));
        remove_old(&warehouse.join("nothing"), keep, SystemTime::now());
    }
}
