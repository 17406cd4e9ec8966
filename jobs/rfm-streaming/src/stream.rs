//! The job: read from Kafka, tag, commit, until it is told to stop.
//!
//! One thread reads and tags, one writes and commits (`writer.rs`), one makes visible (`publishing.rs`), one looks for new
//! segments (`segments.rs`). Whatever cannot be written now is read again later: after an error all Kafka partitions are
//! taken over anew, and reading goes on where their commit logs end.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use job_kit::exit::RetryLater;
use kafka_client::Connection;
use order_model::Timestamp;
use rdkafka::Message as _;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_kit::signals::Stop;
use service_kit::{Condition, Health, Server, endpoints};
use store::StoreErrorKind;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::publisher::Publisher;
use stream_sink::sink::{Sink, SinkOptions, writer_name};
use stream_sink::source::Source;

use crate::collect::Collector;
use crate::config::{Place, Settings, Start, TAGGED};
use crate::console::{Totals, batch_line, say};
use crate::consumer::{self, Change, StreamConsumer};
use crate::events::Event;
use crate::feed::Feed;
use crate::metrics::JobMetrics;
use crate::offsets;
use crate::segments::{self, SegmentWatch};
use crate::writer::Writer;

/// Messages that are taken at once: their time of ingestion is the same.
const MESSAGES_AT_ONCE: usize = 1_024;
/// Longest wait for a message: then other things are looked after.
const POLL: Duration = Duration::from_millis(50);
/// Shortest one.
const LEAST_POLL: Duration = Duration::from_millis(1);
/// Between two tries to open everything again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
/// Between two looks at what Kafka has; its client counts as often.
const LAG_EVERY: Duration = Duration::from_secs(1);
/// Without an error for this time, and that of two batches, an error is a new one.
const CALM: Duration = Duration::from_secs(30);
/// How long the group has to tell an instance that was taken over that its Kafka partitions are somebody else's now,
/// before it takes them back.
const ASK_GROUP: Duration = Duration::from_secs(2);
/// How long, and how often, others may take over what the group says is this instance's.
const RIVALRY_AT_MOST: Duration = Duration::from_secs(30);
const TAKEN_OVER_AT_MOST: u32 = 3;
/// How long the last commit may take once the job is told to stop, and then making it visible: whoever sends a SIGTERM kills
/// the process some time later. Nothing is lost, it is done by the next run.
const LAST_COMMIT: Duration = Duration::from_secs(6);
const LAST_PUBLISH: Duration = Duration::from_secs(2);
/// Without any Kafka partition after this time there is nothing to catch up with.
const NOTHING_ASSIGNED: Duration = Duration::from_secs(15);

/// What a run is asked for beyond the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub until_caught_up: bool,
    pub max_messages: Option<u64>,
    pub print_batches: bool,
}

