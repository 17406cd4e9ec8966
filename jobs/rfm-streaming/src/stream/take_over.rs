//! Which Kafka partitions are this instance's, and taking them over: after the group has given them to it, after an error,
//! and after somebody else has taken them.

use std::time::{Duration, Instant};

use anyhow::Context;
use job_kit::exit::RetryLater;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use store::StoreErrorKind;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::source::Source;

use super::Stream;
use crate::config::{Start, TAGGED};
use crate::consumer::Change;
use crate::offsets;

/// Between two tries to open everything again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
/// Without an error for this time, and that of two batches, an error is a new one.
const CALM: Duration = Duration::from_secs(30);
/// How long the answer that nobody needs is waited for.
const BEGIN_NOW: Duration = Duration::from_secs(1);
/// How long the group has to tell an instance that was taken over that its Kafka partitions are somebody else's now,
/// before it takes them back.
const ASK_GROUP: Duration = Duration::from_secs(2);
/// How long, and how often, others may take over what the group says is this instance's.
const RIVALRY_AT_MOST: Duration = Duration::from_secs(30);
const TAKEN_OVER_AT_MOST: u32 = 3;

/// Somebody takes over what the group has given to this instance.
pub(super) struct Rivalry {
    since: Instant,
    last: Instant,
    times: u32,
}

impl Stream<'_> {
    pub(super) fn follow_group(&mut self) -> anyhow::Result<()> {
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
    pub(super) fn open(&mut self) -> anyhow::Result<()> {
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

    pub(super) fn try_open(&mut self, partitions: &[i32]) -> anyhow::Result<()> {
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
            self.messages.add(topic, opened.source.partition)?;
            collector.opened(opened, next);
        }
        drop(collector);
        if self.assign_again {
            // The group need not know: to leave it and to join it again may take long, and others would get them.
            self.consumer
                .incremental_unassign(&seek)
                .and_then(|()| self.consumer.incremental_assign(&seek))
                .and_then(|()| self.consumer.pause(&seek))
                .context(RetryLater("cannot begin to read again".to_owned()))?;
            self.assign_again = false;
            for opened in &opened {
                self.messages.add(topic, opened.source.partition)?;
            }
        }
        self.seek(&seek)?;
        self.consumer.resume(&seek)?;
        self.begin_now(&seek);
        Ok(())
    }

    /// librdkafka's thread of a broker looks once a second whether it has something to fetch, unless something wakes it. A
    /// question does; the answer is not needed.
    fn begin_now(&self, partitions: &TopicPartitionList) {
        let mut question = partitions.clone();
        if question.set_all_offsets(Offset::End).is_ok()
            && let Err(error) = self.consumer.offsets_for_times(question, BEGIN_NOW)
        {
            tracing::debug!(%error, "reading begins within a second");
        }
    }

    /// A Kafka partition that was assigned a moment ago may not be ready for it.
    pub(super) fn seek(&self, to: &TopicPartitionList) -> anyhow::Result<()> {
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

    pub(super) fn try_later(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
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
    pub(super) fn reopen(&mut self) -> anyhow::Result<()> {
        self.pause(true)?;
        // The end that was reached lies behind what is read again.
        self.at_end.clear();
        self.collector()?.forget(None);
        self.to_open = self.assigned.clone();
        Ok(())
    }

    pub(super) fn pause(&self, pause: bool) -> anyhow::Result<()> {
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

    /// The writer has given everything up.
    pub(super) fn restart(&mut self, error: SinkError) -> anyhow::Result<()> {
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
    pub(super) fn taken_over(&mut self, error: anyhow::Error, is_ours: bool) -> anyhow::Result<()> {
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
}

/// Whether somebody else has taken a Kafka partition over; he also removes files that are not committed.
pub(super) fn is_taken_over(error: &SinkError) -> bool {
    match error {
        SinkError::Fenced { .. } => true,
        SinkError::Store(error) => error.kind() == StoreErrorKind::NotFound,
        _ => false,
    }
}

/// Whether waiting may help: a server is away.
pub(super) fn is_retryable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SinkError>().is_some_and(SinkError::is_retryable)
        || error.downcast_ref::<RetryLater>().is_some()
        || error.chain().any(|cause| cause.is::<RetryLater>())
}
