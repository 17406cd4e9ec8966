//! Whether a job does its work: conditions that must hold, and threads that must give a sign of life.
//!
//! The two answer different questions of whoever looks after the job. Not ready: do not send work, wait. Not live:
//! waiting does not help, restart it. So a server that is away makes a job not ready, and only a thread that hangs or
//! ended by a panic makes it not live.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The state of a job. Clones are handles of the same.
///
/// Without any condition a job is ready, and without any heartbeat it is live: register both before the server starts.
#[derive(Clone, Debug)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What the times of heartbeats are counted from.
    origin: Instant,
    conditions: Mutex<Vec<Arc<ConditionState>>>,
    pulses: Mutex<Vec<Arc<Pulse>>>,
}

#[derive(Debug)]
struct ConditionState {
    name: String,
    /// Why it does not hold; `None` when it does.
    missing: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Pulse {
    thread: String,
    limit: Duration,
    /// Milliseconds from the origin to the last sign of life, or [`RESTING`], or [`DIED`].
    last: AtomicU64,
}

const RESTING: u64 = u64::MAX;
const DIED: u64 = u64::MAX - 1;

/// A condition that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// Its name: `assigned`.
    pub condition: String,
    /// Why it does not hold.
    pub why: String,
}

/// A thread that gave no sign of life for longer than it may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stalled {
    /// Its name: `consumer`.
    pub thread: String,
    /// For how long it has been silent; `None` when it ended by a panic.
    pub silent: Option<Duration>,
    /// For how long it may be.
    pub limit: Duration,
}