/// Runs until `stop` is set, or as the wishes say.
pub(crate) fn run(
    settings: &Settings,
    place: &Place,
    wishes: Wishes,
    stop: &Stop,
) -> anyhow::Result<()> {
    let health = Health::new();
    let metrics = JobMetrics::new();
    let is_open = health.condition("partitions", "no Kafka partition is assigned and open yet");
    let heartbeat = health.heartbeat("reader", Duration::from_secs(120));
    // First, so that whoever starts the job can see why it is not ready.
    let _server = match settings.listen().map_err(anyhow::Error::msg)? {
        Some(address) => {
            let server = Server::start(address, endpoints(&health, &metrics.all))?;
            tracing::info!(address = %server.local_addr(), "metrics, /healthz and /readyz");
            Some(server)
        }
        None => None,
    };
    let connection = Connection::new(&settings.kafka, "rfm-streaming").map_err(explain)?;
    // Before anything is touched: it may not be what librdkafka accepts.
    let config = consumer::config(&connection, settings).map_err(explain)?;
    let topic = &settings.streaming.topic;
    let found =
        connection.check_topic(topic, settings.kafka.connect_timeout.get()).map_err(explain)?;
    create_tables(settings, place, stop)?;
    let segments = segments::first(place);
    metrics.segments(&segments);
    let watch = SegmentWatch::start(
        place,
        segments.snapshot().cloned(),
        settings.streaming.segments_refresh.get(),
    )?;
    let feed = match &settings.streaming.tagged_topic {
        Some(topic) => {
            connection.check_topic(topic, settings.kafka.connect_timeout.get()).map_err(explain)?;
            Some(Feed::open(&connection, topic)?)
        }
        None => None,
    };

    let (events_in, events) = channel();
    let (publish_in, publish) = channel();
    let writer_id = writer_name(&format!("rfm-streaming (group {})", settings.streaming.group));
    let sink =
        Sink::new(place.catalog.as_ref(), &place.tables, &writer_id, SinkOptions::default())?;
    let memory = usize::try_from(settings.streaming.memory.bytes() / 2).unwrap_or(usize::MAX);
    let writer = Writer::start(sink, memory, events_in.clone(), publish_in)?;
    let publisher =
        Publisher::new(place.catalog.clone(), place.tables.clone(), Duration::from_secs(2));
    let commands = writer.commands();
    let publishing = crate::publishing::start(publisher, publish, events_in, commands)?;
    let collector = Collector::new(settings, place, writer, segments, feed, metrics.clone())?;
    let collector = Arc::new(Mutex::new(collector));
    let consumer = consumer::create(&config, &connection, &collector)?;
    consumer.subscribe(&[topic])?;
    tracing::info!(
        topic,
        partitions = found.partitions,
        group = settings.streaming.group,
        tables = ?place.tables.iter().map(|t| t.qualified_name()).collect::<Vec<_>>(),
        "reading"
    );
    let mut stream = Stream {
        settings,
        place,
        wishes,
        consumer,
        collector: Some(collector),
        events,
        watch,
        metrics,
        is_open,
        publishing: Some(publishing),
        assigned: BTreeSet::new(),
        to_open: BTreeSet::new(),
        rivalry: None,
        jitter: Duration::from_millis(u64::from(std::process::id()) * 7_919 % 2_000),
        rejoin: false,
        open_at: Instant::now(),
        opened_at: None,
        failing_since: None,
        tries: 0,
        at_end: BTreeSet::new(),
        congested: false,
        last_assignment: Instant::now(),
        lag_at: Instant::now(),
        not_published: None,
        totals: Totals::new(),
        read: 0,
        partitions: i32::try_from(found.partitions).unwrap_or(i32::MAX),
    };
    let ran = stream.read_until(stop, || heartbeat.beat());
    let ended = stream.end(ran.is_ok(), stop);
    say(&stream.totals.line());
    ran.and(ended)
}

/// The configuration is to blame, or time may help, or neither.
pub(crate) fn explain(error: kafka_client::KafkaError) -> anyhow::Error {
    let (configuration, retryable) = (error.is_configuration(), error.is_retryable());
    let message = format!("{:#}", anyhow::Error::new(error));
    if configuration {
        job_kit::exit::UsageError(message).into()
    } else if retryable {
        RetryLater(message).into()
    } else {
        anyhow!(message)
    }
}

/// Waits for a catalog that is away.
fn create_tables(settings: &Settings, place: &Place, stop: &Stop) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let error = match place.catalog.create_tables(&place.tables, Duration::from_secs(10)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let retryable = error.is_retryable();
        let error = anyhow::Error::new(error);
        if !retryable {
            return Err(error);
        }
        if started.elapsed() >= settings.streaming.keep_trying.get() || stop.is_set() {
            return Err(error.context(RetryLater("the tables cannot be created".to_owned())));
        }
        tracing::warn!(error = format!("{error:#}"), "cannot create the tables; trying again");
        stop.wait_timeout(Duration::from_secs(2));
    }
}

