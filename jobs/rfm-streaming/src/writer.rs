//! The thread that writes: it alone has the Kafka partitions' [`SourceWriter`]s, and does what it is told, in order.
//!
//! After an error it drops all of them, for then it is not known what was committed, and ignores what it is told until it
//! is to open them again. Whoever uses it then reads the messages again from where the commit logs end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use stream_sink::entry::Entry;
use stream_sink::error::SinkError;
use stream_sink::sink::{Sink, SourceWriter};
use stream_sink::source::Source;

use crate::events::{Batch, Committed, Event};

/// What the thread can be told.
pub(crate) enum Command {
    /// Take over these Kafka partitions; the offsets are where those start that were never read.
    Open { sources: BTreeMap<Source, i64>, reply: Sender<Result<Vec<Opened>, SinkError>> },
    /// Go on at this offset, although the log ends at another one.
    SkipTo { source: Source, offset: i64, reply: Sender<Result<(), SinkError>> },
    /// Rows of one partition of a table.
    Rows { source: Source, table: usize, partition: String, rows: RecordBatch },
    /// Commit what there is, up to and without these offsets.
    Commit { ends: BTreeMap<Source, i64>, batch: Batch },
    /// These entries are visible: the last of each Kafka partition.
    Finished(Vec<(Source, u64)>),
    /// Give these Kafka partitions up; what is not committed of them is dropped.
    Close { sources: Vec<Source>, reply: Sender<()> },
    /// End.
    End,
}

/// A Kafka partition that was taken over.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub source: Source,
    /// The first offset that is not committed.
    pub next_offset: i64,
    pub epoch: u64,
}

/// The other end of the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    commands: Sender<Command>,
    /// Bytes of rows that the thread has not dealt with.
    backlog: Arc<AtomicUsize>,
}

