//! A publisher that sleeps at the worst moments: after it has looked where a partition is, and after it has put a file there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use store::Location;
use warehouse::catalog::{Catalog, CatalogError, CatalogLock, NewPartition};
use warehouse::catalog_state::{CatalogState, Partition};
use warehouse::ddl::TableDef;

use super::world::{Stream, World, Written};

/// Whether the sleeper wakes up.
enum Wake {
    Up,
    Never,
}

/// A catalog that falls asleep each time after it was asked where partitions are.
#[derive(Debug)]
struct Sleeping {
    inner: Arc<dyn Catalog>,
    naps: Mutex<VecDeque<Nap>>,
}

#[derive(Debug)]
struct Nap {
    asleep: Sender<()>,
    wake: Receiver<Wake>,
}

/// A publisher with one file for one partition of the first table. Drop it, and it never wakes up.
pub(crate) struct Sleepy {
    /// What becomes visible if it ever wakes up.
    pub(crate) written: Written,
    partition: i32,
    naps: VecDeque<(Receiver<()>, Sender<Wake>)>,
    thread: JoinHandle<bool>,
}

impl Sleepy {
    /// Commits a file, asks where its partition is, and sleeps. `partition` is a Kafka partition of its own.
    pub(crate) fn new(world: &World, partition: i32, day: &str) -> Self {
        let mut naps = VecDeque::new();
        let mut told = VecDeque::new();
        for _ in 0..2 {
            let (asleep, is_asleep) = channel();
            let (wake_up, wake) = channel();
            naps.push_back(Nap { asleep, wake });
            told.push_back((is_asleep, wake_up));
        }
        let catalog = Sleeping { inner: world.catalog.clone(), naps: Mutex::new(naps) };
        let mut stream = Stream::take_over(&world.through(Arc::new(catalog)), partition);
        stream.commit_to(&[0], &[day]);
        let written = stream.written.clone();
        let thread = std::thread::spawn(move || stream.publish().is_ok_and(|all| all));
        told[0].0.recv().unwrap();
        Self { written, partition, naps: told, thread }
    }

    /// Puts the file where the partition was, and sleeps again. It does not look whether the partition is closed.
    pub(crate) fn place(&mut self) {
        let (_, wake) = self.naps.pop_front().unwrap();
        wake.send(Wake::Up).unwrap();
        self.naps[0].0.recv().unwrap();
    }

    /// Goes on to the end, and again until all is visible.
    pub(crate) fn finish(mut self, world: &World) -> Written {
        for (_, wake) in self.naps.drain(..) {
            let _ = wake.send(Wake::Up);
        }
        if !self.thread.join().unwrap() {
            Stream::take_over(world, self.partition).publish_all();
        }
        self.written
    }

    /// Dies.
    pub(crate) fn die(mut self) -> Dead {
        let (_, wake) = self.naps.pop_front().unwrap();
        wake.send(Wake::Never).unwrap();
        drop(self.naps);
        assert!(!self.thread.join().unwrap());
        Dead { written: self.written, partition: self.partition }
    }
}

/// What it has committed, somebody else has to finish.
pub(crate) struct Dead {
    pub(crate) written: Written,
    partition: i32,
}

impl Dead {
    /// A successor finishes it.
    pub(crate) fn finish(self, world: &World) -> Written {
        Stream::take_over(world, self.partition).publish_all();
        self.written
    }
}

impl Catalog for Sleeping {
    fn partition_locations(
        &self,
        table: &TableDef,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        let is_first = self.naps.lock().unwrap().len() == 2;
        // First it falls asleep with an answer that gets old, then before it asks again.
        let before =
            if is_first { Some(self.inner.partition_locations(table, names)?) } else { None };
        let nap = self.naps.lock().unwrap().pop_front();
        if let Some(nap) = nap {
            nap.asleep.send(()).unwrap();
            if let Ok(Wake::Never) | Err(_) = nap.wake.recv() {
                let problem = "the test says that it dies here".to_owned();
                return Err(CatalogError::Server { problem, retryable: true, source: None });
            }
        }
        before.map_or_else(|| self.inner.partition_locations(table, names), Ok)
    }

    fn warehouse(&self) -> &Location {
        self.inner.warehouse()
    }

    fn load(&self) -> Result<CatalogState, CatalogError> {
        self.inner.load()
    }

    fn acquire(&self, owner: &str, wait: Duration) -> Result<Box<dyn CatalogLock>, CatalogError> {
        self.inner.acquire(owner, wait)
    }

    fn data_files(&self, partition: &Partition) -> Result<Vec<Location>, CatalogError> {
        self.inner.data_files(partition)
    }

    fn create_tables(&self, tables: &[TableDef], wait: Duration) -> Result<(), CatalogError> {
        self.inner.create_tables(tables, wait)
    }

    fn add_partitions(
        &self,
        table: &TableDef,
        partitions: &[NewPartition],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.inner.add_partitions(table, partitions, wait)
    }

    fn list_partitions(&self, table: &TableDef) -> Result<BTreeMap<String, String>, CatalogError> {
        self.inner.list_partitions(table)
    }

    fn move_partition(
        &self,
        table: &TableDef,
        name: &str,
        from: &str,
        to: &str,
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.inner.move_partition(table, name, from, to, wait)
    }

    fn drop_partitions(
        &self,
        table: &TableDef,
        names: &[String],
        wait: Duration,
    ) -> Result<(), CatalogError> {
        self.inner.drop_partitions(table, names, wait)
    }
}
