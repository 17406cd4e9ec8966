//! What Kafka was given and has confirmed, message by message.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use super::orders::{Fate, Message};

/// Kafka partition and offset.
pub(crate) type Key = (i32, i64);

/// What was produced to a topic. A topic that was created anew has had several messages of the same offset.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    messages: Mutex<BTreeMap<Key, Vec<Message>>>,
}

impl Ledger {
    pub(crate) fn add(&self, key: Key, message: Message) {
        self.messages().entry(key).or_default().push(message);
    }

    pub(crate) fn messages(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<Message>>> {
        self.messages.lock().unwrap()
    }

    /// Takes out what the program is not to find: messages of a partition with `offset` in a range.
    pub(crate) fn lose(&self, partition: i32, offsets: std::ops::Range<i64>) {
        self.messages().retain(|key, _| key.0 != partition || !offsets.contains(&key.1));
    }

    /// Number of messages.
    pub(crate) fn len(&self) -> usize {
        self.messages().values().map(Vec::len).sum()
    }

    /// Number of orders by day, and of rejected messages.
    pub(crate) fn counts(&self) -> (BTreeMap<String, usize>, usize) {
        let (mut by_day, mut rejected) = (BTreeMap::new(), 0);
        for message in self.messages().values().flatten() {
            match &message.fate {
                Fate::Tagged { day, .. } => *by_day.entry(day.clone()).or_default() += 1,
                Fate::Rejected { .. } => rejected += 1,
            }
        }
        (by_day, rejected)
    }

    /// The offset after the last one of each partition.
    pub(crate) fn ends(&self) -> BTreeMap<i32, i64> {
        self.messages().keys().map(|(partition, offset)| (*partition, offset + 1)).collect()
    }
}