impl Health {
    /// The health of a job that has neither conditions nor heartbeats yet.
    pub fn new() -> Self {
        let shared = Shared {
            origin: Instant::now(),
            conditions: Mutex::default(),
            pulses: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Adds a condition that must hold for the job to be ready. It does not hold yet, for the reason `why`. When there is
    /// one of this name already, this is that one, as it is.
    pub fn condition(&self, name: &str, why: &str) -> Condition {
        let mut conditions = lock(&self.shared.conditions);
        if let Some(state) = conditions.iter().find(|state| state.name == name) {
            return Condition { state: Arc::clone(state) };
        }
        let missing = Mutex::new(Some(why.to_owned()));
        let state = Arc::new(ConditionState { name: name.to_owned(), missing });
        conditions.push(Arc::clone(&state));
        Condition { state }
    }

    /// Adds a thread that must give a sign of life at least every `limit` for the job to be live. Its time starts now.
    ///
    /// Choose a limit well above the longest call that the thread makes, with all its retries.
    pub fn heartbeat(&self, thread: &str, limit: Duration) -> Heartbeat {
        let pulse = Arc::new(Pulse { thread: thread.to_owned(), limit, last: AtomicU64::new(0) });
        let heartbeat = Heartbeat { shared: Arc::clone(&self.shared), pulse: Arc::clone(&pulse) };
        heartbeat.beat();
        lock(&self.shared.pulses).push(pulse);
        heartbeat
    }

    /// Whether all conditions hold.
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// Whether no thread is stalled.
    pub fn is_live(&self) -> bool {
        self.stalled().is_empty()
    }

    /// The conditions that do not hold, in the order in which they were added.
    pub fn missing(&self) -> Vec<Missing> {
        let conditions = lock(&self.shared.conditions);
        let missing = conditions.iter().filter_map(|state| {
            let why = lock(&state.missing).clone()?;
            Some(Missing { condition: state.name.clone(), why })
        });
        missing.collect()
    }

    /// The threads that are stalled, in the order in which they were added.
    pub fn stalled(&self) -> Vec<Stalled> {
        self.stalled_at(Instant::now())
    }

    fn stalled_at(&self, now: Instant) -> Vec<Stalled> {
        let now = millis(now.saturating_duration_since(self.shared.origin));
        let pulses = lock(&self.shared.pulses);
        let stalled = pulses.iter().filter_map(|pulse| {
            let silent = match pulse.last.load(Ordering::Relaxed) {
                RESTING => return None,
                DIED => None,
                last => Some(Duration::from_millis(now.saturating_sub(last))),
            };
            let is_stalled = silent.is_none_or(|silent| silent > pulse.limit);
            is_stalled.then(|| Stalled { thread: pulse.thread.clone(), silent, limit: pulse.limit })
        });
        stalled.collect()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

/// A condition of a [`Health`]. Clones are handles of the same; it outlives them all.
#[derive(Clone, Debug)]
pub struct Condition {
    state: Arc<ConditionState>,
}

impl Condition {
    /// From now on it holds.
    pub fn set(&self) {
        *lock(&self.state.missing) = None;
    }

    /// From now on it does not hold, for the reason `why`, which `/readyz` shows: no secrets.
    pub fn clear(&self, why: impl Into<String>) {
        *lock(&self.state.missing) = Some(why.into());
    }

    /// Whether it holds.
    pub fn is_set(&self) -> bool {
        lock(&self.state.missing).is_none()
    }
}

/// The sign of life of one thread. It belongs into that thread: when it is dropped in order the thread is no longer
/// watched, and when a panic drops it the job is not live any more.
#[derive(Debug)]
pub struct Heartbeat {
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
}

impl Heartbeat {
    /// Gives a sign of life. Costs about as much as reading the clock.
    pub fn beat(&self) {
        self.pulse.last.store(millis(self.shared.origin.elapsed()), Ordering::Relaxed);
    }

    /// Until the next beat the thread may be silent: it waits for something that may take any time.
    pub fn rest(&self) {
        self.pulse.last.store(RESTING, Ordering::Relaxed);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.pulse.last.store(DIED, Ordering::Relaxed);
        } else {
            lock(&self.shared.pulses).retain(|pulse| !Arc::ptr_eq(pulse, &self.pulse));
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(DIED - 1).min(DIED - 1)
}

/// Nobody panics while holding one of these locks, and what they guard is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn ready_when_all_conditions_hold() {
        let health = Health::new();
        assert!(health.is_ready());
        let assigned = health.condition("assigned", "no partitions yet");
        let loaded = health.condition("segments loaded", "no snapshot yet");
        assert!(!health.is_ready());
        loaded.set();
        let missing =
            |why: &str| vec![Missing { condition: "assigned".to_owned(), why: why.to_owned() }];
        assert_eq!(health.missing(), missing("no partitions yet"));
        assigned.set();
        assert!(health.is_ready() && assigned.is_set());

        // the same name is the same condition, and keeps its state
        let again = health.clone().condition("assigned", "not yet");
        assert!(again.is_set());
        again.clear("revoked");
        assert!(!assigned.is_set());
        assert_eq!(health.missing(), missing("revoked"));
        drop((assigned, again));
        assert!(!health.is_ready());
    }

    #[test]
    fn stalled_when_silent_for_longer_than_the_limit() {
        let health = Health::new();
        let start = Instant::now();
        let consumer = health.heartbeat("consumer", LIMIT);
        assert_eq!(health.stalled_at(start + LIMIT), []);
        let later = Instant::now() + LIMIT + Duration::from_secs(5);
        let stalled = health.stalled_at(later);
        assert_eq!(stalled.len(), 1);
        assert_eq!((stalled[0].thread.as_str(), stalled[0].limit), ("consumer", LIMIT));
        assert!(stalled[0].silent.is_some_and(|silent| silent > LIMIT));

        consumer.rest();
        assert_eq!(health.stalled_at(later), []);
        consumer.beat();
        assert_eq!(health.stalled_at(later + LIMIT).len(), 1);
        drop(consumer);
        assert_eq!(health.stalled_at(later), []);
    }

    #[test]
    fn a_beat_starts_the_time_anew() {
        let limit = Duration::from_millis(1);
        let health = Health::new();
        let worker = health.heartbeat("worker", limit);
        while health.is_live() {
            std::thread::yield_now();
        }
        let before = health.stalled()[0].silent;
        worker.beat();
        let now = Instant::now();
        assert_eq!(health.stalled_at(now.checked_sub(limit).unwrap()), []);
        assert!(before.is_some_and(|silent| silent > limit));
    }

    #[test]
    fn a_panic_is_not_forgotten() {
        let health = Health::new();
        let heartbeat = health.heartbeat("worker", LIMIT);
        let ended = std::thread::spawn(move || {
            heartbeat.beat();
            panic!("on purpose");
        });
        assert!(ended.join().is_err());
        let died = Stalled { thread: "worker".to_owned(), silent: None, limit: LIMIT };
        assert_eq!(health.stalled(), [died]);
    }
}
