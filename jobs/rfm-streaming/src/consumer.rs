//! The Kafka consumer, and what happens when the group divides the Kafka partitions anew.
//!
//! A Kafka partition that is assigned is paused until it has been taken over from whoever wrote it before: only then it is
//! known where to go on. One that is revoked is committed and given up before the broker gets its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_client::{ClientHooks, Connection};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use stream_sink::fault;
use warehouse::fault::reach;

use crate::collect::Collector;
use crate::config::Settings;

/// How long a commit may take before the broker gets its answer all the same.
const REVOKE_LIMIT: Duration = Duration::from_secs(20);

pub(crate) type StreamConsumer = BaseConsumer<StreamContext>;

/// What the group has decided.
#[derive(Debug)]
pub(crate) enum Change {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
    Failed(anyhow::Error),
}

/// Called from within `poll`.
pub(crate) struct StreamContext {
    hooks: ClientHooks,
    collector: Arc<Mutex<Collector>>,
    changes: Mutex<Vec<Change>>,
    /// Whether the consumer is being closed, and then, whether the group has had its answer.
    is_closing: AtomicBool,
    has_answered: AtomicBool,
}

impl StreamContext {
    /// What has changed since the last call.
    pub(crate) fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    pub(crate) fn hooks(&self) -> &ClientHooks {
        &self.hooks
    }

    fn assign(&self, consumer: &StreamConsumer, partitions: &TopicPartitionList) {
        let numbers = numbers(partitions);
        let mut paused = TopicPartitionList::with_capacity(partitions.count());
        for element in partitions.elements() {
            // Anywhere: it is set before the first message is taken.
            let offset = Offset::Beginning;
            if let Err(error) =
                paused.add_partition_offset(element.topic(), element.partition(), offset)
            {
                self.note(Change::Failed(error.into()));
            }
        }
        let assigned = consumer.incremental_assign(&paused).and_then(|()| consumer.pause(&paused));
        match assigned {
            Ok(()) => self.note(Change::Assigned(numbers)),
            Err(error) => self.note(Change::Failed(error.into())),
        }
    }

    fn revoke(&self, consumer: &StreamConsumer, partitions: &TopicPartitionList) {
        let numbers = numbers(partitions);
        {
            let mut collector = self.collector.lock().unwrap_or_else(PoisonError::into_inner);
            if consumer.assignment_lost() {
                collector.forget(Some(&numbers));
                collector.give_up(&numbers);
            } else if let Err(error) = collector.revoke(&numbers, REVOKE_LIMIT) {
                self.note(Change::Failed(error));
            }
        }
        match consumer.incremental_unassign(partitions) {
            Ok(()) => self.note(Change::Revoked(numbers)),
            Err(error) => self.note(Change::Failed(error.into())),
        }
    }

    /// The answer to whatever the group wants of a consumer that is being closed.
    ///
    /// Once: closed while the group divides the Kafka partitions anew, librdkafka (2.12) asks twice, first about those and then
    /// to revoke all. The first answer settles both. The client may be done by the second one, and then the call would never
    /// return (confluentinc/librdkafka#4884).
    fn give_everything_up(&self, consumer: &StreamConsumer) {
        if self.has_answered.swap(true, Ordering::Relaxed) {
            return;
        }
        reach(fault::ANSWERED);
        if let Err(error) = consumer.unassign() {
            tracing::warn!(%error, "the Kafka partitions could not be given up");
        }
    }
}

impl ClientContext for StreamContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.hooks.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hooks.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.hooks.stats(statistics);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.hooks.generate_oauth_token(config)
    }
}

impl ConsumerContext for StreamContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::Relaxed) {
            reach(fault::ASKED);
            self.give_everything_up(consumer);
            return;
        }
        match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(consumer, partitions);
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.revoke(consumer, partitions);
            }
            other => tracing::warn!(?other, "the group could not divide the partitions"),
        }
    }
}

fn numbers(partitions: &TopicPartitionList) -> Vec<i32> {
    partitions.elements().iter().map(|element| element.partition()).collect()
}

/// What the consumer is made of.
///
/// # Errors
/// An option in `kafka.options` that this job governs, or that librdkafka does not accept.
pub(crate) fn config(
    connection: &Connection,
    settings: &Settings,
) -> Result<ClientConfig, kafka_client::KafkaError> {
    let streaming = &settings.streaming;
    let with_data = "where to go on is kept with the data";
    let mut config = connection
        .client_config()
        .governed("group.id", &streaming.group, "streaming.group")
        .fixed("enable.auto.commit", "false", with_data)
        .fixed("enable.auto.offset.store", "false", with_data)
        .fixed("auto.offset.reset", "error", "streaming.on_lost_offsets says what to do")
        .fixed("enable.partition.eof", "true", "the job has to know the end")
        .fixed(
            "partition.assignment.strategy",
            "cooperative-sticky",
            "the others would stop reading whenever an instance comes or goes",
        )
        .fixed("allow.auto.create.topics", "false", "a misspelt topic would be created")
        .preset("session.timeout.ms", "10000")
        .preset("heartbeat.interval.ms", "2000")
        .preset("topic.metadata.refresh.interval.ms", "30000")
        .preset("statistics.interval.ms", "1000")
        .preset("fetch.wait.max.ms", "100")
        // What waits in the client's own queue, one answer of a broker more, and as much again on its way through this job.
        .preset("queued.max.messages.kbytes", "4096")
        .preset("queued.min.messages", "20000")
        .preset("fetch.max.bytes", "4194304")
        .preset("max.partition.fetch.bytes", "524288")
        // By default the client sleeps for a second when its queue is full.
        .preset("fetch.queue.backoff.ms", "2");
    if let Some(instance) = &streaming.instance {
        config = config.governed("group.instance.id", instance, "streaming.instance");
    }
    config.build()
}

/// A consumer that is in no group yet.
pub(crate) fn create(
    config: &ClientConfig,
    connection: &Connection,
    collector: &Arc<Mutex<Collector>>,
) -> anyhow::Result<StreamConsumer> {
    let context = StreamContext {
        hooks: connection.context(),
        collector: collector.clone(),
        changes: Mutex::new(Vec::new()),
        is_closing: AtomicBool::new(false),
        has_answered: AtomicBool::new(false),
    };
    Ok(config.create_with_context(context)?)
}

/// Leaves the group, and returns when that is done. Nothing may be open any more.
pub(crate) fn close(consumer: &StreamConsumer) {
    if consumer.close_queue().is_ok() {
        // What is answered from here on the client takes up after the closing.
        consumer.context().is_closing.store(true, Ordering::Relaxed);
        // Dropped open it does that itself, but looks only every 100 ms whether it is done.
        while !consumer.closed() {
            let _ = consumer.poll(Duration::from_millis(1));
        }
    }
}
