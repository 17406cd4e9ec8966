//! Hands messages to the client, at their pace, and sees to it that none is lost.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use job_kit::exit::RetryLater;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};
use service_kit::Stop;

use super::deliveries::{Deliveries, tag};
use super::messages::{Counts, Kind, Messages, Next};
use super::pacer::Pacer;
use super::screen::Screen;

/// Longest time without a look at the screen and the signals.
const TICK: Duration = Duration::from_millis(50);
/// How long to wait for room in a full queue.
const FULL: Duration = Duration::from_millis(1);
/// Messages between two looks at the screen.
const MESSAGES_PER_TICK: u32 = 1_024;
/// For messages given up to be reported as such.
const PURGED: Duration = Duration::from_secs(5);

/// When messages go.
#[derive(Debug)]
pub(super) enum Pace {
    /// As fast as the brokers take them, or as each is due.
    WhenDue,
    /// At an even rate.
    Even(Pacer),
}

/// Where to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) messages: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

pub(super) struct Sender<'a> {
    pub(super) producer: &'a ThreadedProducer<Deliveries>,
    pub(super) deliveries: Deliveries,
    pub(super) topic: &'a str,
    pub(super) messages: Messages,
    pub(super) counts: Counts,
    pub(super) pace: Pace,
    pub(super) limit: Limit,
    pub(super) screen: Screen,
    pub(super) stop: Stop,
    /// When the first message was due, and how long the deliveries had been counting then.
    pub(super) started: Instant,
    pub(super) counting_for: Duration,
}

impl Sender<'_> {
    /// Sends until there is nothing more to send, or it is asked to stop. What was sent may still be on its way.
    ///
    /// # Errors
    /// The source or the screen fails, or the client cannot go on.
    pub(super) fn run(&mut self) -> Result<()> {
        let mut until_tick = 0;
        let mut allowed = 0;
        while !self.is_over() {
            if until_tick == 0 {
                self.tick()?;
                until_tick = MESSAGES_PER_TICK;
            }
            let now = self.started.elapsed();
            let wait = match (self.messages.prepare()?, &mut self.pace) {
                (Next::End, _) => break,
                (Next::At(due), Pace::WhenDue) => due.checked_sub(now).filter(|w| !w.is_zero()),
                (Next::At(_), Pace::Even(pacer)) => {
                    if allowed == 0 {
                        allowed = pacer.due(now);
                        pacer.went(allowed);
                    }
                    (allowed == 0).then(|| pacer.wait(now))
                }
            };
            if let Some(wait) = wait {
                self.wait(wait.min(TICK));
                until_tick = 0;
                continue;
            }
            allowed = allowed.saturating_sub(1);
            until_tick -= 1;
            if let Some(kind) = self.messages.make() {
                self.send(kind, self.counting_for + now)?;
            }
        }
        Ok(())
    }

    /// Waits until every message has met its fate, at most `timeout`, and `stop_timeout` once asked to stop; then gives
    /// the rest up. All are delivered or failed after it.
    pub(super) fn flush(&mut self, timeout: Duration, stop_timeout: Duration) {
        let mut end = Instant::now() + timeout;
        let mut stopping = false;
        while self.producer.flush(TICK).is_err() && Instant::now() < end {
            if self.stop.is_set() && !std::mem::replace(&mut stopping, true) {
                end = end.min(Instant::now() + stop_timeout);
            }
            // Nobody may be reading; what matters now is that nothing is lost.
            let _ = self.tick();
        }
        if self.producer.in_flight_count() > 0 {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            let _ = self.producer.flush(PURGED);
        }
        // The last reports may be in the hands of the thread that reads them.
        let end = Instant::now() + PURGED;
        let reported = |d: &Deliveries| d.delivered() + d.failed();
        while reported(&self.deliveries) < self.counts.total() && Instant::now() < end {
            std::thread::sleep(FULL);
        }
    }

    /// Fails if a message was not delivered.
    pub(super) fn verdict(&self) -> Result<()> {
        let (sent, delivered) = (self.counts.total(), self.deliveries.delivered());
        if delivered == sent {
            return Ok(());
        }
        let reasons = self.deliveries.reasons();
        let list: Vec<String> =
            reasons.iter().map(|(code, count)| format!("{count} x {}", meaning(*code))).collect();
        let problem = self.deliveries.hooks().problem();
        let because = problem.as_ref().map(|problem| format!("; {problem}")).unwrap_or_default();
        let message = format!(
            "{} of {sent} messages were not delivered: {}{because}",
            sent - delivered,
            list.join(", ")
        );
        let passes = problem.map_or_else(
            || reasons.iter().all(|(code, _)| may_pass(*code)),
            |problem| problem.is_retryable(),
        );
        if passes { Err(RetryLater(message).into()) } else { Err(anyhow!(message)) }
    }

    fn is_over(&self) -> bool {
        self.stop.is_set()
            || self.limit.messages.is_some_and(|most| self.counts.total() >= most)
            || self.limit.duration.is_some_and(|most| self.started.elapsed() >= most)
    }

    fn wait(&self, wait: Duration) {
        let left = self.limit.duration.map(|most| most.saturating_sub(self.started.elapsed()));
        self.stop.wait_timeout(left.map_or(wait, |left| left.min(wait)));
    }

    fn tick(&mut self) -> io::Result<()> {
        self.screen.tick(&self.counts)
    }

    /// Hands a message over, waiting for room as long as there is none. Asked to stop meanwhile it was never sent.
    fn send(&mut self, kind: Kind, made: Duration) -> Result<()> {
        let mut waits = 0_u32;
        loop {
            let mut record = BaseRecord::with_opaque_to(self.topic, tag(made, kind));
            record.key = self.messages.key();
            record.payload = self.messages.value();
            match self.producer.send(record) {
                Ok(()) => {
                    self.counts.add(kind);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(Code::QueueFull), _)) => {
                    if self.is_over() {
                        return Ok(());
                    }
                    self.stop.wait_timeout(FULL);
                    waits += 1;
                    if waits.is_multiple_of(TICK.as_millis() as u32) {
                        self.tick()?;
                    }
                }
                Err((KafkaError::MessageProduction(Code::MessageSizeTooLarge), _)) => {
                    self.counts.add(kind);
                    self.deliveries.give_up(Code::MessageSizeTooLarge);
                    return Ok(());
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| {
                        let problem = self.deliveries.hooks().problem();
                        let because = problem.map(|p| format!(": {p}")).unwrap_or_default();
                        format!("the Kafka client takes no more messages{because}")
                    });
                }
            }
        }
    }
}

fn meaning(code: Code) -> String {
    match code {
        Code::MessageTimedOut => {
            "no broker confirmed it in time (producer.delivery_timeout)".to_owned()
        }
        Code::PurgeQueue => "still waiting to be sent when the time to stop was over".to_owned(),
        Code::PurgeInflight => {
            "sent, but not confirmed when the time to stop was over; it may be in the topic"
                .to_owned()
        }
        Code::MessageSizeTooLarge => {
            "larger than the client or the broker allows (message.max.bytes)".to_owned()
        }
        code => code.to_string(),
    }
}

/// Whether it may go better another time.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::MessageTimedOut
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::RequestTimedOut
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
    )
}
