//! Where rejected rows are kept, and for how long.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use warehouse::run_id::RunId;

/// Folder of the rejects files of all runs, in the warehouse. Its name is hidden from Hive and Spark.
const FOLDER: &str = "_rejects";

/// Folder of one run's rejects files.
pub(crate) fn folder(warehouse: &Path, run_id: &RunId) -> PathBuf {
    warehouse.join(FOLDER).join(run_id.as_str())
}

/// Removes the rejects of runs that are older than `keep`. Other things in the folder are left alone. What cannot be
/// removed is logged: the snapshot is published, and that is what the run is for.
pub(crate) fn remove_old(warehouse: &Path, keep: Duration, now: SystemTime) {
    let folder = warehouse.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!(%error, ?folder, "cannot look for old rejects");
            return;
        }
    };
    for entry in entries.flatten() {
        let is_run = entry.file_name().to_str().is_some_and(|n| n.parse::<RunId>().is_ok());
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if is_run && age.is_some_and(|age| age > keep) {
            let path = entry.path();
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(?path, "removed old rejects"),
                Err(error) => tracing::warn!(%error, ?path, "cannot remove old rejects"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_runs_are_removed() {
        let warehouse = tempfile::tempdir().unwrap();
        let run_id = RunId::new(SystemTime::now());
        let run = folder(warehouse.path(), &run_id);
        let other = warehouse.path().join(FOLDER).join("notes");
        for path in [&run, &other] {
            fs::create_dir_all(path).unwrap();
        }
        let keep = Duration::from_secs(3_600);
        remove_old(warehouse.path(), keep, SystemTime::now());
        assert!(run.exists());
        remove_old(warehouse.path(), keep, SystemTime::now() + 2 * keep);
        assert!(!run.exists() && other.exists());
        remove_old(&warehouse.path().join("nothing"), keep, SystemTime::now());
    }
}
