//! Messages that come while a test does something else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::orders::Orders;
use super::random::Random;
use super::topic::Topic;

impl Topic {
    /// Sends up to `most` messages at a time to these partitions, with a moment of at most `pause` in between, until
    /// `meanwhile` is over.
    pub(crate) fn send_while<T>(
        &self,
        mut orders: Orders,
        most: u64,
        pause: Duration,
        partitions: &[i32],
        meanwhile: impl FnOnce() -> T,
    ) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Also when the test panics, the other thread has to end.
            let _end = SetOnDrop(&over);
            scope.spawn(|| {
                let mut random = Random::new(most);
                while !over.load(Ordering::Relaxed) {
                    self.send(&mut orders, 1 + random.below(most) as usize, partitions);
                    let millis = random.below(1 + pause.as_millis() as u64);
                    std::thread::sleep(Duration::from_millis(millis));
                }
            });
            meanwhile()
        })
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
