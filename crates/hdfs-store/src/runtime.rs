//! The threads that talk to the servers: one small set for the process.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// Enough to receive at the rate of two cores; the callers' threads wait meanwhile.
const THREADS: usize = 2;

/// Never dropped: `hdfs-native` keeps connections to DataNodes in a static of its own.
static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// Where futures run.
///
/// # Errors
/// The threads cannot be started.
pub(crate) fn handle() -> Result<Handle, String> {
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("hdfs")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start the threads of the HDFS client: {error}"))
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(problem) => Err(problem.clone()),
    }
}

/// Runs the future and waits for it. The calling thread merely blocks, so that it may belong to another runtime,
/// where `block_on` would panic.
///
/// # Errors
/// The threads cannot be started, or the future panicked.
pub(crate) fn wait<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        // Nobody waits if the caller's thread is gone.
        let _ = sender.send(future.await);
    });
    receiver.recv().map_err(|_| "the HDFS client failed inside; its panic is on stderr".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_from_any_thread() {
        assert_eq!(wait(async { 1 }), Ok(1));
        let other = Builder::new_current_thread().build().unwrap();
        assert_eq!(other.block_on(async { wait(async { 2 }) }), Ok(2));
    }

    #[test]
    fn a_panic_is_an_error() {
        let panics = async {
            if true {
                panic!("for this test");
            }
        };
        assert!(wait(panics).is_err());
    }
}
