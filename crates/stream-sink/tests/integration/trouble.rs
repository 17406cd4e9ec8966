//! A warehouse folder as one process sees it, in which a test decides what happens to the process at which call.
//!
//! The process may be stopped for a while, in which others go on; it may be killed, or a call may fail, before the
//! call has done anything, after it, or in the middle of a rename. A store may have no renames, as S3: then each is a copy
//! and a removal, and all of that may happen between the two.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::{Entry, FileWriter, LocalStore, Location, ReadAt, Store, StoreError, StoreErrorKind};
use warehouse::catalog::{Catalog, CatalogError, CatalogLock, NewPartition};
use warehouse::catalog_state::{CatalogState, Partition};
use warehouse::ddl::TableDef;
use warehouse::local_catalog::LocalCatalog;

/// What happens.
pub(crate) enum Trouble {
    /// The process stands still while others go on.
    Pause(Box<dyn FnOnce() + Send>),
    /// It is killed.
    Kill(Moment),
    /// The call fails.
    Fail(Moment),
}

/// When, in the course of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    Before,
    /// A file that is renamed has both names. For other calls the same as `After`.
    HalfWay,
    After,
}

/// A call, for tests that wait for a certain one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Stat,
    List,
    Open,
    Create,
    CreateDir,
    Rename,
    Remove,
    Finish,
    Catalog,
}

type When = Box<dyn FnMut(Call, &str) -> bool + Send>;

/// What a process does to the warehouse.
#[derive(Default)]
pub(crate) struct Process {
    trouble: Mutex<Option<(When, Trouble)>>,
    is_dead: AtomicBool,
    has_no_renames: AtomicBool,
}

impl Process {
    /// Makes trouble at the first call for which `when` is true of its kind and path.
    pub(crate) fn expect(
        &self,
        when: impl FnMut(Call, &str) -> bool + Send + 'static,
        trouble: Trouble,
    ) {
        *self.trouble.lock().unwrap() = Some((Box::new(when), trouble));
    }

    /// Makes trouble at the call with this number, from 0.
    pub(crate) fn expect_at(&self, number: usize, trouble: Trouble) {
        let mut left = number;
        let when = move |_, _: &str| {
            left = left.wrapping_sub(1);
            left == usize::MAX
        };
        self.expect(when, trouble);
    }

    /// No trouble any more. Whether it has not happened.
    pub(crate) fn forget(&self) -> bool {
        self.trouble.lock().unwrap().take().is_some()
    }

    /// Its store copies and removes instead.
    pub(crate) fn copy_and_remove(&self) {
        self.has_no_renames.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    fn around<T>(
        &self,
        call: Call,
        path: &str,
        half: impl FnOnce(),
        act: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_dead() {
            return Err(failure("killed"));
        }
        let due = {
            let mut trouble = self.trouble.lock().unwrap();
            let is_due = trouble.as_mut().is_some_and(|(when, _)| when(call, path));
            if is_due { trouble.take() } else { None }
        };
        let (moment, is_killed) = match due {
            None => return act(),
            Some((_, Trouble::Pause(meanwhile))) => {
                meanwhile();
                return act();
            }
            Some((_, Trouble::Kill(moment))) => (moment, true),
            Some((_, Trouble::Fail(moment))) => (moment, false),
        };
        match moment {
            Moment::Before => {}
            Moment::HalfWay if call == Call::Rename => half(),
            Moment::HalfWay | Moment::After => drop(act()?),
        }
        self.is_dead.fetch_or(is_killed, Ordering::SeqCst);
        Err(failure(if is_killed { "killed" } else { "out of order" }))
    }
}

fn failure(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "call", "the test's store", what)
}

/// The local disk, as a process sees it.
pub(crate) struct TroubledStore(pub(crate) Arc<Process>);

impl std::fmt::Debug for TroubledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TroubledStore")
    }
}

impl TroubledStore {
    fn around<T>(
        &self,
        call: Call,
        path: &str,
        act: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.around(call, path, || {}, act)
    }
}

impl Store for TroubledStore {
    fn uri(&self, path: &str) -> String {
        LocalStore.uri(path)
    }

    fn display(&self, path: &str) -> String {
        path.to_owned()
    }

