//! The end of a run.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use job_kit::exit::RetryLater;
use service_kit::signals::Stop;
use stream_sink::error::SinkError;
use stream_sink::fault;
use warehouse::fault::reach;

use super::Stream;
use super::take_over::is_taken_over;
use crate::consumer;
use crate::events::Event;

/// How long the last commit may take once the job is told to stop, and then making it visible: whoever sends a SIGTERM kills
/// the process some time later. Nothing is lost, it is done by the next run.
const LAST_COMMIT: Duration = Duration::from_secs(6);
const LAST_PUBLISH: Duration = Duration::from_secs(2);
/// How long the group may take to let this instance go. Otherwise it finds out by itself.
const LEAVE: Duration = Duration::from_secs(2);

impl Stream<'_> {
    /// Commits what was read, waits until it is visible, and leaves the group.
    pub(super) fn end(&mut self, commit: bool, stop: &Stop) -> anyhow::Result<()> {
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
                        outcome = not_committed(error, stop);
                        break;
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
        let collector = self.collector.take();
        // The consumer's context has the other handle; the writer is told through it to end.
        if let Some(collector) = collector {
            let collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
            collector.end_writer();
        }
        if let Some(publishing) = self.publishing.take() {
            let started = Instant::now();
            while !publishing.is_finished() && started.elapsed() < limit(LAST_PUBLISH) {
                outcome = outcome.and(self.follow_late(stop));
                thread::sleep(Duration::from_millis(5));
            }
            outcome = outcome.and(self.follow_late(stop));
            if self.not_published.is_some() || !publishing.is_finished() {
                tracing::warn!("committed orders are not visible yet; the next run sees to it");
            }
        }
        reach(fault::LEAVING);
        self.leave();
        outcome
    }

    /// Leaves the group, on a thread of its own, which is left behind when it takes too long: librdkafka waits for a broker
    /// that does not answer as long as `socket.timeout.ms`.
    fn leave(&self) {
        let consumer = Arc::clone(&self.consumer);
        let close = move || consumer::close(&consumer);
        let started = Instant::now();
        let Ok(leaving) = thread::Builder::new().name("leaving".to_owned()).spawn(close) else {
            return;
        };
        while !leaving.is_finished() && started.elapsed() < LEAVE {
            thread::sleep(Duration::from_millis(1));
        }
        if leaving.is_finished() {
            let _ = leaving.join();
        } else {
            // Its consumer is not dropped: that would wait, too. The end of the process is the thread's.
            tracing::warn!(
                "the group does not answer; it gives the Kafka partitions away after session.timeout.ms"
            );
        }
    }

    /// What is reported when nothing is read any more.
    fn follow_late(&mut self, stop: &Stop) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Ok(event) = self.events.try_recv() {
            outcome = outcome.and(match event {
                Event::Failed(error) => not_committed(error, stop),
                event => self.follow(event),
            });
        }
        outcome
    }
}

/// The last commit has failed.
fn not_committed(error: SinkError, stop: &Stop) -> anyhow::Result<()> {
    let is_taken_over = is_taken_over(&error);
    let error = anyhow::Error::new(error);
    if stop.is_set() && is_taken_over {
        // A member that hears late of a change in its group. Whoever has its partitions reads on where it has committed.
        let error = format!("{error:#}");
        tracing::warn!(error, "taken over by somebody else, who reads the last orders again");
        return Ok(());
    }
    let later = "the last orders were not committed; the next run reads them again";
    Err(error.context(RetryLater(later.to_owned())))
}
