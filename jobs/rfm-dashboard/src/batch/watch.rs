//! The newest snapshot, found by itself, and what is kept in memory of it and of others that were asked for.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use customer_lookup::{BoundedCache, CustomerFiles};
use service_kit::{Condition, Heartbeat, Stop};
use warehouse::catalog::CatalogError;
use warehouse::ddl::DdlError;
use warehouse::read::ReadError;

use super::analysis::Analysis;
use super::migration::Migration;
use super::profiles::Profiles;
use super::snapshots::{Part, Snapshot, Snapshots};
use crate::config::Place;

/// What is read of the table of segments.
const SEGMENTS: [&str; 11] = [
    "customer_id",
    "recency_days",
    "frequency",
    "monetary",
    "segment_id",
    "segment",
    "distance",
    "rfm_group",
    "r_score",
    "f_score",
    "m_score",
];
/// What is read of the table of RFM values.
const RFM: [&str; 2] = ["country", "last_order"];

/// The part of the memory for look-ups that a table of the newest snapshot may take.
const HELD_SHARE: usize = 3;

/// How much memory it may take, and how often it looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub refresh: Duration,
    pub lookup_bytes: usize,
    pub snapshot_bytes: usize,
}

/// Why something of the batch view cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Ddl(#[from] DdlError),
    #[error("a table of this warehouse has no column '{name}' of the type that rfm-batch gives it")]
    Column { name: &'static str },
    #[error(
        "a snapshot has customer {customer_id} out of order; ids must ascend: publish it again"
    )]
    NotAscending { customer_id: i64 },
}

impl BatchError {
    fn is_gone(&self) -> bool {
        matches!(self, Self::Read(ReadError::Gone { .. }))
    }
}

/// What can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// The catalog or the newest snapshot is being read for the first time.
    Loading,
    /// Nothing is published. With the folder of the warehouse if not even that is there.
    Empty(Option<PathBuf>),
    Ready,
    /// The catalog cannot be read, and never could.
    Down(String),
}

/// Is told of a newer snapshot.
type OnSnapshot = Box<dyn Fn(&Snapshot) + Send>;

/// What is published, and what is known of it.
pub(crate) struct Batch {
    place: Place,
    refresh: Duration,
    state: RwLock<State>,
    /// Files by table and run.
    lookup_bytes: usize,
    files: BoundedCache<(String, String), CustomerFiles>,
    analyses: BoundedCache<String, Analysis>,
    profiles: BoundedCache<String, Profiles>,
    migrations: BoundedCache<(String, String), Migration>,
    /// Called when a newer snapshot can be seen.
    on_snapshot: Mutex<Option<OnSnapshot>>,
}

#[derive(Clone)]
struct State {
    snapshots: Arc<Snapshots>,
    status: Status,
    /// Why the last look failed, while older snapshots are still shown.
    problem: Option<String>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Batch {
    pub(crate) fn new(place: Place, limits: Limits) -> Self {
        let state = State { snapshots: Arc::default(), status: Status::Loading, problem: None };
        Self {
            place,
            refresh: limits.refresh,
            state: RwLock::new(state),
            lookup_bytes: limits.lookup_bytes,
            files: BoundedCache::new(limits.lookup_bytes),
            analyses: BoundedCache::new(limits.snapshot_bytes),
            profiles: BoundedCache::new(4 << 20),
            migrations: BoundedCache::new(4 << 20),
            on_snapshot: Mutex::new(None),
        }
    }

    /// Has this called whenever a newer snapshot has been loaded.
    pub(crate) fn on_snapshot(&self, call: impl Fn(&Snapshot) + Send + 'static) {
        *lock(&self.on_snapshot) = Some(Box::new(call));
    }

    pub(crate) fn status(&self) -> Status {
        self.read_state().status
    }

    /// Why the catalog cannot be read at the moment, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        self.read_state().problem
    }

    pub(crate) fn snapshots(&self) -> Arc<Snapshots> {
        self.read_state().snapshots
    }

    pub(crate) fn profiles(&self, snapshot: &Snapshot) -> Result<Arc<Profiles>, BatchError> {
        let Some(part) = &snapshot.profiles else { return Ok(Arc::default()) };
        self.profiles.get_or_make(&snapshot.run_id, || {
            let profiles = Profiles::read(self.place.catalog.as_ref(), part)?;
            let bytes = 4096 + profiles.segments.len() * 512;
            Ok((profiles, bytes))
        })
    }

    pub(crate) fn analysis(&self, snapshot: &Snapshot) -> Result<Arc<Analysis>, BatchError> {
        self.analyses.get_or_make(&snapshot.run_id, || {
            let analysis = Analysis::read(self.place.catalog.as_ref(), snapshot)?;
            let bytes = analysis.memory_bytes();
            Ok((analysis, bytes))
        })
    }

    /// The same if it is at hand.
    pub(crate) fn analysis_at_hand(&self, snapshot: &Snapshot) -> Option<Arc<Analysis>> {
        self.analyses.get(&snapshot.run_id)
    }

