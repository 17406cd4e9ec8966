//! A store on the network, as far as a scan can tell: the local disk under another address, which writes down what it is
//! asked and can be told to fail.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use store::{
    Entry, FileWriter, LocalStore, OpenStore, ReadAt, Store, StoreError, StoreErrorKind, Stores,
};

/// What the store is told and what it saw; paths are those in the store.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Reads that touch this byte of any file end like this.
    pub fail_read: Option<(u64, StoreErrorKind)>,
    /// Rejects files beyond this size end like this.
    pub fail_write: Option<(u64, StoreErrorKind)>,
    /// File, position, length.
    pub reads: Vec<(String, u64, usize)>,
    /// Folders.
    pub lists: Vec<String>,
    /// Bytes of each write.
    pub writes: Vec<usize>,
    /// Files that are being written now, and the most there were.
    pub open_writers: usize,
    pub most_open_writers: usize,
}

/// Cheap to clone; all clones are the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct FarStore(Arc<Mutex<Log>>);

impl FarStore {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }

    pub(crate) fn stores(&self) -> Stores {
        Stores::local().with(self.clone())
    }
}

impl OpenStore for FarStore {
    fn schemes(&self) -> &[&'static str] {
        &["far"]
    }

    fn open(&self, _: &str, _: &str) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(self.clone()))
    }

    fn default_address(&self) -> Result<Option<(String, String)>, StoreError> {
        Ok(None)
    }
}

impl Store for FarStore {
    fn uri(&self, path: &str) -> String {
        format!("far://host{path}")
    }

    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        LocalStore.stat(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        self.log().lists.push(path.to_owned());
        LocalStore.list(path)
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError> {
        let file = Store::open(&LocalStore, path)?;
        Ok(Arc::new(FarFile { store: self.clone(), path: path.to_owned(), file }))
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError> {
        let file = LocalStore.create(path)?;
        let mut log = self.log();
        log.open_writers += 1;
        log.most_open_writers = log.most_open_writers.max(log.open_writers);
        Ok(Box::new(FarWriter {
            store: self.clone(),
            uri: self.uri(path),
            file: Some(file),
            size: 0,
        }))
    }

    fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
        LocalStore.create_dir_all(path)
    }

    fn create_dir(&self, path: &str) -> Result<(), StoreError> {
        LocalStore.create_dir(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        LocalStore.rename(from, to)
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        LocalStore.replace(from, to)
    }

    fn touch(&self, path: &str) -> Result<(), StoreError> {
        LocalStore.touch(path)
    }

    fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
        LocalStore.remove_file(path)
    }

    fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
        LocalStore.remove_tree(path)
    }
}

#[derive(Debug)]
struct FarFile {
    store: FarStore,
    path: String,
    file: Arc<dyn ReadAt>,
}

impl ReadAt for FarFile {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let mut log = self.store.log();
        log.reads.push((self.path.clone(), offset, buf.len()));
        if let Some((at, kind)) = log.fail_read
            && (offset..offset + buf.len() as u64).contains(&at)
        {
            return Err(StoreError::new(
                kind,
                "read",
                self.store.uri(&self.path),
                "the wire is cut",
            ));
        }
        self.file.read_exact_at(buf, offset)
    }
}

#[derive(Debug)]
struct FarWriter {
    store: FarStore,
    uri: String,
    /// `None` after `finish`.
    file: Option<Box<dyn FileWriter>>,
    size: u64,
}

impl Write for FarWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut log = self.store.log();
        self.size += buf.len() as u64;
        if let Some((_, kind)) = log.fail_write.filter(|(at, _)| self.size > *at) {
            return Err(StoreError::new(kind, "write", &*self.uri, "no node takes it").into_io());
        }
        log.writes.push(buf.len());
        self.file.as_mut().unwrap().write_all(buf).map(|()| buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWriter for FarWriter {
    fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        self.file.take().unwrap().finish()
    }
}

impl Drop for FarWriter {
    fn drop(&mut self) {
        self.store.log().open_writers -= 1;
    }
}
