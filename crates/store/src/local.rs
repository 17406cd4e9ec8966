//! The local disk.
//!
//! A file that was written, and a name that was created or changed, are two things to a file system: the first is on
//! the disk after an fsync of the file, the second after one of its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{Entry, FileWriter, ReadAt, Store, StoreError, StoreErrorKind};

/// The local disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalStore;

fn failed<'a>(action: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |error| StoreError::from_io(action, path, error)
}

impl Store for LocalStore {
    fn uri(&self, path: &str) -> String {
        match std::path::absolute(path) {
            Ok(absolute) => format!("file:{}", absolute.display()),
            Err(_) => format!("file:{path}"),
        }
    }

    fn display(&self, path: &str) -> String {
        path.to_owned()
    }

    fn local_path<'a>(&self, path: &'a str) -> Option<&'a Path> {
        Some(Path::new(path))
    }

    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        let metadata = match fs::metadata(path) {
            // A file where a folder of the path should be: nothing is there either.
            Err(e)
                if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            metadata => metadata.map_err(failed("look at", path))?,
        };
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        entry(name, &metadata).map(Some).map_err(failed("look at", path))
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        let error = |e| StoreError::from_io("list the folder", path, e);
        let mut entries = Vec::new();
        for found in fs::read_dir(path).map_err(error)? {
            let found = found.map_err(error)?;
            let name = found.file_name().into_string().map_err(|name| {
                let problem = format!("it holds a name that is not UTF-8, {name:?}; rename that");
                StoreError::new(StoreErrorKind::Other, "list the folder", path, problem)
            })?;
            match fs::metadata(found.path()).and_then(|metadata| entry(name, &metadata)) {
                Ok(entry) => entries.push(entry),
                // Removed meanwhile, or a link to nothing.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(error(e)),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let metadata = file.metadata().map_err(failed("open", path))?;
        if metadata.is_dir() {
            return Err(failed("read", path)(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Arc::new(LocalFile { path: path.to_owned(), size: metadata.len(), file }))
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = match options.open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                create_dirs(parent_of(path))?;
                options.open(path)
            }
            file => file,
        };
        let file = file.map_err(failed("create", path))?;
        Ok(Box::new(LocalWriter {
            path: path.to_owned(),
            file,
            written: 0,
            sent: 0,
            dropped: None,
            finished: false,
        }))
    }

    fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
        create_dirs(path)
    }

    fn create_dir(&self, path: &str) -> Result<(), StoreError> {
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                create_dirs(parent_of(path))?;
                fs::create_dir(path)
            }
            created => created,
        }
        .map_err(failed("create the folder", path))?;
        sync_dir(parent_of(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        use rustix::io::Errno;
        let renamed = rename_unless_taken(from, to);
        match renamed {
            Ok(()) => {}
            // File systems that have no such call. There it is two steps, and a process that dies between them leaves
            // both names.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(from, to).map_err(failed("rename to", to))?;
                fs::remove_file(from).map_err(failed("rename", from))?;
            }
            Err(error) => return Err(failed("rename to", to)(error.into())),
        }
        sync_dir(parent_of(to))
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        fs::rename(from, to).map_err(failed("replace", to))?;
        sync_dir(parent_of(to))
    }

    fn touch(&self, path: &str) -> Result<(), StoreError> {
        let touched = OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        touched.map_err(failed("change the time of", path))
    }

    fn sync(&self, path: &str) -> Result<(), StoreError> {
        File::open(path).and_then(|file| file.sync_all()).map_err(failed("write", path))?;
        sync_dir(parent_of(path))
    }

    fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
        match fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true).map_err(failed("remove", path)),
        }
    }

    fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
        let removed = match fs::remove_dir_all(path) {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
            removed => removed,
        };
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove the folder", path)(e))
            }
            _ => Ok(()),
        }
    }
}

/// A plain rename would replace what is there.
#[cfg(target_os = "linux")]
fn rename_unless_taken(from: &str, to: &str) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
fn rename_unless_taken(_from: &str, _to: &str) -> rustix::io::Result<()> {
    Err(rustix::io::Errno::NOSYS)
}

