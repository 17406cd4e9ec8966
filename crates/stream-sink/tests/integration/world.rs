//! A warehouse folder, and processes that write into it as the streaming job does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stream_sink::compact::{CompactOptions, compact};
use stream_sink::entry::Entry;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::publisher::{Progress, Publisher};
use stream_sink::sink::{Sink, SinkOptions, SourceWriter};
use stream_sink::source::Source;
use tempfile::TempDir;
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::local_catalog::LocalCatalog;

use crate::orders::{FIRST, check_at_rest, check_visible, destination, write};
use crate::trouble::{Process, TroubledCatalog};

/// How long a test waits for the catalog's lock in its own process. A process that another test starts holds copies of
/// this process's open files, its locks among them, between its fork and its exec.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(20);

pub(crate) struct World {
    _folder: Option<TempDir>,
    pub(crate) local: LocalCatalog,
    pub(crate) tables: Vec<TableDef>,
    has_no_renames: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { _folder: Some(folder), ..Self::at(Path::new("")) };
        let local = LocalCatalog::new(world._folder.as_ref().unwrap().path());
        local.create_tables(&world.tables, LOCK_WAIT).unwrap();
        Self { local, ..world }
    }

    /// One whose store copies and removes, as S3.
    pub(crate) fn without_renames() -> Self {
        Self { has_no_renames: true, ..Self::new() }
    }

    /// A warehouse that somebody else cleans up, with its tables.
    pub(crate) fn at(warehouse: &Path) -> Self {
        let naming = Naming::new("default", "", "/warehouse").unwrap();
        let tables = Ddl::load(&naming).unwrap().order_tables;
        let local = LocalCatalog::new(warehouse);
        Self { _folder: None, local, tables, has_no_renames: false }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.local.warehouse(), &self.tables[0])
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.local.folder().join(relative)
    }

    /// The folder of the log on the disk.
    pub(crate) fn log(&self, source: &Source) -> PathBuf {
        self.layout().log(source).local_path().unwrap().to_owned()
    }

    /// The folder of staged files on the disk.
    pub(crate) fn staged(&self, source: &Source) -> PathBuf {
        self.layout().staged(source).local_path().unwrap().to_owned()
    }

    pub(crate) fn job(&self, name: &str) -> Job {
        let catalog = Arc::new(TroubledCatalog::new(&self.local));
        if self.has_no_renames {
            catalog.process.copy_and_remove();
        }
        Job::new(name, catalog.process.clone(), catalog, &self.tables)
    }

    /// Makes few files of many in the days that are past, without waiting for anybody.
    pub(crate) fn compact(&self) {
        let options = CompactOptions {
            quiet: Duration::ZERO,
            settle: Duration::ZERO,
            lock_wait: LOCK_WAIT,
            ..CompactOptions::default()
        };
        compact(&self.local, &self.tables, &options, SystemTime::now(), &|| false).unwrap();
    }

    /// See [`check_visible`].
    pub(crate) fn check(&self, sources: &[Source]) -> Vec<i64> {
        check_visible(&self.local, &self.tables, sources, &destination)
    }

    /// Lets a new process finish what there is, and holds what comes out against what is committed.
    pub(crate) fn settle(&self, sources: &[Source]) -> Vec<i64> {
        let mut last = self.job("last");
        last.finish_all(sources);
        check_at_rest(&self.local, &self.tables, sources, &destination)
    }
}

/// What a process of the streaming job does: after an error it gives all its sources up.
pub(crate) struct Job {
    pub(crate) process: Arc<Process>,
    tables: Vec<TableDef>,
    pub(crate) sink: Sink,
    pub(crate) publisher: Publisher,
    pub(crate) writers: BTreeMap<Source, SourceWriter>,
    /// The offset that each source is read from.
    next: BTreeMap<Source, i64>,
    /// What is to be made visible.
    pub(crate) waiting: Vec<Entry>,
}

impl Job {
    pub(crate) fn new(
        name: &str,
        process: Arc<Process>,
        catalog: Arc<dyn Catalog>,
        tables: &[TableDef],
    ) -> Self {
        // Small row groups, so that files are opened before they are complete.
        let options = SinkOptions { rows_per_row_group: 8, ..SinkOptions::default() };
        Self {
            process,
            tables: tables.to_vec(),
            sink: Sink::new(catalog.as_ref(), tables, name, options).unwrap(),
            publisher: Publisher::new(catalog, tables.to_vec(), LOCK_WAIT),
            writers: BTreeMap::new(),
            next: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    pub(crate) fn take_over(&mut self, source: &Source) -> Result<(), SinkError> {
        self.writers.remove(source);
        let taken = self.sink.take_over(source, || Ok::<_, SinkError>(FIRST));
        let writer = self.note(taken)?;
        self.next.insert(source.clone(), writer.end_offset());
        self.waiting.extend_from_slice(writer.unfinished());
        self.writers.insert(source.clone(), writer);
        Ok(())
    }

    /// Writes the next messages of a source, if it is this process's.
    pub(crate) fn write(&mut self, source: &Source, messages: i64) -> Result<(), SinkError> {
        let Some(writer) = self.writers.get_mut(source) else { return Ok(()) };
        let next = self.next.get_mut(source).unwrap();
        let written = write(writer, &self.tables, *next, *next + messages, &destination);
        *next += messages;
        self.note(written)
    }

    pub(crate) fn commit(&mut self) -> Result<(), SinkError> {
        let next = &self.next;
        let ends = self.writers.iter_mut().map(|(source, writer)| (writer, next[source]));
        let committed = self.sink.commit(ends.collect());
        let entries = self.note(committed)?;
        self.waiting.extend(entries);
        Ok(())
    }

    pub(crate) fn publish(&mut self) -> Result<Progress, SinkError> {
        self.waiting.sort_by(|a, b| (&a.source, a.sequence).cmp(&(&b.source, b.sequence)));
        self.waiting.dedup_by(|a, b| (&a.source, a.sequence) == (&b.source, b.sequence));
        let progress = self.publisher.publish(&self.waiting)?;
        self.waiting
            .retain(|entry| !progress.finished.contains(&(entry.source.clone(), entry.sequence)));
        for (source, sequence) in &progress.finished {
            if let Some(writer) = self.writers.get_mut(source) {
                // The next call tries again.
                let _ = writer.finished(*sequence);
            }
        }
        Ok(progress)
    }

    /// Writes, commits and publishes, and expects it to work.
    pub(crate) fn do_all(&mut self, source: &Source, messages: i64) {
        self.write(source, messages).unwrap();
        self.commit().unwrap();
        self.publish_all();
    }

    pub(crate) fn publish_all(&mut self) {
        let progress = self.publish().unwrap();
        assert!(progress.problem.is_none(), "{:?}", progress.problem);
        assert!(self.waiting.is_empty(), "{:?}", self.waiting);
    }

    pub(crate) fn finish_all(&mut self, sources: &[Source]) {
        for source in sources {
            self.take_over(source).unwrap();
        }
        self.publish_all();
    }

    fn note<T>(&mut self, outcome: Result<T, SinkError>) -> Result<T, SinkError> {
        outcome.inspect_err(|_| self.writers.clear())
    }
}
