//! A path and the store it is in.

use std::fmt;
use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::{Entry, FileWriter, ReadAt, Store, StoreError};

/// A path in a store. Cheap to clone.
#[derive(Clone)]
pub struct Location {
    store: Arc<dyn Store>,
    path: Arc<str>,
}

impl Location {
    /// `path` in `store`.
    pub fn new(store: Arc<dyn Store>, path: &str) -> Self {
        let path = match path.trim_end_matches('/') {
            "" if path.starts_with('/') => "/",
            path => path,
        };
        Self { store, path: path.into() }
    }

    /// A path of the local disk.
    pub fn local(path: impl AsRef<Path>) -> Self {
        Self::new(Arc::new(crate::LocalStore), &path.as_ref().to_string_lossy())
    }

    /// What is called `relative` in the folder `self`.
    #[must_use]
    pub fn join(&self, relative: &str) -> Self {
        let relative = relative.trim_matches('/');
        let path = match &*self.path {
            "" => relative.to_owned(),
            "/" => format!("/{relative}"),
            path => format!("{path}/{relative}"),
        };
        Self::new(self.store.clone(), &path)
    }

    /// The folder it is in; `None` for the root and for a bare name.
    pub fn parent(&self) -> Option<Self> {
        match self.path.rsplit_once('/')? {
            ("", "") => None,
            ("", _) => Some(Self::new(self.store.clone(), "/")),
            (parent, _) => Some(Self::new(self.store.clone(), parent)),
        }
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path within its store.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The store it is in.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Its address as a Hive table's location has it: `hdfs://nameservice/path`, `file:/path`.
    pub fn uri(&self) -> String {
        self.store.uri(&self.path)
    }

    /// Its path, if it is on the local disk.
    pub fn local_path(&self) -> Option<&Path> {
        self.store.local_path(&self.path)
    }

    /// What is there; `None` when nothing is.
    pub fn stat(&self) -> Result<Option<Entry>, StoreError> {
        self.store.stat(&self.path)
    }

    /// What the folder holds, sorted by name. Its not being there is an error; see [`Self::list_if_exists`].
    pub fn list(&self) -> Result<Vec<Entry>, StoreError> {
        self.store.list(&self.path)
    }

    /// What the folder holds, sorted by name; nothing when it does not exist.
    pub fn list_if_exists(&self) -> Result<Vec<Entry>, StoreError> {
        match self.list() {
            Err(error) if error.kind() == crate::StoreErrorKind::NotFound => Ok(Vec::new()),
            entries => entries,
        }
    }

    /// Opens the file for reading.
    pub fn open(&self) -> Result<Arc<dyn ReadAt>, StoreError> {
        self.store.open(&self.path)
    }

    /// Reads the file whole; `None` when it does not exist.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let file = match self.open() {
            Err(error) if error.kind() == crate::StoreErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; usize::try_from(file.size()).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Some(bytes))
    }

    /// A reader from the front of the file on.
    pub fn reader(&self) -> Result<impl Read + Send + use<>, StoreError> {
        Ok(FrontToBack { file: self.open()?, position: 0 })
    }

    /// Creates the file, which must not exist, and the missing folders above it.
    pub fn create(&self) -> Result<Box<dyn FileWriter>, StoreError> {
        self.store.create(&self.path)
    }

    /// Creates a file, which must not exist, with these contents.
    pub fn write(&self, contents: &[u8]) -> Result<(), StoreError> {
        let mut file = self.create()?;
        file.write_all(contents).map_err(|e| StoreError::from_io("write", self.to_string(), e))?;
        file.finish().map(|_| ())
    }

    /// Creates the folder and the missing ones above it.
    pub fn create_dir_all(&self) -> Result<(), StoreError> {
        self.store.create_dir_all(&self.path)
    }

    /// Creates the folder, which must not exist.
    pub fn create_dir(&self) -> Result<(), StoreError> {
        self.store.create_dir(&self.path)
    }

    /// Gives the file the name `to` in the same store, which must be free, in one step.
    pub fn rename(&self, to: &Self) -> Result<(), StoreError> {
        self.store.rename(&self.path, &to.path)
    }

    /// Puts the file in the place of `to` in the same store, in one step.
    pub fn replace(&self, to: &Self) -> Result<(), StoreError> {
        self.store.replace(&self.path, &to.path)
    }

    /// Sets the time of the last change to now.
    pub fn touch(&self) -> Result<(), StoreError> {
        self.store.touch(&self.path)
    }

    /// Waits until the file is durable that [`FileWriter::finish_unsynced`](crate::FileWriter::finish_unsynced) has completed.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.store.sync(&self.path)
    }

    /// Removes the file. Whether it was there.
    pub fn remove_file(&self) -> Result<bool, StoreError> {
        self.store.remove_file(&self.path)
    }

    /// Removes the folder and all that is in it, or the file. It may be missing.
    pub fn remove_tree(&self) -> Result<(), StoreError> {
        self.store.remove_tree(&self.path)
    }
}

impl fmt::Display for Location {
    /// As messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.store.display(&self.path))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.uri() == other.uri()
    }
}

impl Eq for Location {}

#[derive(Debug)]
struct FrontToBack {
    file: Arc<dyn ReadAt>,
    position: u64,
}

impl Read for FrontToBack {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.file.size() - self.position).unwrap_or(usize::MAX);
        let length = buf.len().min(left);
        self.file.read_exact_at(&mut buf[..length], self.position).map_err(StoreError::into_io)?;
        self.position += length as u64;
        Ok(length)
    }
}
