//! From messages to rows: decode, tag, collect, and hand over to the writer, batch by batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arrow::datatypes::SchemaRef;
use order_message::{Decoder, Limits};
use order_model::{Date, Timestamp};
use segment_index::SegmentIndex;
use service_kit::latency::Window;
use stream_sink::source::Source;

use crate::config::{Place, REJECTED, Settings, TAGGED};
use crate::events::Batch;
use crate::feed::Feed;
use crate::metrics::JobMetrics;
use crate::rows::{Raw, RejectedRows, TaggedRows};
use crate::writer::{Command, Opened, Writer};

/// Rows of a record batch that is handed to the writer.
const ROWS_PER_BATCH: usize = 8_192;
/// Bytes of a record batch, for long messages.
const BYTES_PER_BATCH: usize = 4 << 20;

/// Collects the rows of the Kafka partitions that are assigned and open.
pub(crate) struct Collector {
    topic: String,
    schemas: [SchemaRef; 2],
    earliest: Timestamp,
    latest_ahead: Duration,
    limits: Limits,
    flush_interval: Duration,
    flush_rows: u64,
    flush_bytes: u64,
    memory: usize,

    pub(crate) writer: Writer,
    decoder: Decoder,
    segments: Arc<SegmentIndex>,
    feed: Option<Feed>,
    metrics: JobMetrics,
    latency: Window,

    open: BTreeMap<i32, Collected>,
    /// Rows that are in no record batch yet.
    bytes: usize,
    batch: Batch,
    batch_bytes: u64,
    /// Orders of this batch that were handed over, by segment code.
    by_code: [u64; 256],
    /// Commits that are under way; the next one waits for them unless it is the last.
    committing: u32,
    now: Timestamp,
}

/// What is collected of a Kafka partition.
struct Collected {
    source: Source,
    /// Offset after the last message that was read.
    next_offset: i64,
    /// What the last commit covers.
    committed: i64,
    tagged: BTreeMap<Date, TaggedRows>,
    rejected: BTreeMap<Date, RejectedRows>,
}

impl Collector {
    pub(crate) fn new(
        settings: &Settings,
        place: &Place,
        writer: Writer,
        feed: Option<Feed>,
        metrics: JobMetrics,
    ) -> anyhow::Result<Self> {
        let streaming = &settings.streaming;
        let earliest = settings.earliest_date().map_err(anyhow::Error::msg)?.midnight();
        let latency = Window::new(&metrics.latency);
        let max_bytes = usize::try_from(streaming.max_message.bytes()).unwrap_or(usize::MAX);
        let mut collector = Self {
            topic: streaming.topic.clone(),
            schemas: [place.tables[TAGGED].arrow_schema(), place.tables[REJECTED].arrow_schema()],
            earliest,
            latest_ahead: streaming.latest_ahead.get(),
            limits: Limits { max_bytes, ..Limits::until(earliest) },
            flush_interval: streaming.flush_interval.get(),
            flush_rows: streaming.flush_rows,
            flush_bytes: streaming.flush_bytes.bytes(),
            memory: usize::try_from(streaming.memory.bytes() / 4).unwrap_or(usize::MAX),
            writer,
            decoder: Decoder::new(),
            segments: Arc::new(SegmentIndex::empty()),
            feed,
            metrics,
            latency,
            open: BTreeMap::new(),
            bytes: 0,
            batch: Batch { number: 1, ..Batch::default() },
            batch_bytes: 0,
            by_code: [0; 256],
            committing: 0,
            now: Timestamp::from_micros(0),
        };
        collector.tick();
        Ok(collector)
    }

    /// Looks at the clock. To be called once for a few messages: they get this time as that of ingestion.
    pub(crate) fn tick(&mut self) {
        self.now = now();
        self.limits.earliest = self.earliest;
        let ahead = i64::try_from(self.latest_ahead.as_micros()).unwrap_or(i64::MAX);
        self.limits.latest = Timestamp::from_micros(self.now.micros().saturating_add(ahead));
    }

    /// Starts collecting from a Kafka partition that the writer has opened.
    pub(crate) fn opened(&mut self, opened: &Opened, next_offset: i64) {
        let collected = Collected {
            source: opened.source.clone(),
            next_offset,
            committed: next_offset,
            tagged: BTreeMap::new(),
            rejected: BTreeMap::new(),
        };
        self.open.insert(opened.source.partition, collected);
    }