    fn stat(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        self.around(Call::Stat, path, || LocalStore.stat(path))
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, StoreError> {
        self.around(Call::List, path, || LocalStore.list(path))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadAt>, StoreError> {
        self.around(Call::Open, path, || LocalStore.open(path))
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>, StoreError> {
        self.around(Call::Create, path, || {
            let (inner, process) = (LocalStore.create(path)?, self.0.clone());
            Ok(Box::new(Writer { path: path.to_owned(), inner: Some(inner), process }) as _)
        })
    }

    fn create_dir_all(&self, path: &str) -> Result<(), StoreError> {
        self.around(Call::CreateDir, path, || LocalStore.create_dir_all(path))
    }

    fn create_dir(&self, path: &str) -> Result<(), StoreError> {
        self.around(Call::CreateDir, path, || LocalStore.create_dir(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        if self.0.has_no_renames.load(Ordering::SeqCst) {
            self.around(Call::Rename, to, || copy(from, to, false))?;
            return self.around(Call::Remove, from, || LocalStore.remove_file(from).map(drop));
        }
        let half = || drop(std::fs::hard_link(from, to));
        self.0.around(Call::Rename, to, half, || LocalStore.rename(from, to))
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        if self.0.has_no_renames.load(Ordering::SeqCst) {
            self.around(Call::Rename, to, || copy(from, to, true))?;
            return self.around(Call::Remove, from, || LocalStore.remove_file(from).map(drop));
        }
        self.around(Call::Rename, to, || LocalStore.replace(from, to))
    }

    fn touch(&self, path: &str) -> Result<(), StoreError> {
        LocalStore.touch(path)
    }

    fn remove_file(&self, path: &str) -> Result<bool, StoreError> {
        self.around(Call::Remove, path, || LocalStore.remove_file(path))
    }

    fn remove_tree(&self, path: &str) -> Result<(), StoreError> {
        self.around(Call::Remove, path, || LocalStore.remove_tree(path))
    }
}

/// As a copy inside S3: in one step, also to a folder that is not there.
fn copy(from: &str, to: &str, overwrites: bool) -> Result<(), StoreError> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let (folder, name) = to.rsplit_once('/').unwrap();
    let link = format!("{folder}/.{name}.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let failed = |error| StoreError::from_io("copy to", to, error);
    if !std::fs::exists(from).map_err(failed)? {
        return Err(failed(std::io::ErrorKind::NotFound.into()));
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    if !overwrites {
        return std::fs::hard_link(from, to).map_err(failed);
    }
    std::fs::hard_link(from, &link).map_err(failed)?;
    std::fs::rename(&link, to).map_err(failed)?;
    // It stays where both were the same file already.
    let _ = std::fs::remove_file(link);
    Ok(())
}

#[derive(Debug)]
struct Writer {
    path: String,
    inner: Option<Box<dyn FileWriter>>,
    process: Arc<Process>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process, dead: {}", self.is_dead())
    }
}

impl Write for Writer {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        if self.process.is_dead() {
            return Err(failure("killed").into_io());
        }
        self.inner.as_mut().unwrap().write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl FileWriter for Writer {
    fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        let (process, path) = (self.process.clone(), self.path.clone());
        process.around(Call::Finish, &path, || {}, || self.inner.take().unwrap().finish())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.process.is_dead() {
            // A process that was killed removes nothing.
            let kept = format!("{}.kept", self.path);
            let is_kept = std::fs::hard_link(&self.path, &kept).is_ok();
            drop(inner);
            if is_kept {
                std::fs::rename(kept, &self.path).unwrap();
            }
        }
    }
}

/// The local catalog, as a process sees it.
#[derive(Debug)]
pub(crate) struct TroubledCatalog {
    local: LocalCatalog,
    warehouse: Location,
    pub(crate) process: Arc<Process>,
}

impl TroubledCatalog {
    pub(crate) fn new(local: &LocalCatalog) -> Self {
        let process = Arc::new(Process::default());
        let store = Arc::new(TroubledStore(process.clone()));
        let warehouse = Location::new(store, local.warehouse().path());
        Self { local: local.clone(), warehouse, process }
    }

    fn around<T>(
        &self,
        what: &str,
        act: impl FnOnce() -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut outcome = None;
        self.process.around(
            Call::Catalog,
            what,
            || {},
            || {
                outcome = Some(act());
                Ok(())
            },
        )?;
        outcome.unwrap()
    }
}

impl Catalog for TroubledCatalog {
    fn warehouse(&self) -> &Location {
        &self.warehouse
    }

    fn load(&self) -> Result<CatalogState, CatalogError> {
        self.around("load", || self.local.load())
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        self.around("acquire", || self.local.acquire(owner, wait))
    }

    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        self.around("data_files", || self.local.data_files(partition))
    }

    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError> {
        self.around("create_tables", || self.local.create_tables(tables, wait))
    }

    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.around("add_partitions", || self.local.add_partitions(table, partitions, wait))
    }

    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.around("partition_locations", || self.local.partition_locations(table, names))
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        self.around("list_partitions", || self.local.list_partitions(table))
    }

    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.around("move_partition", || self.local.move_partition(table, name, from, to, wait))
    }

    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.around("drop_partitions", || self.local.drop_partitions(table, names, wait))
    }
}
