//! The few file operations a publication is made of, each of which has reached the disk when it returns.
//!
//! A file that was written, and a name that was created or changed, are two things to a file system: the first is on
//! the disk after an fsync of the file, the second after one of its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An operation that the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} '{}'{}", path.display(), advice(source))]
pub struct FsError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FsError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        self.source.kind() == io::ErrorKind::Interrupted
    }

    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// What the user can do about an error of the operating system, as the end of a sentence.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": the disk is full; free some space or choose another warehouse folder"
        }
        io::ErrorKind::AlreadyExists => ": it exists already and is never overwritten",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": this user may not write there; choose another warehouse folder or change its permissions"
        }
        _ => "",
    }
}

/// Creates `path` and every folder above it that is missing.
pub(crate) fn create_dirs(path: &Path) -> Result<(), FsError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    create_dirs(parent)?;
    match fs::create_dir(path) {
        Ok(()) => sync_dir(parent),
        // Another process was quicker; that it is a folder shows at the next use.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(FsError::new("create the folder", path, error)),
    }
}

/// Creates the folder `path`, which must not exist; the one above must.
pub(crate) fn create_new_dir(path: &Path) -> Result<(), FsError> {
    fs::create_dir(path).map_err(|e| FsError::new("create the folder", path, e))?;
    sync_dir(parent_of(path))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FsError> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|e| FsError::new("write the folder", path, e))
}

/// Writes a small file, created or emptied first. Its name is durable after [`sync_dir`].
pub(crate) fn write_file(path: &Path, contents: &[u8]) -> Result<File, FsError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(|e| FsError::new("create", path, e))?;
    file.write_all(contents).map_err(|e| FsError::new("write", path, e))?;
    Ok(file)
}

/// Makes a file's contents durable.
pub(crate) fn sync_file(path: &Path, file: &File) -> Result<(), FsError> {
    file.sync_all().map_err(|e| FsError::new("write", path, e))
}

/// Puts `from` in the place of `to`, in one step. Durable after [`sync_dir`].
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FsError> {
    fs::rename(from, to).map_err(|e| FsError::new("replace", to, e))
}

/// The names of the sub-folders of `path`, sorted; none when it does not exist. Links are not followed.
pub(crate) fn sub_dirs(path: &Path) -> Result<Vec<String>, FsError> {
    let error = |e| FsError::new("list the folder", path, e);
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(error)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(error)?;
        // A name that is not UTF-8 is none of ours.
        if entry.file_type().map_err(error)?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// When a file was last changed; `None` when it does not exist.
pub(crate) fn modified(path: &Path) -> Result<Option<SystemTime>, FsError> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(time) => Ok(Some(time)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(FsError::new("look at", path, e)),
    }
}

/// Removes a file that may be missing.
pub(crate) fn remove_file(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FsError::new("remove", path, e)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; it may be missing.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FsError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(FsError::new("remove the folder", path, e))
        }
        _ => Ok(()),
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
