//! Lets a future wait a little before it goes on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// A future that goes on `pause` after whatever it waits for has come.
///
/// It is for `hdfs_native::file::FileWriter::close`, which asks the NameNode to complete the file in the moment in which the DataNode has
/// acknowledged the last packet. The DataNode tells the NameNode of the block at the same time, so the question mostly comes
/// first, the answer is no, and the library sleeps for half a second before it asks again. Some milliseconds later the
/// answer is yes.
pub(crate) struct Unhurried<F> {
    inner: Pin<Box<F>>,
    pause: Duration,
    /// Runs while something has come and is not looked at yet.
    waiting: Option<Pin<Box<Sleep>>>,
    begun: bool,
}

impl<F: Future> Unhurried<F> {
    pub(crate) fn new(inner: F, pause: Duration) -> Self {
        Self { inner: Box::pin(inner), pause, waiting: None, begun: false }
    }
}

impl<F: Future> Future for Unhurried<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.begun {
            let pause = self.pause;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
            ready!(waiting.as_mut().poll(context));
        }
        self.begun = true;
        self.waiting = None;
        self.inner.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_step_comes_a_pause_later() {
        let start = tokio::time::Instant::now();
        let steps = async {
            sleep(Duration::from_millis(100)).await;
            sleep(Duration::from_millis(200)).await;
            7
        };
        assert_eq!(Unhurried::new(steps, Duration::from_millis(10)).await, 7);
        assert_eq!(start.elapsed(), Duration::from_millis(320));
        // what is ready at once does not wait
        let start = tokio::time::Instant::now();
        assert_eq!(Unhurried::new(async { 8 }, Duration::from_millis(10)).await, 8);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
