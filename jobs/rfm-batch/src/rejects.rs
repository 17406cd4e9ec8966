//! Where rejected rows are kept, and for how long.

use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use order_csv::CsvError;
use store::Location;
use warehouse::run_id::RunId;

/// Folder of the rejects files of all runs, in the warehouse. Its name is hidden from Hive and Spark.
const FOLDER: &str = "_rejects";

/// Folder of one run's rejects files.
pub(crate) fn folder(warehouse: &Location, run_id: &RunId) -> Location {
    warehouse.join(FOLDER).join(run_id.as_str())
}

/// The rejects files of a scan on their way to the disk, while the run goes on: a tenth of the run's time otherwise.
pub(crate) struct Completion(Option<JoinHandle<Result<(), CsvError>>>);

impl Completion {
    /// Begins it, after all workers of the scan have ended.
    pub(crate) fn begin(
        complete: impl FnOnce() -> Result<(), CsvError> + Send + 'static,
    ) -> Completion {
        Completion(Some(thread::spawn(complete)))
    }

    /// Waits until the files are durable.
    pub(crate) fn wait(mut self) -> Result<(), CsvError> {
        let Some(thread) = self.0.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Completion {
    /// A run that fails shall leave the rejects that say why. What fails on the way is less than why the run failed.
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
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
    // By the time in its name: not every store knows when a folder was changed.
    let oldest_kept = RunId::from_parts(now.checked_sub(keep).unwrap_or(SystemTime::UNIX_EPOCH), 0);
    for entry in entries {
        if entry.name.parse::<RunId>().is_ok_and(|run| run < oldest_kept) {
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
