//! Files wherever they are: on the local disk, on HDFS, in S3.
//!
//! A [`Location`] is a path in a [`Store`]; it is what the rest of the suite passes around in place of a path.
//! [`Stores`] makes locations of what a user writes: a bare path, `file:`, `hdfs:` and whatever else was registered.
//! This crate has the local disk ([`LocalStore`]); the crates `hdfs-store` and `s3-store` add HDFS and S3.
//!
//! The calls block. They are few and large (a block of a file, a whole small file, a rename), so a thread that waits is
//! cheap, and none of the callers has to be asynchronous for it.
//!
//! # What every store promises
//! - A file that [`Location::create`] or [`Location::write`] made is whole and durable when `finish` or `write` returns;
//!   before that it may be visible, but never under a name that exists already.
//! - [`Location::rename`] is one step for those who look at the target, and fails when that exists. [`Location::replace`] is
//!   one step for them too. A process that dies in the middle may leave the source as well: S3 has no renames, nor have some
//!   local file systems the one that fails.
//! - Nothing is ever appended to.

mod error;
mod local;
mod location;
mod stores;
#[cfg(feature = "test-suite")]
pub mod suite;

pub use self::error::{StoreError, StoreErrorKind, chain};
pub use self::local::LocalStore;
pub use self::location::Location;
pub use self::stores::{OpenStore, Stores};

use std::fmt::Debug;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// A place that holds files. Paths are absolute within it, `/`-separated, without `.` and `..`; for the local disk
/// they may be relative to the working directory.
pub trait Store: Debug + Send + Sync {
    /// The address of `path` as a Hive table's location has it: `hdfs://nameservice/path`, `file:/path`.
    fn uri(&self, path: &str) -> String;

    /// How messages name `path`. For the local disk the bare path.
    fn display(&self, path: &str) -> String {
        self.uri(path)
    }

    /// The folder that relative paths start from.
    fn home_dir(&self) -> String {
        "/".to_owned()
    }

    /// `path` on the local disk, if that is where this store is.
    fn local_path<'a>(&self, path: &'a str) -> Option<&'a std::path::Path> {
        let _ = path;
        None
    }

    /// What is at `path`; `None` when nothing is.
    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError>;

    /// What the folder `path` holds, sorted by name. [`StoreErrorKind::NotFound`] when there is no such folder.
    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError>;

    /// Opens a file for reading.
    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError>;

    /// Creates a file, and the folders above it that are missing.
    /// [`StoreErrorKind::AlreadyExists`] when something is there, also when two do so at the same moment: one of them wins. The
    /// other one learns it here, or not before [`FileWriter::finish`].
    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError>;

    /// Creates the folder and the missing ones above it.
    fn create_dir_all(&self, path: &str) -> Result<(), StoreError>;

    /// Creates the folder `path`, which must not exist. A process that dies meanwhile may leave an empty folder beside
    /// it, with a hidden name that [`name_in_the_making`] knows.
    fn create_dir(&self, path: &str) -> Result<(), StoreError>;

    /// Gives a file another name, durably: `to` is there in one step. [`StoreErrorKind::AlreadyExists`] when `to` exists,
    /// [`StoreErrorKind::NotFound`] when `from` does not.
    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError>;

    /// Puts the file `from` in the place of the file `to`, in one step for those who look at `to`, durably. `to` need not
    /// exist.
    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError>;

    /// Sets the time of the last change of the file `path` to now.
    fn touch(&self, path: &str) -> Result<(), StoreError>;

    /// Waits until a file is durable that [`FileWriter::finish_unsynced`] has completed, in whatever process.
    fn sync(&self, path: &str) -> Result<(), StoreError> {
        let _ = path;
        Ok(())
    }

    /// Removes a file. Whether it was there.
    fn remove_file(&self, path: &str) -> Result<bool, StoreError>;

    /// Removes a folder and all that is in it, or a file. It may be missing.
    fn remove_tree(&self, path: &str) -> Result<(), StoreError>;
}

/// The hidden name under which a store may make the folder `name` before it gives it that name. `unique` tells apart
/// those who make it at the same time.
pub fn hidden_name(name: &str, unique: &str) -> String {
    format!(".{name}.new-{unique}")
}

/// The name that a folder was to get whose name is a [`hidden_name`].
pub fn name_in_the_making(hidden: &str) -> Option<&str> {
    Some(hidden.strip_prefix('.')?.rsplit_once(".new-")?.0)
}

/// A file that is open for reading; any number of threads may read at the same time.
pub trait ReadAt: Debug + Send + Sync {
    /// Bytes in the file when it was opened.
    fn size(&self) -> u64;

    /// Fills `buf` from position `offset`. A store on the network reads ahead when the positions ascend.
    ///
    /// # Errors
    /// [`StoreErrorKind::Truncated`] when the file ends before `buf` is full.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), StoreError>;

    /// The bytes of each range. A store on the network asks for several at the same time, those that lie close together (the ranges
    /// best ascend) with one request, and does not read ahead of them.
    ///
    /// # Errors
    /// As [`Self::read_exact_at`]; then none is given.
    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, StoreError> {
        let read = |range: &Range<u64>| {
            if range.end > self.size() {
                // Fails, before room is made for what no file has.
                self.read_exact_at(&mut [0], range.end - 1)?;
            }
            let mut bytes = vec![0; range.end.saturating_sub(range.start) as usize];
            self.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes)
        };
        ranges.iter().map(read).collect()
    }
}

/// A file being written, front to back. Dropped before [`FileWriter::finish`], it removes what it wrote.
///
/// The [`std::io::Error`] of a failed [`Write`] holds a [`StoreError`], which [`StoreError::from_io`] takes out again.
pub trait FileWriter: Write + Debug + Send {
    /// Says that nobody will read the file soon: where it would take memory from what is read, a large one does not stay in memory.
    /// Hadoop's `CanSetDropBehind` is the same.
    fn drop_behind(&mut self) {}

    /// Completes the file and waits until it is durable. Gives its size in bytes.
    fn finish(self: Box<Self>) -> Result<u64, StoreError>;

    /// Completes the file. Where waiting until it is durable takes time that is left to [`Store::sync`]. Gives its size in bytes.
    fn finish_unsynced(self: Box<Self>) -> Result<u64, StoreError> {
        self.finish()
    }
}

/// A file or folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Last part of its path.
    pub name: String,
    /// Whether it is a folder. Links are followed.
    pub is_dir: bool,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Bytes of a file; 0 for a folder.
    pub size: u64,
    /// When it was last changed, by the store's clock, as exactly as that goes: in S3 to the second. 1970 for a folder of
    /// a store whose folders have no time.
    pub modified: SystemTime,
}
