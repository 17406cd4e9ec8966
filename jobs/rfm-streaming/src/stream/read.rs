//! From the consumer to the collector, and what the consumer says when there is no message.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use kafka_client::Record;
use order_model::Timestamp;
use rdkafka::Message as _;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::Stream;
use crate::collect::Collector;
use crate::rows::Raw;

/// Messages between two looks at the clock: their time of ingestion is the same.
const MESSAGES_AT_ONCE: u64 = 1_024;
/// The last millisecond of the year 9999, where the timestamps of Hive's tables end. A producer that takes microseconds for
/// milliseconds is beyond it, and older brokers let it.
const LAST_MILLIS: i64 = 253_402_300_799_999;
/// Longest wait for a message: then other things are looked after.
const POLL: Duration = Duration::from_millis(50);
/// Shortest one.
const LEAST_POLL: Duration = Duration::from_millis(1);

impl Stream<'_> {
    /// Takes the messages that are there, or waits a moment for one.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        let wait = self.collector()?.due_in().unwrap_or(POLL).clamp(LEAST_POLL, POLL);
        // Where nothing can come the group's decisions are waited for.
        let (for_group, for_messages) =
            if self.reads_nothing() { (wait, Duration::ZERO) } else { (Duration::ZERO, wait) };
        let mut errors = Vec::new();
        let collector = self.collector.as_ref().ok_or_else(|| anyhow!("the job has ended"))?;
        let mut taken = Taken { collector, locked: None, at_end: &mut self.at_end, messages: 0 };
        let mut next = self.consumer.poll(for_group);
        let for_messages = if next.is_some() { Duration::ZERO } else { for_messages };
        while let Some(polled) = next {
            match polled {
                Ok(message) => {
                    taken.take(record(&message))?;
                    // The group's callbacks want the collector.
                    taken.locked = None;
                }
                Err(error) => errors.push(error),
            }
            if errors.len() as u64 >= MESSAGES_AT_ONCE {
                break;
            }
            next = self.consumer.poll(Duration::ZERO);
        }
        let wanted = self.wishes.max_messages.map_or(u64::MAX, |most| most - self.read.min(most));
        let mut outcome = Ok(());
        // To the end: what is handed over does not count as waiting in librdkafka's queue, so while this goes on it fetches as
        // much again. Whoever left off in the middle, again and again, would have it fetch without a limit.
        self.messages.read(for_messages, |message| {
            match message {
                Ok(record) => outcome = taken.take(record),
                Err(error) => errors.push(error),
            }
            if outcome.is_ok() && taken.messages < wanted {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        let n = taken.messages;
        drop(taken);
        outcome?;
        if n > 0 {
            self.metrics.messages.inc_by(n);
            self.read += n;
            self.consumer.context().hooks().succeeded();
        }
        errors.into_iter().try_for_each(|error| self.note(error))
    }

    /// Whether no Kafka partition is open, or reading waits.
    fn reads_nothing(&self) -> bool {
        self.congested || self.assigned.is_subset(&self.to_open)
    }

    pub(super) fn note(&mut self, error: KafkaError) -> anyhow::Result<()> {
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
                self.assign_again = true;
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

    /// Reading waits while too much is on its way to the files.
    pub(super) fn hold_back(&mut self, congested: bool) -> anyhow::Result<()> {
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
}

/// Where messages go.
struct Taken<'a> {
    collector: &'a Mutex<Collector>,
    /// From the first message on: nobody is kept from the collector while there is none.
    locked: Option<MutexGuard<'a, Collector>>,
    at_end: &'a mut BTreeSet<i32>,
    messages: u64,
}

impl Taken<'_> {
    fn take(&mut self, record: Record<'_>) -> anyhow::Result<()> {
        let collector = self
            .locked
            .get_or_insert_with(|| self.collector.lock().unwrap_or_else(PoisonError::into_inner));
        if self.messages.is_multiple_of(MESSAGES_AT_ONCE) {
            collector.tick();
        }
        let Record { partition, offset, key, value, timestamp_millis } = record;
        let known = timestamp_millis.filter(|millis| *millis <= LAST_MILLIS);
        let timestamp = known.map(|millis| Timestamp::from_micros(millis * 1_000));
        self.messages += 1;
        if !self.at_end.is_empty() {
            self.at_end.remove(&partition);
        }
        collector.take(partition, &Raw { key, value, timestamp, offset })
    }
}

/// A message of a Kafka partition that the queue was not told of when it came.
fn record<'m>(message: &'m BorrowedMessage<'_>) -> Record<'m> {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key(),
        value: message.payload(),
        timestamp_millis: message.timestamp().to_millis().filter(|millis| *millis >= 0),
    }
}
