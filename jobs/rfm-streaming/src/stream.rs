//! The job: read from Kafka, tag, commit, until it is told to stop.
//!
//! One thread reads and tags, one writes and commits (`writer.rs`), one makes visible (`publishing.rs`), one looks for new
//! segments (`segments.rs`). Whatever cannot be written now is read again later: after an error all Kafka partitions are
//! taken over anew, and reading goes on where their commit logs end.

mod caught_up;
mod end;
mod events;
mod read;
mod take_over;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use job_kit::exit::RetryLater;
use kafka_client::{Connection, MessageQueue, Topic};
use rdkafka::consumer::Consumer;
use service_kit::signals::Stop;
use service_kit::{Condition, Health, Server, endpoints};
use stream_sink::publisher::Publisher;
use stream_sink::sink::{Sink, SinkOptions, writer_name};
use tracing::subscriber::{NoSubscriber, with_default};

use self::caught_up::Others;
use self::take_over::Rivalry;
use crate::collect::Collector;
use crate::config::{Place, Settings};
use crate::console::{Totals, say};
use crate::consumer::{self, StreamConsumer, StreamContext};
use crate::events::Event;
use crate::feed::Feed;
use crate::metrics::JobMetrics;
use crate::segments::SegmentWatch;
use crate::writer::Writer;

/// How long one try to reach the brokers takes; then it is looked whether the job should stop. Logging in at a far
/// cluster takes a second or two.
const REACH_BROKERS: Duration = Duration::from_secs(5);
/// Between two looks at what Kafka has; its client counts as often.
const LAG_EVERY: Duration = Duration::from_secs(1);

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
    let Some(found) = wait_for(&connection, topic, settings, stop)? else { return Ok(()) };
    create_tables(settings, place, stop)?;
    let watch = SegmentWatch::start(place, settings.streaming.segments_refresh.get())?;
    let feed = match &settings.streaming.tagged_topic {
        Some(topic) => {
            if wait_for(&connection, topic, settings, stop)?.is_none() {
                return Ok(());
            }
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
    let collector = Collector::new(settings, place, writer, feed, metrics.clone())?;
    let collector = Arc::new(Mutex::new(collector));
    let consumer = Arc::new(consumer::create(&config, &connection, &collector)?);
    let messages = MessageQueue::new(consumer.clone())?;
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
        messages,
        collector: Some(collector),
        events,
        watch,
        has_segments: false,
        metrics,
        is_open,
        publishing: Some(publishing),
        assigned: BTreeSet::new(),
        to_open: BTreeSet::new(),
        rivalry: None,
        jitter: Duration::from_millis(u64::from(std::process::id()) * 7_919 % 2_000),
        assign_again: false,
        open_at: Instant::now(),
        opened_at: None,
        failing_since: None,
        tries: 0,
        at_end: BTreeSet::new(),
        others: None,
        patience: caught_up::patience(&config, settings),
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
    // The consumer is closed already, of which its own end would complain.
    with_default(NoSubscriber::default(), || drop(stream));
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

/// Waits for the brokers, and for nobody who wants the job to stop: then there is no topic.
fn wait_for(
    connection: &Connection,
    topic: &str,
    settings: &Settings,
    stop: &Stop,
) -> anyhow::Result<Option<Topic>> {
    let end = Instant::now() + settings.kafka.connect_timeout.get();
    loop {
        if stop.is_set() {
            return Ok(None);
        }
        let left = end.saturating_duration_since(Instant::now());
        match connection.check_topic(topic, left.min(REACH_BROKERS)) {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.is_retryable() && left > REACH_BROKERS => {}
            Err(error) => return Err(explain(error)),
        }
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
    consumer: Arc<StreamConsumer>,
    /// Of the Kafka partitions that are open.
    messages: MessageQueue<StreamContext>,
    /// Until the end.
    collector: Option<Arc<Mutex<Collector>>>,
    events: Receiver<Event>,
    watch: SegmentWatch,
    /// Whether the first segments have been loaded: nothing is read before.
    has_segments: bool,
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
    /// Whether the client has given the partitions up: they are assigned to it again before they can be read.
    assign_again: bool,
    open_at: Instant,
    /// When everything was last opened.
    opened_at: Option<Instant>,
    /// Since when nothing was committed because of errors.
    failing_since: Option<Instant>,
    tries: usize,
    /// Kafka partitions that were read to their end.
    at_end: BTreeSet<i32>,
    /// What other instances have yet to read, of a run that is to end.
    others: Option<Others>,
    /// How long it waits for those without any progress.
    patience: Duration,
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

impl Stream<'_> {
    fn read_until(&mut self, stop: &Stop, beat: impl Fn()) -> anyhow::Result<()> {
        while !stop.is_set() && !self.is_done()? {
            beat();
            self.read()?;
            self.follow_group()?;
            self.follow_events()?;
            let opens = !self.to_open.is_empty() && Instant::now() >= self.open_at;
            self.take_segments(opens)?;
            if opens && self.has_segments {
                self.open()?;
            }
            let mut collector = self.collector()?;
            collector.serve_feed()?;
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

    /// Uses new segments, if there are some; waits a moment for the first ones when reading could begin.
    fn take_segments(&mut self, could_begin: bool) -> anyhow::Result<()> {
        let is_waiting = could_begin && !self.has_segments;
        let wait = if is_waiting { Duration::from_millis(50) } else { Duration::ZERO };
        if let Some(segments) = self.watch.take(wait) {
            self.collector()?.use_segments(segments)?;
            self.has_segments = true;
        }
        Ok(())
    }

    fn collector(&self) -> anyhow::Result<MutexGuard<'_, Collector>> {
        let collector = self.collector.as_ref().ok_or_else(|| anyhow!("the job has ended"))?;
        Ok(collector.lock().unwrap_or_else(PoisonError::into_inner))
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
}