    /// The Kafka partitions that are collected from.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Source> {
        self.open.values().map(|collected| &collected.source)
    }

    /// Where reading goes on, by partition.
    pub(crate) fn next_offset(&self, partition: i32) -> Option<i64> {
        self.open.get(&partition).map(|collected| collected.next_offset)
    }

    /// Takes one message. One that was taken already, or of a Kafka partition that is not open, is ignored.
    pub(crate) fn take(&mut self, partition: i32, raw: &Raw<'_>) -> anyhow::Result<()> {
        let Some(collected) = self.open.get_mut(&partition) else { return Ok(()) };
        if raw.offset < collected.next_offset {
            return Ok(());
        }
        let first = self.batch.messages == 0;
        if first {
            self.batch.began = Some(Instant::now());
        }
        let bytes_before;
        let bytes_after;
        let full;
        match self.decoder.decode(raw.value, &self.limits) {
            Ok(order) => {
                let rows = collected.tagged.entry(order.event_time.date()).or_default();
                bytes_before = rows.bytes();
                rows.push(&order, self.now, raw.offset);
                bytes_after = rows.bytes();
                full = rows.rows() >= ROWS_PER_BATCH;
                if let Some(feed) = &mut self.feed {
                    let segments = self.segments.as_ref();
                    feed.send(&order, raw, &collected.source, segments, self.now)?;
                }
            }
            Err(rejection) => {
                let rows = collected.rejected.entry(self.now.date()).or_default();
                bytes_before = rows.bytes();
                rows.push(raw, &rejection, self.now);
                bytes_after = rows.bytes();
                full = rows.bytes() >= BYTES_PER_BATCH || rows.rows() >= ROWS_PER_BATCH;
                self.batch.rejected += 1;
                self.metrics.rejected(rejection.reason());
            }
        }
        let size = raw.value.map_or(0, <[u8]>::len);
        self.bytes += bytes_after - bytes_before;
        self.batch_bytes += size as u64;
        self.batch.messages += 1;
        collected.next_offset = raw.offset + 1;
        if let Some(produced) = raw.timestamp {
            let micros = self.now.micros() - produced.micros();
            self.metrics.latency.record_micros(u64::try_from(micros).unwrap_or(0), 1);
        }
        if full || self.bytes >= self.memory {
            self.hand_over_full(partition)?;
        }
        Ok(())
    }

    /// Hands over what is full; everything when memory is short.
    fn hand_over_full(&mut self, partition: i32) -> anyhow::Result<()> {
        if self.bytes >= self.memory {
            return self.hand_over(|_| true, |_, _| true);
        }
        self.hand_over(
            |p| p == partition,
            |rows, bytes| rows >= ROWS_PER_BATCH || bytes >= BYTES_PER_BATCH,
        )
    }

    /// Hands rows to the writer: of the Kafka partitions and of the sizes that are asked for.
    fn hand_over(
        &mut self,
        of_partition: impl Fn(i32) -> bool,
        is_due: impl Fn(usize, usize) -> bool,
    ) -> anyhow::Result<()> {
        for (&partition, collected) in &mut self.open {
            if !of_partition(partition) {
                continue;
            }
            let source = &collected.source;
            for (day, rows) in &mut collected.tagged {
                if rows.rows() > 0 && is_due(rows.rows(), rows.bytes()) {
                    self.bytes -= rows.bytes();
                    let (schema, by_code) = (&self.schemas[TAGGED], &mut self.by_code);
                    let rows = rows.finish(schema, source, &self.segments, by_code);
                    let rows = rows.context("orders do not fit the table")?;
                    let partition = format!("dt={day}");
                    let source = source.clone();
                    self.writer.tell(Command::Rows { source, table: TAGGED, partition, rows });
                }
            }
            for (day, rows) in &mut collected.rejected {
                if rows.rows() > 0 && is_due(rows.rows(), rows.bytes()) {
                    self.bytes -= rows.bytes();
                    let rows = rows.finish(&self.schemas[REJECTED], source);
                    let rows = rows.context("rejected messages do not fit the table")?;
                    let partition = format!("dt={day}");
                    let source = source.clone();
                    self.writer.tell(Command::Rows { source, table: REJECTED, partition, rows });
                }
            }
            collected.tagged.retain(|_, rows| rows.rows() > 0);
            collected.rejected.retain(|_, rows| rows.rows() > 0);
        }
        Ok(())
    }

    /// Uses other segments from the next message on.
    pub(crate) fn use_segments(&mut self, segments: Arc<SegmentIndex>) -> anyhow::Result<()> {
        // A record batch is tagged with one snapshot.
        self.hand_over(|_| true, |_, _| true)?;
        self.count_codes();
        self.metrics.segments(&segments);
        self.segments = segments;
        Ok(())
    }

    /// Whether so much is on its way to the writer that reading has to wait.
    pub(crate) fn is_congested(&self) -> bool {
        self.writer.backlog() > self.memory
    }

    /// Commits what has been collected if it is time, and no other commit is under way. Whether it did.
    pub(crate) fn commit_if_due(&mut self) -> anyhow::Result<bool> {
        let due = self.batch.began.is_some_and(|began| began.elapsed() >= self.flush_interval)
            || self.batch.messages >= self.flush_rows
            || self.batch_bytes >= self.flush_bytes;
        if !due || self.is_committing() {
            return Ok(false);
        }
        self.commit()
    }

    /// Commits what has been collected. Whether there was something.
    pub(crate) fn commit(&mut self) -> anyhow::Result<bool> {
        if let Some(feed) = &mut self.feed {
            feed.flush()?;
        }
        self.hand_over(|_| true, |_, _| true)?;
        let mut ends = BTreeMap::new();
        let mut offsets = BTreeMap::new();
        for collected in self.open.values_mut() {
            if collected.next_offset > collected.committed {
                ends.insert(collected.source.clone(), collected.next_offset);
                let range = (collected.committed, collected.next_offset);
                offsets.insert(collected.source.clone(), range);
                collected.committed = collected.next_offset;
            }
        }
        if ends.is_empty() {
            return Ok(false);
        }
        self.count_codes();
        let latency = self.latency.advance();
        let number = self.batch.number;
        let batch = Batch {
            offsets,
            latency_p50: latency.quantile(0.5),
            latency_p99: latency.quantile(0.99),
            ..std::mem::take(&mut self.batch)
        };
        self.batch.number = number + 1;
        self.batch_bytes = 0;
        self.committing += 1;
        self.writer.tell(Command::Commit { ends, batch });
        Ok(true)
    }

    /// A commit that was under way has come to an end.
    pub(crate) fn committed(&mut self) {
        self.committing = self.committing.saturating_sub(1);
    }

    /// Whether a commit is under way.
    pub(crate) fn is_committing(&self) -> bool {
        self.committing > 0
    }

    /// Commits what was read of these Kafka partitions, and gives them up. When this returns, this process publishes
    /// nothing of them any more, or whoever takes them over makes sure of it.
    pub(crate) fn revoke(&mut self, partitions: &[i32], limit: Duration) -> anyhow::Result<()> {
        let sources: Vec<Source> = partitions
            .iter()
            .filter_map(|p| self.open.get(p))
            .map(|collected| collected.source.clone())
            .collect();
        if sources.is_empty() {
            return Ok(());
        }
        // All of the batch: what is said and measured of it is of all its Kafka partitions.
        self.commit()?;
        if !self.writer.close(sources, limit) {
            tracing::warn!(
                seconds = limit.as_secs(),
                "a commit has not come to its end; whoever has these Kafka partitions now will find out"
            );
        }
        self.open.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    /// Makes the writer give these Kafka partitions up, without waiting for it.
    pub(crate) fn give_up(&mut self, partitions: &[i32]) {
        let source = |partition: &i32| Source { topic: self.topic.clone(), partition: *partition };
        self.writer.close(partitions.iter().map(source).collect(), Duration::ZERO);
    }

    /// Drops what was read and not committed of these Kafka partitions, of all if there are none given.
    pub(crate) fn forget(&mut self, partitions: Option<&[i32]>) {
        let is_meant = |p: &i32| partitions.is_none_or(|given| given.contains(p));
        self.open.retain(|partition, _| !is_meant(partition));
        if partitions.is_none() {
            self.committing = 0;
        }
        self.bytes = self
            .open
            .values()
            .map(|collected| {
                collected.tagged.values().map(TaggedRows::bytes).sum::<usize>()
                    + collected.rejected.values().map(RejectedRows::bytes).sum::<usize>()
            })
            .sum();
        if self.open.is_empty() {
            let number = self.batch.number;
            self.batch = Batch { number, ..Batch::default() };
            self.batch_bytes = 0;
            self.by_code = [0; 256];
        }
    }

    /// When the batch is due, if there is one.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let began = self.batch.began?;
        Some(self.flush_interval.saturating_sub(began.elapsed()))
    }

    /// Serves what the feed has to do, and says whether it failed.
    pub(crate) fn serve_feed(&mut self) -> anyhow::Result<()> {
        match &mut self.feed {
            Some(feed) => feed.serve(),
            None => Ok(()),
        }
    }

    /// Makes the writer end when it has done what it was told.
    pub(crate) fn end_writer(&self) {
        self.writer.tell(Command::End);
    }

    /// Moves the counts by code to those by name, before the codes change their meaning.
    fn count_codes(&mut self) {
        let counts = std::mem::replace(&mut self.by_code, [0; 256]);
        for (code, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            match self.segments.segments().get(code) {
                Some(segment) => {
                    *self.batch.by_segment.entry(segment.name.clone()).or_default() += n;
                    self.metrics.tagged(&segment.name, n);
                }
                None => {
                    self.batch.unknown += n;
                    self.metrics.tagged(crate::rows::UNKNOWN, n);
                }
            }
        }
    }
}

/// The time now, in microseconds.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
