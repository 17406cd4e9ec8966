//! What a stream of rows is numbered by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A partition of a Kafka topic. Its messages have ascending offsets; some may be missing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Name of the topic: letters, digits, `.`, `_` and `-`.
    pub topic: String,
    /// Number of the partition, from 0.
    pub partition: i32,
}

impl fmt::Display for Source {
    /// `orders[3]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}
