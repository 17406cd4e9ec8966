//! When a run that is to end has read what there is (`--until-caught-up`).
//!
//! Its own Kafka partitions are not all: the others belong to other instances of the group. One that has died keeps them until the group
//! gives it up, and what it has not committed is then this instance's to read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use job_kit::exit::RetryLater;
use rdkafka::config::ClientConfig;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::log;
use stream_sink::source::Source;

use super::Stream;
use super::take_over::is_retryable;
use crate::config::{Settings, TAGGED};
use crate::offsets;

/// Without any Kafka partition after this time there is nothing to catch up with, or others do it.
const NOTHING_ASSIGNED: Duration = Duration::from_secs(15);
/// Between two looks at what other instances have written.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a commit may take, and the group to give the Kafka partitions of a dead instance to another one.
const COMMIT_AND_JOIN: Duration = Duration::from_secs(10);

/// What other instances have yet to write.
pub(super) struct Others {
    /// Where their Kafka partitions ended when this instance had read its own.
    ends: BTreeMap<i32, i64>,
    /// How many messages of before were not in the tables when that was last looked at.
    behind: i64,
    looked_at: Instant,
    /// When there were fewer for the last time.
    progress_at: Instant,
}

/// How long others may take without writing anything: one that is dead is given up in that time, and one that is not writes.
pub(super) fn patience(config: &ClientConfig, settings: &Settings) -> Duration {
    let millis = config.get("session.timeout.ms").and_then(|millis| millis.parse().ok());
    let session_timeout = Duration::from_millis(millis.unwrap_or(45_000));
    session_timeout + settings.streaming.flush_interval.get() + COMMIT_AND_JOIN
}

impl Stream<'_> {
    /// Whether there is nothing more to do.
    ///
    /// # Errors
    /// Other instances do not read what is theirs.
    pub(super) fn is_done(&mut self) -> anyhow::Result<bool> {
        if self.wishes.max_messages.is_some_and(|most| self.read >= most) {
            return Ok(true);
        }
        if !self.wishes.until_caught_up {
            return Ok(false);
        }
        if self.assigned.is_empty() && self.last_assignment.elapsed() <= NOTHING_ASSIGNED {
            return Ok(false);
        }
        let own = self.to_open.is_empty() && self.assigned.iter().all(|p| self.at_end.contains(p));
        Ok(own && self.others_are_at_end()?)
    }

    fn others_are_at_end(&mut self) -> anyhow::Result<bool> {
        let of_others: Vec<i32> =
            (0..self.partitions).filter(|partition| !self.assigned.contains(partition)).collect();
        if of_others.is_empty() {
            return Ok(true);
        }
        let now = Instant::now();
        let known = self.others.take().filter(|others| others.ends.keys().eq(&of_others));
        let mut others = match known {
            Some(others) if others.looked_at.elapsed() < LOOK_EVERY => {
                self.others = Some(others);
                return Ok(false);
            }
            Some(others) => others,
            None => {
                let topic = &self.settings.streaming.topic;
                let available = match offsets::available(&self.consumer, topic, &of_others) {
                    Ok(available) => available,
                    Err(error) if is_retryable(&error) => {
                        tracing::debug!("{error:#}");
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                };
                let ends = available.iter().map(|(source, range)| (source.partition, range.1));
                Others { ends: ends.collect(), behind: i64::MAX, looked_at: now, progress_at: now }
            }
        };
        others.looked_at = now;
        let seen = self.behind(&others.ends);
        let others = self.others.insert(others);
        let (waiting, behind) = match seen {
            Ok(seen) => seen,
            // The store is away.
            Err(error) if error.is_retryable() => {
                tracing::debug!(%error, "cannot see what other instances have written");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if behind > 0 && others.behind == i64::MAX {
            tracing::info!(partitions = ?waiting, messages = behind, "waiting for what other instances have yet to write");
        }
        if behind < others.behind {
            (others.behind, others.progress_at) = (behind, now);
        }
        if behind > 0 && others.progress_at.elapsed() > self.patience {
            let hint = "not everything is read; stop the other instances, or run again later";
            return Err(anyhow!(
                "the Kafka partitions {waiting:?} belong to other instances of the group '{}', which have not written {behind} messages \
                 that were there",
                self.settings.streaming.group
            )
            .context(RetryLater(hint.to_owned())));
        }
        Ok(behind == 0)
    }

    /// The Kafka partitions of which something is missing in the tables, and how many messages that are.
    fn behind(&self, ends: &BTreeMap<i32, i64>) -> Result<(Vec<i32>, i64), SinkError> {
        let layout = Layout::new(self.place.catalog.warehouse(), &self.place.tables[TAGGED]);
        let (mut waiting, mut behind) = (Vec::new(), 0);
        for (&partition, &end) in ends.iter().filter(|(_, end)| **end > 0) {
            let source = Source { topic: self.settings.streaming.topic.clone(), partition };
            let state = log::read(&layout.log(&source))?;
            let committed = state.as_ref().map_or(0, |state| state.newest.end_offset);
            let mut missing = (end - committed).max(0);
            if let Some(state) = state {
                let staged = layout.staged(&source).list_if_exists()?;
                let rows = state.not_visible(staged.iter().map(|entry| entry.name.as_str()));
                missing += i64::try_from(rows).unwrap_or(i64::MAX);
            }
            if missing > 0 {
                waiting.push(partition);
                behind += missing;
            }
        }
        Ok((waiting, behind))
    }
}