    pub(crate) fn migration(
        &self,
        from: &Snapshot,
        to: &Snapshot,
    ) -> Result<Arc<Migration>, BatchError> {
        let key = (from.run_id.clone(), to.run_id.clone());
        self.migrations.get_or_make(&key, || {
            let migration = Migration::read(self.place.catalog.as_ref(), from, to)?;
            let bytes = 4096 + migration.rows.len() * migration.columns.len() * 8;
            Ok((migration, bytes))
        })
    }

    /// The open files of a snapshot in the table of segments.
    pub(super) fn segment_files(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Arc<CustomerFiles>, BatchError> {
        self.files(snapshot, &snapshot.segments, &SEGMENTS, 0)
    }

    /// And in that of RFM values, if it has them.
    pub(super) fn rfm_files(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Option<Arc<CustomerFiles>>, BatchError> {
        snapshot.rfm.as_ref().map(|part| self.files(snapshot, part, &RFM, 0)).transpose()
    }

    /// Opens the files of a new snapshot, so that the first look-up is as quick as the others. If they are not on this machine,
    /// and small enough, they are held in memory: HDFS takes a millisecond for what a disk's cache has at once.
    fn open_files(&self, snapshot: &Snapshot) -> Result<(), BatchError> {
        let hold = self.lookup_bytes / HELD_SHARE;
        self.files(snapshot, &snapshot.segments, &SEGMENTS, hold)?;
        if let Some(part) = &snapshot.rfm {
            self.files(snapshot, part, &RFM, hold)?;
        }
        Ok(())
    }

    fn files(
        &self,
        snapshot: &Snapshot,
        part: &Part,
        columns: &[&str],
        hold: usize,
    ) -> Result<Arc<CustomerFiles>, BatchError> {
        let key = (snapshot.run_id.clone(), part.partition.location.clone());
        let found = self.files.get_or_make(&key, || -> Result<_, BatchError> {
            let paths = self.place.catalog.data_files(&part.partition)?;
            let mut files = CustomerFiles::open(&paths, &part.schema, columns)?;
            if paths.iter().all(|path| path.local_path().is_none()) {
                files = files.hold(hold)?;
            }
            let bytes = files.memory_bytes();
            Ok((files, bytes))
        });
        if found.as_ref().is_err_and(BatchError::is_gone) {
            tracing::info!(run = snapshot.run_id, "a snapshot has been replaced; looking again");
        }
        found
    }

    /// Looks for snapshots until it is stopped.
    pub(crate) fn watch(&self, stop: &Stop, ready: &Condition, heartbeat: &Heartbeat) {
        let mut failing = false;
        loop {
            heartbeat.beat();
            match self.look() {
                Ok(()) => {
                    if failing {
                        tracing::info!("the warehouse can be read again");
                    }
                    failing = false;
                    match self.status() {
                        Status::Ready => ready.set(),
                        _ => ready.clear("no snapshot is published yet"),
                    }
                }
                Err(error) => {
                    let problem = format!("{:#}", anyhow::Error::new(error));
                    if !failing {
                        tracing::warn!(error = problem, "cannot look for snapshots; trying again");
                    }
                    failing = true;
                    self.note(problem, ready);
                }
            }
            if stop.wait_timeout(self.refresh) {
                return;
            }
        }
    }

    fn note(&self, problem: String, ready: &Condition) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(state.status, Status::Ready) {
            ready.clear(problem.as_str());
            state.status = Status::Down(problem.clone());
        }
        state.problem = Some(problem);
    }

    /// Reads the catalog, and the newest snapshot if it is another one than before.
    fn look(&self) -> Result<(), BatchError> {
        let catalog = self.place.catalog.as_ref();
        let snapshots = Arc::new(Snapshots::of(&catalog.load()?, &self.place.ddl)?);
        let before = self.snapshots();
        let is_new = match (snapshots.current(), before.current()) {
            (Some(now), Some(before)) => !now.is_same(before),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if let Some(snapshot) = snapshots.current().filter(|_| is_new) {
            let started = std::time::Instant::now();
            let analysis = self.analysis(snapshot)?;
            self.profiles(snapshot)?;
            self.open_files(snapshot)?;
            tracing::info!(
                snapshot = snapshot.date.as_str(),
                run = snapshot.run_id,
                customers = analysis.total,
                bytes = analysis.memory_bytes(),
                seconds = started.elapsed().as_secs_f64(),
                "snapshot loaded"
            );
        }
        let is_published = |run: &str| snapshots.all().iter().any(|s| s.run_id == run);
        self.files.retain(|(run, _)| is_published(run));
        self.analyses.retain(|run| is_published(run));
        let status = match snapshots.current() {
            Some(_) => Status::Ready,
            None => Status::Empty(self.place.missing_folder()),
        };
        if let Status::Empty(Some(folder)) = &status
            && self.status() != status
        {
            let warehouse = folder.display();
            tracing::warn!(%warehouse, "there is no such folder; rfm-batch makes it, or warehouse.path is wrong");
        }
        let newest = snapshots.current().cloned();
        let state = State { snapshots, status, problem: None };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        if let Some(snapshot) = newest.filter(|_| is_new)
            && let Some(call) = lock(&self.on_snapshot).as_ref()
        {
            call(&snapshot);
        }
        Ok(())
    }

    /// Bytes that the caches hold.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.files.bytes() + self.analyses.bytes()
    }

    fn read_state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
