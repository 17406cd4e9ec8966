//! The end of a run.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use job_kit::exit::RetryLater;
use rdkafka::consumer::Consumer;
use service_kit::signals::Stop;
use stream_sink::error::SinkError;

use super::Stream;
use super::take_over::is_taken_over;
use crate::events::Event;

/// How long the last commit may take once the job is told to stop, and then making it visible: whoever sends a SIGTERM kills
/// the process some time later. Nothing is lost, it is done by the next run.
const LAST_COMMIT: Duration = Duration::from_secs(6);
const LAST_PUBLISH: Duration = Duration::from_secs(2);

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
                outcome = outcome.and(self.follow_late(stop));
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome = outcome.and(self.follow_late(stop));
            if self.not_published.is_some() || !publishing.is_finished() {
                tracing::warn!("committed orders are not visible yet; the next run sees to it");
            }
        }
        self.leave();
        outcome
    }

    /// Closes the consumer. Dropped open it does that itself, but looks only every 100 ms whether it is done.
    fn leave(&self) {
        if self.consumer.close_queue().is_ok() {
            while !self.consumer.closed() {
                let _ = self.consumer.poll(Duration::from_millis(1));
            }
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
