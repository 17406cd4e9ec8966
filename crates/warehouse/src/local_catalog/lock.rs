//! The right to change a local catalog: an exclusive lock on `_catalog/lock`.
//!
//! The operating system holds the lock and releases it when its process ends, however it ends. So a lock is never
//! stale, and what the file says about its holder is there for messages only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use store::{Location, StoreError};

use crate::catalog::CatalogError;
use crate::run_id::utc_timestamp;

const POLL: Duration = Duration::from_millis(100);

/// An exclusive lock. Dropping it releases it.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    file: File,
}

/// What the lock file says about its holder.
#[derive(Serialize, Deserialize)]
struct Holder {
    owner: String,
    pid: u32,
    host: String,
    since: String,
}

impl FileLock {
    /// Takes the lock, waiting up to `wait` for another process to release it.
    pub(super) fn acquire(
        path: &Path,
        warehouse: &Location,
        owner: &str,
        wait: Duration,
    ) -> Result<Self, CatalogError> {
        let start = Instant::now();
        let mut announced = false;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(|e| failed("open the lock", path, e))?;
            match file.try_lock() {
                Ok(()) => {
                    let mut lock = Self { path: path.to_owned(), file };
                    // Somebody may have removed the file between open and lock: then another process can lock its
                    // successor, and this lock is worth nothing.
                    if lock.is_in_place()? {
                        lock.write_holder(owner)?;
                        return Ok(lock);
                    }
                }
                Err(TryLockError::WouldBlock) => {
                    let waited = start.elapsed();
                    if waited >= wait {
                        return Err(CatalogError::Locked {
                            warehouse: warehouse.clone(),
                            holder: read_holder(file),
                            waited,
                        });
                    }
                    if !announced {
                        tracing::info!(
                            %warehouse,
                            holder = read_holder(file),
                            "waiting for another run"
                        );
                        announced = true;
                    }
                    std::thread::sleep(POLL.min(wait - waited));
                }
                Err(TryLockError::Error(e)) => return Err(failed("lock", path, e).into()),
            }
        }
    }

    /// Whether the lock file is still the one that is locked.
    pub(super) fn is_in_place(&self) -> Result<bool, StoreError> {
        let held = self.file.metadata().map_err(|e| failed("look at", &self.path, e))?;
        Ok(std::fs::metadata(&self.path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())))
    }

    fn write_holder(&mut self, owner: &str) -> Result<(), StoreError> {
        let holder = Holder {
            owner: owner.to_owned(),
            pid: std::process::id(),
            host: host_name(),
            since: utc_timestamp(SystemTime::now()),
        };
        let text = serde_json::to_string(&holder).unwrap_or_default();
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|e| failed("write", &self.path, e))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Nobody holds the lock any more, so the file should name nobody. Failing to say so harms nothing.
        let _ = self.file.set_len(0);
    }
}

fn failed(action: &'static str, path: &Path, error: std::io::Error) -> StoreError {
    StoreError::from_io(action, path.display().to_string(), error)
}

/// `run-... (process 12 on host, since ...)`, or a general word when the file does not say.
fn read_holder(mut file: File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(Holder { owner, pid, host, since }) => {
            format!("{owner}, process {pid} on {host} since {since}")
        }
        None => "it has not said which".to_owned(),
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "an unknown host".to_owned())
}
