//! Reads the topic of tagged orders from its end, and goes on trying for as long as Kafka is away.
//!
//! It is in no consumer group's way: partitions are assigned by hand and nothing is committed, so any number of dashboards
//! read the same orders.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kafka_client::{ClientHooks, Connection};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_kit::{Heartbeat, Stop};

use super::hub::{Hub, UpstreamState};
use super::order::Reader;
use crate::metrics::JobMetrics;

/// Longest time that nothing is looked after but Kafka.
const POLL: Duration = Duration::from_millis(20);
/// How long Kafka may take for an answer, and the pause after it gave none.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is asked whether it is back, and whether the topic has more partitions.
const PROBE: Duration = Duration::from_secs(3);
const GROWTH: Duration = Duration::from_secs(30);

/// What is read, and how.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub connection: Connection,
    pub topic: String,
    pub group: String,
    /// Orders of before the start, over all partitions.
    pub prefill: u32,
}

/// Reads until it is stopped.
pub(crate) fn run(
    source: &Source,
    hub: &Hub,
    metrics: &JobMetrics,
    stop: &Stop,
    heartbeat: &Heartbeat,
) {
    let mut is_first = true;
    while !stop.is_set() {
        heartbeat.beat();
        match read(source, hub, metrics, stop, heartbeat, &mut is_first) {
            Ok(()) => {}
            Err(error) => {
                let problem = format!("{error:#}");
                if !matches!(&hub.upstream().state, UpstreamState::Down(known) if *known == problem)
                {
                    tracing::warn!(error = problem, "cannot read tagged orders; trying again");
                }
                hub.set_upstream(UpstreamState::Down(problem));
                hub.set_behind(None);
                hub.flush();
                if stop.wait_timeout(PAUSE) {
                    return;
                }
            }
        }
    }
}

/// A consumer and where it is.
struct Reading<'a> {
    consumer: BaseConsumer<ClientHooks>,
    hooks: ClientHooks,
    topic: &'a str,
    partitions: usize,
    /// By partition, the first offset that came after the start, and the next one to be read.
    offsets: BTreeMap<i32, (i64, i64)>,
}

/// Reads until it is stopped, or the partitions have to be assigned anew.
fn read(
    source: &Source,
    hub: &Hub,
    metrics: &JobMetrics,
    stop: &Stop,
    heartbeat: &Heartbeat,
    is_first: &mut bool,
) -> anyhow::Result<()> {
    let mut reading = Reading::begin(source, *is_first)?;
    *is_first = false;
    hub.set_upstream(UpstreamState::Connected);
    tracing::info!(topic = source.topic, partitions = reading.partitions, "reading tagged orders");
    let mut reader = Reader::default();
    let (mut probed, mut grown) = (Instant::now(), Instant::now());
    let mut measured = Instant::now();
    while !stop.is_set() {
        heartbeat.beat();
        match reading.consumer.poll(POLL) {
            Some(Ok(message)) => {
                reading.hooks.succeeded();
                let (partition, offset) = (message.partition(), message.offset());
                let place = reading.offsets.entry(partition).or_insert((offset, offset));
                let is_old = offset < place.0;
                place.1 = offset + 1;
                let order = message
                    .payload()
                    .and_then(|payload| reader.read(payload, |name| hub.position_of(name)));
                match order {
                    Some(order) => hub.push(order, is_old),
                    None => {
                        metrics.unreadable.inc();
                    }
                }
                metrics.messages.inc();
            }
            Some(Err(KafkaError::PartitionEOF(_))) | None => {}
            Some(Err(error)) => match reading.hooks.classify(&error) {
                Some(problem) => hub.set_upstream(UpstreamState::Down(problem.to_string())),
                None => tracing::debug!(%error, "an error of the consumer"),
            },
        }
        hub.flush();
        if measured.elapsed() >= Duration::from_secs(1) {
            measured = Instant::now();
            hub.set_behind(reading.behind());
        }
        if probed.elapsed() >= PROBE {
            probed = Instant::now();
            reading.probe(hub);
        }
        if grown.elapsed() >= GROWTH {
            grown = Instant::now();
            if reading.has_other_partitions() {
                tracing::info!(topic = source.topic, "the topic has other partitions than before");
                return Ok(());
            }
        }
    }
    Ok(())
}

impl<'a> Reading<'a> {
    fn begin(source: &'a Source, is_first: bool) -> anyhow::Result<Self> {
        let found = source.connection.check_topic(&source.topic, ANSWER)?;
        let config = source
            .connection
            .client_config()
            .governed("group.id", &source.group, "dashboard.group")
            .fixed("enable.auto.commit", "false", "the live view begins at the end of the topic")
            .fixed("enable.auto.offset.store", "false", "nothing is committed")
            .fixed("allow.auto.create.topics", "false", "a misspelt topic would be created")
            .preset("auto.offset.reset", "latest")
            .preset("statistics.interval.ms", "1000")
            .preset("fetch.wait.max.ms", "50")
            .preset("queued.max.messages.kbytes", "8192")
            .preset("fetch.max.bytes", "8388608")
            .preset("fetch.queue.backoff.ms", "2")
            .build()?;
        let hooks = source.connection.context();
        let consumer: BaseConsumer<ClientHooks> = config.create_with_context(hooks.clone())?;
        let n = i32::try_from(found.partitions).unwrap_or(i32::MAX);
        let prefill = if is_first { source.prefill } else { 0 };
        let each = i64::from(prefill.div_ceil(n.max(1).unsigned_abs()));
        let mut assignment = TopicPartitionList::new();
        let mut offsets = BTreeMap::new();
        for partition in 0..n {
            let (low, high) =
                consumer.fetch_watermarks(&source.topic, partition, ANSWER).with_context(|| {
                    let topic = &source.topic;
                    format!("Kafka does not say where partition {partition} of '{topic}' ends")
                })?;
            let from = (high - each).max(low);
            offsets.insert(partition, (high, from));
            assignment.add_partition_offset(&source.topic, partition, Offset::Offset(from))?;
        }
        consumer.assign(&assignment)?;
        Ok(Self { consumer, hooks, topic: &source.topic, partitions: found.partitions, offsets })
    }

    /// Orders in Kafka that are not read yet, if it is known.
    fn behind(&self) -> Option<u64> {
        let statistics = self.hooks.statistics()?;
        let partitions = &statistics.topics.get(self.topic)?.partitions;
        let behind = self.offsets.iter().map(|(partition, (_, next))| {
            let end = partitions.get(partition).map_or(-1, |known| known.hi_offset);
            u64::try_from(end - next).unwrap_or(0)
        });
        Some(behind.sum())
    }

    /// Looks whether Kafka is there. A quiet topic says nothing about that.
    fn probe(&self, hub: &Hub) {
        let Some(problem) = self.hooks.problem() else {
            hub.set_upstream(UpstreamState::Connected);
            return;
        };
        match self.consumer.fetch_watermarks(self.topic, 0, Duration::from_secs(1)) {
            Ok(_) => {
                self.hooks.succeeded();
                hub.set_upstream(UpstreamState::Connected);
            }
            Err(_) => hub.set_upstream(UpstreamState::Down(problem.to_string())),
        }
    }

    fn has_other_partitions(&self) -> bool {
        let metadata = self.consumer.fetch_metadata(Some(self.topic), Duration::from_secs(1));
        let found = metadata.ok().and_then(|metadata| {
            let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic)?;
            Some(topic.partitions().len())
        });
        found.is_some_and(|partitions| partitions > 0 && partitions != self.partitions)
    }
}
