//! SIGTERM (of YARN, systemd, Kubernetes) and SIGINT (Ctrl-C) as a wish to stop.
//!
//! The first one sets a [`Stop`], and the job ends its work in order. A second one ends the process at once, with the
//! exit code of a shell: 143 or 130. It has to come at least a second after the first, because some senders do
//! not send one signal but two: `timeout` of the coreutils signals its child and then its whole process group.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// How long after the first signal further ones are taken for the same.
const SAME_WISH: Duration = Duration::from_secs(1);

/// The job should stop. Clones are handles of the same.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_set: AtomicBool,
    cause: Mutex<Option<Cause>>,
    changed: Condvar,
}

/// Why a job should stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    Signal(Signal),
    Job,
}

/// A signal that asks a process to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGINT: somebody pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: somebody or something wants the process to end.
    Terminate,
}

impl Signal {
    /// Its name: `SIGTERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The exit code of a process that it ended: 130, 143.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl Stop {
    /// One that is not set, and that no signal sets: see [`listen`] for one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it, for a reason of the job's own. It can not be taken back.
    pub fn set(&self) {
        self.set_to(Cause::Job);
    }

    /// Whether it is set. Costs next to nothing.
    pub fn is_set(&self) -> bool {
        self.shared.is_set.load(Ordering::Acquire)
    }

    /// The signal that set it, if that was the first to do so.
    pub fn signal(&self) -> Option<Signal> {
        match *self.cause() {
            Some(Cause::Signal(signal)) => Some(signal),
            Some(Cause::Job) | None => None,
        }
    }

    /// Waits until it is set.
    pub fn wait(&self) {
        let mut cause = self.cause();
        while cause.is_none() {
            cause = self.shared.changed.wait(cause).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until it is set, at most for `limit`. Whether it is set.
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        let start = Instant::now();
        let mut cause = self.cause();
        while cause.is_none() {
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(cause, left);
            cause = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn set_to(&self, new: Cause) {
        let mut cause = self.cause();
        if cause.is_none() {
            *cause = Some(new);
            self.shared.is_set.store(true, Ordering::Release);
            self.shared.changed.notify_all();
        }
    }

    fn cause(&self) -> MutexGuard<'_, Option<Cause>> {
        self.shared.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals cannot be listened for.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen for SIGTERM and SIGINT; check the limits on threads and open files (ulimit -u, -n)"
)]
pub struct SignalError {
    /// What the operating system says.
    #[from]
    pub source: io::Error,
}

impl SignalError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        true
    }
}

/// Listens for SIGTERM and SIGINT from now to the end of the process, on a thread of its own. To be called once, early:
/// until then a signal ends the process as it always does.
pub fn listen() -> Result<Stop, SignalError> {
    let stop = Stop::new();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    // The second signal is answered in its handler: no thread that hangs can keep the process.
    let armed = Arc::new(AtomicBool::new(false));
    for (number, signal) in [(SIGINT, Signal::Interrupt), (SIGTERM, Signal::Terminate)] {
        let code = i32::from(signal.exit_code());
        flag::register_conditional_shutdown(number, code, Arc::clone(&armed))?;
    }
    let heard = stop.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            let signal = if number == SIGINT { Signal::Interrupt } else { Signal::Terminate };
            if armed.load(Ordering::Relaxed) {
                continue;
            }
            tracing::info!(signal = signal.name(), "stopping; a second signal ends it at once");
            heard.set_to(Cause::Signal(signal));
            thread::sleep(SAME_WISH);
            armed.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_once_for_all() {
        let stop = Stop::new();
        assert!(!stop.is_set() && !stop.wait_timeout(Duration::from_millis(1)));
        let waiting = [stop.clone(), stop.clone()].map(|stop| {
            thread::spawn(move || {
                stop.wait();
                stop.wait_timeout(Duration::MAX)
            })
        });
        stop.set_to(Cause::Signal(Signal::Terminate));
        for thread in waiting {
            assert!(thread.join().unwrap());
        }
        stop.set();
        assert!(stop.is_set() && stop.wait_timeout(Duration::ZERO));
        assert_eq!(stop.signal(), Some(Signal::Terminate));
    }

    #[test]
    fn a_reason_of_the_jobs_own() {
        let stop = Stop::new();
        stop.set();
        assert_eq!((stop.is_set(), stop.signal()), (true, None));
    }
}
