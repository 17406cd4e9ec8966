//! The threads that talk to the servers: one small set for the process and client.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// Enough to receive at the rate of two cores; the callers' threads wait meanwhile.
const THREADS: usize = 2;

/// A set of threads, started when it is first used. Made to be a static: clients keep connections that outlive their stores.
#[derive(Debug)]
pub struct Threads {
    name: &'static str,
    runtime: OnceLock<Result<Runtime, String>>,
}

impl Threads {
    /// `name` is that of the client, for messages: `HDFS`, `S3`.
    pub const fn new(name: &'static str) -> Self {
        Self { name, runtime: OnceLock::new() }
    }

    /// Where futures run.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn handle(&self) -> Result<Handle, String> {
        let runtime = self.runtime.get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(THREADS)
                .thread_name(self.name)
                .enable_all()
                .build()
                .map_err(|error| {
                    format!("cannot start the threads of the {} client: {error}", self.name)
                })
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
    pub fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle()?.spawn(async move {
            // Nobody waits if the caller's thread is gone.
            let _ = sender.send(future.await);
        });
        receiver.recv().map_err(|_| self.panicked())
    }

    /// What is said of a future that has ended without a result.
    pub(crate) fn panicked(&self) -> String {
        format!("the {} client failed inside; its panic is on stderr", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static OURS: Threads = Threads::new("test");

    #[test]
    fn waits_from_any_thread() {
        assert_eq!(OURS.wait(async { 1 }), Ok(1));
        let other = Builder::new_current_thread().build().unwrap();
        assert_eq!(other.block_on(async { OURS.wait(async { 2 }) }), Ok(2));
    }

    #[test]
    fn a_panic_is_an_error() {
        let panics = async {
            if true {
                panic!("for this test");
            }
        };
        assert!(OURS.wait(panics).is_err());
    }
}