struct Stream<'a> {
    settings: &'a Settings,
    place: &'a Place,
    wishes: Wishes,
    consumer: StreamConsumer,
    /// Until the end.
    collector: Option<Arc<Mutex<Collector>>>,
    events: Receiver<Event>,
    watch: SegmentWatch,
    metrics: JobMetrics,
    is_open: Condition,
    publishing: Option<JoinHandle<()>>,
    /// What the group has given to this instance.
    assigned: BTreeSet<i32>,
    /// What of it is to be taken over.
    to_open: BTreeSet<i32>,
    rivalry: Option<Rivalry>,
    /// Rivals that wait for the same time would take everything from each other at the same moment, and both give up.
    jitter: Duration,
    /// Whether the group has to assign everything again before it can be read.
    rejoin: bool,
    open_at: Instant,
    /// When everything was last opened.
    opened_at: Option<Instant>,
    /// Since when nothing was committed because of errors.
    failing_since: Option<Instant>,
    tries: usize,
    /// Kafka partitions that were read to their end.
    at_end: BTreeSet<i32>,
    congested: bool,
    last_assignment: Instant,
    /// When the lag was last measured.
    lag_at: Instant,
    not_published: Option<Instant>,
    totals: Totals,
    read: u64,
    /// Partitions of the topic when the job started.
    partitions: i32,
}

/// Somebody takes over what the group has given to this instance.
struct Rivalry {
    since: Instant,
    last: Instant,
    times: u32,
}