fn entry(name: String, metadata: &fs::Metadata) -> io::Result<Entry> {
    Ok(Entry {
        name,
        is_dir: metadata.is_dir(),
        is_file: metadata.is_file(),
        size: if metadata.is_file() { metadata.len() } else { 0 },
        modified: metadata.modified()?,
    })
}

/// Creates `path` and every folder above it that is missing.
fn create_dirs(path: &str) -> Result<(), StoreError> {
    if Path::new(path).is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    create_dirs(parent)?;
    match fs::create_dir(path) {
        Ok(()) => sync_dir(parent),
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && Path::new(path).is_dir() => {
            Ok(())
        }
        Err(error) => Err(failed("create the folder", path)(error)),
    }
}

/// Makes the names in a folder durable.
fn sync_dir(path: &str) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(failed("write the folder", path))
}

fn parent_of(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

#[derive(Debug)]
struct LocalFile {
    path: String,
    size: u64,
    file: File,
}

impl ReadAt for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), StoreError> {
        // An offset that is no position at all is another error to the operating system.
        if offset > self.size {
            return Err(failed("read", &self.path)(io::ErrorKind::UnexpectedEof.into()));
        }
        self.file.read_exact_at(buf, offset).map_err(failed("read", &self.path))
    }
}

#[derive(Debug)]
struct LocalWriter {
    path: String,
    file: File,
    written: u64,
    /// How many of those bytes the disk was asked to take.
    sent: u64,
    /// How many of those shall be in memory no more, if the file is to leave it.
    dropped: Option<u64>,
    finished: bool,
}

/// A file of this size goes to the disk while its writer goes on. Linux by itself may begin with gigabytes in memory, and `finish`
/// would wait for all of them.
const LARGE_BYTES: u64 = 64 << 20;
/// In steps of so many bytes.
const STEP_BYTES: u64 = 8 << 20;
/// What leaves memory is so far behind what is written that a quick disk has taken it.
const BEHIND_BYTES: u64 = 64 << 20;

impl LocalWriter {
    /// Has the disk begin with what was written since the last time.
    fn send(&mut self) {
        dont_need(&self.file, self.sent..self.written);
        self.sent = self.written;
        if let Some(dropped) = self.dropped {
            // Whole steps: a page of which only a part is in the range would stay.
            let end = self.written.saturating_sub(BEHIND_BYTES) / STEP_BYTES * STEP_BYTES;
            if end > dropped {
                dont_need(&self.file, dropped..end);
                self.dropped = Some(end);
            }
        }
    }
}

/// Linux begins to write back those of the pages that the disk has not yet, and forgets the others. It is advice, and a file system that does
/// not take it is only slower. What a quick disk takes within the call is forgotten too: `sync_file_range` would not do that, and no
/// library calls it safely.
#[cfg(target_os = "linux")]
fn dont_need(file: &File, range: Range<u64>) {
    use rustix::fs::{Advice, fadvise};
    // No length is one up to the end of the file.
    if let Some(bytes) = std::num::NonZeroU64::new(range.end - range.start) {
        let _ = fadvise(file, range.start, Some(bytes), Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn dont_need(_file: &File, _range: Range<u64>) {}

impl Write for LocalWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buf).map_err(|e| match e.kind() {
            // The caller is to try again, at once.
            io::ErrorKind::Interrupted => e,
            _ => failed("write", &self.path)(e).into_io(),
        })?;
        self.written += written as u64;
        if self.written >= LARGE_BYTES && self.written - self.sent >= STEP_BYTES {
            self.send();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWriter for LocalWriter {
    fn drop_behind(&mut self) {
        self.dropped = Some(0);
    }

    fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        self.file.sync_all().map_err(failed("write", &self.path))?;
        if self.dropped.is_some() && self.written >= LARGE_BYTES {
            // With what the disk was too slow for.
            dont_need(&self.file, 0..self.written);
        }
        let size = self.file.metadata().map_err(failed("write", &self.path))?.len();
        // Durable under its name only now, so not finished before.
        sync_dir(parent_of(&self.path))?;
        self.finished = true;
        Ok(size)
    }

    fn finish_unsynced(mut self: Box<Self>) -> Result<u64, StoreError> {
        let size = self.file.metadata().map_err(failed("write", &self.path))?.len();
        self.finished = true;
        Ok(size)
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        if !self.finished {
            // It may be gone already, and an unfinished file is swept by its owner's next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}
