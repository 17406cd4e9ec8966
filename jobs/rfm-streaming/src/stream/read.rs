//! From the consumer to the collector, and what the consumer says when there is no message.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use order_model::Timestamp;
use rdkafka::Message as _;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::Stream;
use crate::collect::Collector;
use crate::rows::Raw;

/// Messages that are taken at once: their time of ingestion is the same.
const MESSAGES_AT_ONCE: usize = 1_024;
/// Longest wait for a message: then other things are looked after.
const POLL: Duration = Duration::from_millis(50);
/// Shortest one.
const LEAST_POLL: Duration = Duration::from_millis(1);

impl Stream<'_> {
    /// Takes the messages that are there, or waits a moment for one.
    pub(super) fn read(&mut self) -> anyhow::Result<()> {
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

fn take(collector: &mut Collector, message: &BorrowedMessage<'_>) -> anyhow::Result<()> {
    let millis = message.timestamp().to_millis().filter(|millis| *millis >= 0);
    let timestamp = millis.and_then(|millis| millis.checked_mul(1_000)).map(Timestamp::from_micros);
    let raw =
        Raw { key: message.key(), value: message.payload(), timestamp, offset: message.offset() };
    collector.take(message.partition(), &raw)
}