impl Writer {
    /// `memory`: bytes of rows that may wait for their row group to be full. Events and entries to publish go out
    /// through the channels.
    pub(crate) fn start(
        sink: Sink,
        memory: usize,
        events: Sender<Event>,
        publish: Sender<Vec<Entry>>,
    ) -> std::io::Result<Self> {
        let (commands, told) = channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let mut state = State {
            sink,
            memory,
            backlog: backlog.clone(),
            events,
            publish,
            writers: BTreeMap::new(),
            failed: false,
        };
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || state.run(&told))?;
        Ok(Self { commands, backlog })
    }

    /// Bytes of rows that are on their way to the thread.
    pub(crate) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// A way to tell the thread something from elsewhere.
    pub(crate) fn commands(&self) -> Sender<Command> {
        self.commands.clone()
    }

    /// Nobody listens only when the thread has panicked, and then `join` says so.
    pub(crate) fn tell(&self, command: Command) {
        if let Command::Rows { rows, .. } = &command {
            self.backlog.fetch_add(rows.get_array_memory_size(), Ordering::Relaxed);
        }
        let _ = self.commands.send(command);
    }

    /// Takes over, and waits until that is done.
    pub(crate) fn open(&self, sources: BTreeMap<Source, i64>) -> Result<Vec<Opened>, SinkError> {
        let (reply, answer) = channel();
        self.tell(Command::Open { sources, reply });
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// See [`Command::SkipTo`].
    pub(crate) fn skip_to(&self, source: &Source, offset: i64) -> Result<(), SinkError> {
        let (reply, answer) = channel();
        self.tell(Command::SkipTo { source: source.clone(), offset, reply });
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Gives up, and waits at most for `limit` until everything told before is done. Whether it is.
    pub(crate) fn close(&self, sources: Vec<Source>, limit: Duration) -> bool {
        let (reply, answer) = channel();
        self.tell(Command::Close { sources, reply });
        answer.recv_timeout(limit).is_ok()
    }
}

fn gone() -> SinkError {
    store::StoreError::new(
        store::StoreErrorKind::Other,
        "write to",
        "the tables",
        "the writing thread has ended; this is a fault of the program",
    )
    .into()
}

struct State {
    sink: Sink,
    memory: usize,
    backlog: Arc<AtomicUsize>,
    events: Sender<Event>,
    publish: Sender<Vec<Entry>>,
    writers: BTreeMap<Source, SourceWriter>,
    failed: bool,
}

impl State {
    fn run(&mut self, told: &Receiver<Command>) {
        while let Ok(command) = told.recv() {
            match command {
                Command::Open { sources, reply } => {
                    let _ = reply.send(self.open(&sources));
                }
                Command::SkipTo { source, offset, reply } => {
                    let skipped = match self.writers.get_mut(&source) {
                        Some(writer) => writer.skip_to(offset),
                        None => Ok(()),
                    };
                    let _ = reply.send(skipped);
                }
                Command::Rows { source, table, partition, rows } => {
                    let bytes = rows.get_array_memory_size();
                    if !self.failed {
                        let written = self.write(&source, table, &partition, rows);
                        self.note(written);
                    }
                    self.backlog.fetch_sub(bytes, Ordering::Relaxed);
                }
                Command::Commit { ends, batch } => {
                    if !self.failed {
                        let committed = self.commit(&ends, batch);
                        self.note(committed);
                    }
                }
                Command::Finished(finished) => {
                    for (source, sequence) in finished {
                        if let Some(writer) = self.writers.get_mut(&source)
                            && let Err(error) = writer.finished(sequence)
                        {
                            tracing::debug!(%error, "old log entries stay for now");
                        }
                    }
                }
                Command::Close { sources, reply } => {
                    self.writers.retain(|source, _| !sources.contains(source));
                    let _ = reply.send(());
                }
                Command::End => return,
            }
        }
    }

    fn note(&mut self, outcome: Result<(), SinkError>) {
        if let Err(error) = outcome {
            self.failed = true;
            self.writers.clear();
            let _ = self.events.send(Event::Failed(error));
        }
    }

    fn open(&mut self, sources: &BTreeMap<Source, i64>) -> Result<Vec<Opened>, SinkError> {
        self.failed = false;
        // Those that are open already, too: their rows are dropped, and read again.
        self.writers.retain(|source, _| !sources.contains_key(source));
        let names: Vec<Source> = sources.keys().cloned().collect();
        let first = |source: &Source| Ok::<_, SinkError>(sources.get(source).copied().unwrap_or(0));
        let opened = self.sink.take_over_all(&names, first)?;
        let mut left = Vec::new();
        let mut result = Vec::new();
        for writer in opened {
            left.extend_from_slice(writer.unfinished());
            let (source, epoch) = (writer.source().clone(), writer.epoch());
            result.push(Opened { source: source.clone(), next_offset: writer.end_offset(), epoch });
            self.writers.insert(source, writer);
        }
        if !left.is_empty() {
            let _ = self.publish.send(left);
        }
        Ok(result)
    }

    fn write(
        &mut self,
        source: &Source,
        table: usize,
        partition: &str,
        rows: RecordBatch,
    ) -> Result<(), SinkError> {
        // Given up meanwhile: whoever has it now reads these messages again.
        let Some(writer) = self.writers.get_mut(source) else { return Ok(()) };
        writer.write(table, partition, rows)?;
        loop {
            let waiting: usize = self.writers.values().map(SourceWriter::waiting_bytes).sum();
            if waiting <= self.memory {
                return Ok(());
            }
            let largest = self.writers.values_mut().max_by_key(|writer| writer.waiting_bytes());
            let Some(largest) = largest else { return Ok(()) };
            largest.spill_largest()?;
        }
    }

    fn commit(&mut self, ends: &BTreeMap<Source, i64>, batch: Batch) -> Result<(), SinkError> {
        let started = Instant::now();
        let writers = self
            .writers
            .iter_mut()
            .filter_map(|(source, writer)| Some((writer, *ends.get(source)?)))
            .collect();
        let entries = self.sink.commit(writers)?;
        let committed = Committed { batch, ends: ends.clone(), took: started.elapsed() };
        let _ = self.events.send(Event::Committed(Box::new(committed)));
        if !entries.is_empty() {
            let _ = self.publish.send(entries);
        }
        Ok(())
    }
}