impl Stream<'_> {
    fn read_until(&mut self, stop: &Stop, beat: impl Fn()) -> anyhow::Result<()> {
        while !stop.is_set() && !self.is_done()? {
            beat();
            self.read()?;
            self.follow_group()?;
            self.follow_events()?;
            if !self.to_open.is_empty() && Instant::now() >= self.open_at {
                self.open()?;
            }
            let segments = self.watch.poll();
            let mut collector = self.collector()?;
            collector.serve_feed()?;
            if let Some(segments) = segments {
                collector.use_segments(segments)?;
            }
            collector.commit_if_due()?;
            let congested = collector.is_congested();
            drop(collector);
            // Also when nothing is committed: that is when somebody wants to know.
            if self.lag_at.elapsed() >= LAG_EVERY {
                self.lag_at = Instant::now();
                self.lag();
            }
            self.hold_back(congested)?;
        }
        Ok(())
    }

    fn collector(&self) -> anyhow::Result<MutexGuard<'_, Collector>> {
        let collector = self.collector.as_ref().ok_or_else(|| anyhow!("the job has ended"))?;
        Ok(collector.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the messages that are there, or waits a moment for one.
    fn read(&mut self) -> anyhow::Result<()> {
        let mut messages: Vec<BorrowedMessage<'_>> = Vec::new();
        let mut errors = Vec::new();
        let wait = self.collector()?.due_in().unwrap_or(POLL).clamp(LEAST_POLL, POLL);
        let mut next = self.consumer.poll(wait);
        while let Some(polled) = next {
            match polled {
                Ok(message) => messages.push(message),
                Err(error) => errors.push(error),
            }
            if messages.len() >= MESSAGES_AT_ONCE || errors.len() >= MESSAGES_AT_ONCE {
                break;
            }
            next = self.consumer.poll(Duration::ZERO);
        }
        if !messages.is_empty() {
            let mut collector = self.collector()?;
            collector.tick();
            for message in &messages {
                take(&mut collector, message)?;
            }
            drop(collector);
            if !self.at_end.is_empty() {
                for message in &messages {
                    self.at_end.remove(&message.partition());
                }
            }
            let n = messages.len() as u64;
            self.metrics.messages.inc_by(n);
            self.read += n;
            self.consumer.context().hooks().succeeded();
        }
        drop(messages);
        errors.into_iter().try_for_each(|error| self.note(error))
    }

    fn note(&mut self, error: KafkaError) -> anyhow::Result<()> {
        let code = match &error {
            KafkaError::PartitionEOF(partition) => {
                self.at_end.insert(*partition);
                return Ok(());
            }
            KafkaError::MessageConsumption(code) => *code,
            KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId) => {
                let name = self.settings.streaming.instance.as_deref().unwrap_or_default();
                return Err(anyhow!(
                    "another instance of the group is called '{name}', too, and was started later; give each instance a \
                     streaming.instance of its own"
                ));
            }
            _ => return Err(error).context("the Kafka consumer cannot go on"),
        };
        match code {
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => {
                tracing::warn!(%error, "Kafka has not got the next message");
                // Opening again finds out which, and does what the settings say. The client has given the partition up:
                // one cannot go anywhere in it before it is assigned again.
                self.rejoin = true;
                self.reopen()
            }
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic
                if self.assigned.is_empty() =>
            {
                let topic = &self.settings.streaming.topic;
                Err(anyhow!(
                    "the topic '{topic}' does not exist (any more); create it, or set streaming.topic"
                ))
            }
            RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed => {
                let (topic, group) =
                    (&self.settings.streaming.topic, &self.settings.streaming.group);
                Err(anyhow!(
                    "Kafka does not allow this user to read the topic '{topic}' in the group '{group}' ({error}); give it \
                     the right to, or use other credentials"
                ))
            }
            _ => {
                tracing::warn!(%error, "trouble with Kafka; the client tries again");
                Ok(())
            }
        }
    }

    fn follow_group(&mut self) -> anyhow::Result<()> {
        for change in self.consumer.context().changes() {
            match change {
                Change::Assigned(partitions) => {
                    tracing::info!(?partitions, "assigned");
                    self.assigned.extend(&partitions);
                    self.to_open.extend(&partitions);
                    self.open_at = Instant::now();
                    self.last_assignment = Instant::now();
                }
                Change::Revoked(partitions) => {
                    tracing::info!(?partitions, "revoked");
                    for partition in &partitions {
                        self.assigned.remove(partition);
                        self.to_open.remove(partition);
                        self.at_end.remove(partition);
                        let topic = self.settings.streaming.topic.clone();
                        self.metrics.forget(&Source { topic, partition: *partition });
                    }
                    self.last_assignment = Instant::now();
                }
                Change::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes over what is to be taken over, and starts reading it where its commit log ends.
    fn open(&mut self) -> anyhow::Result<()> {
        let partitions: Vec<i32> = self.to_open.iter().copied().collect();
        match self.try_open(&partitions) {
            Ok(()) => {
                self.to_open.clear();
                self.opened_at = Some(Instant::now());
                self.is_open.set();
                Ok(())
            }
            Err(error) if error.downcast_ref().is_some_and(is_taken_over) => {
                self.taken_over(error, true)
            }
            Err(error) if is_retryable(&error) => self.try_later(error),
            Err(error) => Err(error),
        }
    }

    fn try_open(&mut self, partitions: &[i32]) -> anyhow::Result<()> {
        let topic = &self.settings.streaming.topic;
        let available = offsets::available(&self.consumer, topic, partitions)?;
        let streaming = &self.settings.streaming;
        let layout = Layout::new(self.place.catalog.warehouse(), &self.place.tables[TAGGED]);
        let begun_with = match streaming.start {
            Start::Earliest => 0,
            Start::Latest => layout.begun_with(topic, self.partitions).map_err(SinkError::from)?,
        };
        let first = offsets::first(&available, streaming.start, begun_with);
        let mut collector = self.collector()?;
        let opened = collector.writer.open(first)?;
        let mut seek = TopicPartitionList::with_capacity(opened.len());
        for opened in &opened {
            let mut range = available[&opened.source];
            if opened.next_offset > range.1 {
                // Whoever had it before may have committed what has come since Kafka was asked.
                let again = offsets::available(&self.consumer, topic, &[opened.source.partition])?;
                range = again[&opened.source];
            }
            let skip = offsets::next(opened, range, streaming.on_lost_offsets)?;
            if let Some(offset) = skip {
                collector.writer.skip_to(&opened.source, offset)?;
            }
            let next = skip.unwrap_or(opened.next_offset);
            tracing::info!(source = %opened.source, offset = next, epoch = opened.epoch, "taken over");
            seek.add_partition_offset(topic, opened.source.partition, Offset::Offset(next))?;
            self.metrics.committed(&opened.source, next);
            collector.opened(opened, next);
        }
        drop(collector);
        if std::mem::take(&mut self.rejoin) {
            // What was taken over is given up with it, and taken over once more.
            self.consumer.unsubscribe();
            return Ok(self.consumer.subscribe(&[topic])?);
        }
        self.seek(&seek)?;
        self.consumer.resume(&seek)?;
        Ok(())
    }

    /// A Kafka partition that was assigned a moment ago may not be ready for it.
    fn seek(&self, to: &TopicPartitionList) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let result = self.consumer.seek_partitions(to.clone(), Duration::from_secs(10))?;
            let failed = result.elements().iter().find_map(|element| element.error().err());
            match failed {
                None => return Ok(()),
                Some(_) if started.elapsed() < Duration::from_secs(10) => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Some(error) => {
                    return Err(error)
                        .context(RetryLater("cannot go to the next message to read".to_owned()));
                }
            }
        }
    }

    fn try_later(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        // On a full disk opening succeeds again and again, and writing fails. Whoever has had the time to commit since has
        // just had nothing to commit.
        let calm = 2 * self.settings.streaming.flush_interval.get() + CALM;
        if self.opened_at.take().is_some_and(|opened| opened.elapsed() > calm) {
            (self.failing_since, self.tries) = (None, 0);
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        self.is_open.clear(format!("{error:#}"));
        if since.elapsed() >= self.settings.streaming.keep_trying.get() {
            return Err(error.context(RetryLater(
                "orders could not be written for streaming.keep_trying; nothing is lost, run again later".to_owned(),
            )));
        }
        let pause = PAUSES[self.tries.min(PAUSES.len() - 1)];
        if self.tries == 0 || self.tries.is_multiple_of(12) {
            tracing::warn!(error = format!("{error:#}"), "cannot go on now; reading waits");
        }
        self.tries += 1;
        self.open_at = Instant::now() + pause;
        Ok(())
    }

    /// Drops what is not committed, and reads it again.
    fn reopen(&mut self) -> anyhow::Result<()> {
        self.pause(true)?;
        // The end that was reached lies behind what is read again.
        self.at_end.clear();
        self.collector()?.forget(None);
        self.to_open = self.assigned.clone();
        Ok(())
    }

    fn pause(&self, pause: bool) -> anyhow::Result<()> {
        let mut all = TopicPartitionList::with_capacity(self.assigned.len());
        for partition in &self.assigned {
            if pause || !self.to_open.contains(partition) {
                all.add_partition(&self.settings.streaming.topic, *partition);
            }
        }
        match all.count() {
            0 => Ok(()),
            _ if pause => Ok(self.consumer.pause(&all)?),
            _ => Ok(self.consumer.resume(&all)?),
        }
    }

    /// Reading waits while too much is on its way to the files.
    fn hold_back(&mut self, congested: bool) -> anyhow::Result<()> {
        if !congested {
            return Ok(());
        }
        // A moment is enough unless a server is away; then the group still wants to hear from this instance.
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(500) && self.collector()?.is_congested() {
            std::thread::sleep(Duration::from_millis(2));
            self.follow_events()?;
        }
        let still = self.collector()?.is_congested();
        if still != self.congested {
            self.congested = still;
            self.pause(still)?;
        }
        Ok(())
    }

    fn follow_events(&mut self) -> anyhow::Result<()> {
        if self.congested && !self.collector()?.is_congested() {
            self.congested = false;
            self.pause(false)?;
        }
        while let Ok(event) = self.events.try_recv() {
            self.follow(event)?;
        }
        Ok(())
    }

    fn follow(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Committed(committed) => {
                if self.collector.is_some() {
                    self.collector()?.committed();
                }
                (self.failing_since, self.tries) = (None, 0);
                self.metrics.commit.record(committed.took);
                if let Some(began) = committed.batch.began {
                    self.metrics.visible.record(began.elapsed());
                }
                let mut told = TopicPartitionList::with_capacity(committed.ends.len());
                for (source, end) in &committed.ends {
                    self.metrics.committed(source, *end);
                    told.add_partition_offset(
                        &source.topic,
                        source.partition,
                        Offset::Offset(*end),
                    )?;
                }
                // For those who watch the group's lag. Nothing depends on it.
                if let Err(error) = self.consumer.commit(&told, CommitMode::Async) {
                    tracing::debug!(%error, "Kafka was not told the offsets");
                }
                if self.wishes.print_batches {
                    say(&batch_line(&committed, self.lag()));
                }
                self.totals.add(&committed.batch);
            }
            Event::Published { rows, took } => {
                if let Some(since) = self.not_published.take() {
                    tracing::info!(
                        seconds = since.elapsed().as_secs(),
                        "committed orders are visible again"
                    );
                }
                self.metrics.published.inc_by(rows);
                self.metrics.publish.record(took);
            }
            Event::NotPublished(error) => {
                self.metrics.publish_failures.inc();
                if self.not_published.is_none() {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(
                        error,
                        "committed orders cannot be made visible now; trying again"
                    );
                }
                self.not_published.get_or_insert_with(Instant::now);
            }
            Event::Failed(error) => return self.restart(error),
            Event::CannotPublish(error) => {
                return Err(anyhow::Error::new(error).context(
                    "committed orders cannot be made visible; run the job again when it is mended",
                ));
            }
        }
        Ok(())
    }

    /// The writer has given everything up.
    fn restart(&mut self, error: SinkError) -> anyhow::Result<()> {
        self.metrics.restarts.inc();
        self.totals.restarts += 1;
        if is_taken_over(&error) {
            // What was revoked in the middle of a commit may be somebody else's.
            let is_ours = match &error {
                SinkError::Fenced { source_name, .. } => {
                    self.assigned.contains(&source_name.partition)
                }
                _ => true,
            };
            return self.taken_over(error.into(), is_ours);
        }
        let retryable = error.is_retryable();
        let error = anyhow::Error::new(error);
        if !retryable {
            return Err(error);
        }
        self.reopen()?;
        self.try_later(error)
    }

    /// Begins anew when the group has had the time to say what belongs to whom. A zombie is taken over once, and then
    /// hears that it is one; it is an error when somebody outside of the group keeps doing it.
    fn taken_over(&mut self, error: anyhow::Error, is_ours: bool) -> anyhow::Result<()> {
        tracing::warn!(error = format!("{error:#}"), "taken over by somebody else");
        let now = Instant::now();
        // Either side finds out when it commits.
        let flush_interval = self.settings.streaming.flush_interval.get();
        let peace = 2 * (flush_interval + ASK_GROUP) + RIVALRY_AT_MOST / 2;
        if is_ours {
            let rivalry = match self.rivalry.take() {
                Some(of) if of.last.elapsed() < peace => {
                    Rivalry { last: now, times: of.times + 1, ..of }
                }
                _ => Rivalry { since: now, last: now, times: 1 },
            };
            let at_most = RIVALRY_AT_MOST + 4 * self.jitter;
            if rivalry.times > TAKEN_OVER_AT_MOST && rivalry.since.elapsed() > at_most {
                // What was found last may only be that a file has gone.
                let topic = &self.settings.streaming.topic;
                return Err(error.context(format!(
                    "'{topic}' is written by somebody else now, again and again; two jobs with different kafka groups \
                     cannot write the same tables: stop one of them"
                )));
            }
            self.rivalry = Some(rivalry);
        }
        self.reopen()?;
        self.open_at = now + ASK_GROUP + self.jitter;
        Ok(())
    }

    fn is_done(&self) -> anyhow::Result<bool> {
        if self.wishes.max_messages.is_some_and(|most| self.read >= most) {
            return Ok(true);
        }
        if !self.wishes.until_caught_up {
            return Ok(false);
        }
        if self.assigned.is_empty() {
            return Ok(self.last_assignment.elapsed() > NOTHING_ASSIGNED);
        }
        Ok(self.to_open.is_empty() && self.assigned.iter().all(|p| self.at_end.contains(p)))
    }

    /// Messages that Kafka has and this instance has not read.
    fn lag(&self) -> Option<i64> {
        let statistics = self.consumer.context().hooks().statistics()?;
        let topic = statistics.topics.get(&self.settings.streaming.topic)?;
        let collector = self.collector().ok()?;
        let mut lag = 0;
        for source in collector.open() {
            let partition = topic.partitions.get(&source.partition)?;
            let next = collector.next_offset(source.partition)?;
            let of_partition = (partition.ls_offset.max(partition.hi_offset) - next).max(0);
            self.metrics.lag(source, of_partition);
            lag += of_partition;
        }
        Some(lag)
    }

    /// Commits what was read, waits until it is visible, and leaves the group.
    fn end(&mut self, commit: bool, stop: &Stop) -> anyhow::Result<()> {
        // Whoever waits for all that is there wants it to be visible, however long that takes.
        let patience = self.settings.streaming.keep_trying.get();
        let limit = |hurried: Duration| if stop.is_set() { hurried } else { patience };
        let mut outcome = Ok(());
        if commit {
            let started = Instant::now();
            outcome = self.collector()?.commit().map(drop);
            while outcome.is_ok()
                && self.collector()?.is_committing()
                && started.elapsed() < limit(LAST_COMMIT)
            {
                match self.events.recv_timeout(Duration::from_millis(50)) {
                    Ok(Event::Failed(error)) => {
                        let error = anyhow::Error::new(error);
                        let later =
                            "the last orders were not committed; the next run reads them again";
                        outcome = Err(error.context(RetryLater(later.to_owned())));
                    }
                    Ok(event) => outcome = self.follow(event),
                    Err(_) => {}
                }
            }
        }
        // From now on the group's callbacks find nothing that is open.
        self.collector()?.forget(None);
        let all: Vec<i32> = self.assigned.iter().copied().collect();
        self.collector()?.give_up(&all);
        self.consumer.unsubscribe();
        let collector = self.collector.take();
        // The consumer's context has the other handle; the writer is told through it to end.
        if let Some(collector) = collector {
            let collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
            collector.end_writer();
        }
        if let Some(publishing) = self.publishing.take() {
            let started = Instant::now();
            while !publishing.is_finished() && started.elapsed() < limit(LAST_PUBLISH) {
                while let Ok(event) = self.events.try_recv() {
                    outcome = outcome.and(self.follow(event));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            while let Ok(event) = self.events.try_recv() {
                outcome = outcome.and(self.follow(event));
            }
            if self.not_published.is_some() || !publishing.is_finished() {
                tracing::warn!("committed orders are not visible yet; the next run sees to it");
            }
        }
        outcome
    }
}

fn take(collector: &mut Collector, message: &BorrowedMessage<'_>) -> anyhow::Result<()> {
    let millis = message.timestamp().to_millis().filter(|millis| *millis >= 0);
    let timestamp = millis.and_then(|millis| millis.checked_mul(1_000)).map(Timestamp::from_micros);
    let raw = crate::rows::Raw {
        key: message.key(),
        value: message.payload(),
        timestamp,
        offset: message.offset(),
    };
    collector.take(message.partition(), &raw)
}

/// Whether somebody else has taken a Kafka partition over; he also removes files that are not committed.
fn is_taken_over(error: &SinkError) -> bool {
    match error {
        SinkError::Fenced { .. } => true,
        SinkError::Store(error) => error.kind() == StoreErrorKind::NotFound,
        _ => false,
    }
}

/// Whether waiting may help: a server is away.
fn is_retryable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SinkError>().is_some_and(SinkError::is_retryable)
        || error.downcast_ref::<RetryLater>().is_some()
        || error.chain().any(|cause| cause.is::<RetryLater>())
}
