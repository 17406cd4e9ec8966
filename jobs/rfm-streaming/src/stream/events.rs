//! What the writing and the publishing thread report.

use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Stream;
use crate::console::{batch_line, say};
use crate::events::Event;

impl Stream<'_> {
    pub(super) fn follow_events(&mut self) -> anyhow::Result<()> {
        if self.congested && !self.collector()?.is_congested() {
            self.congested = false;
            self.pause(false)?;
        }
        while let Ok(event) = self.events.try_recv() {
            self.follow(event)?;
        }
        Ok(())
    }

    pub(super) fn follow(&mut self, event: Event) -> anyhow::Result<()> {
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
}
