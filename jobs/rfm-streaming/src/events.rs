//! What the writing and the publishing threads report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stream_sink::error::SinkError;
use stream_sink::source::Source;

/// A report.
pub(crate) enum Event {
    /// A batch is committed: it will be visible, whatever happens.
    Committed(Box<Committed>),
    /// Rows have become visible.
    Published { rows: u64, took: Duration },
    /// Committed rows cannot be made visible now; it is tried again.
    NotPublished(SinkError),
    /// Nothing can be written any more before everything is opened again.
    Failed(SinkError),
    /// Committed rows cannot be made visible, and trying again does not help.
    CannotPublish(SinkError),
}

/// What a batch holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub number: u64,
    /// Messages read.
    pub messages: u64,
    /// Orders by segment code; those without segment are not in it.
    pub by_segment: BTreeMap<String, u64>,
    pub unknown: u64,
    pub rejected: u64,
    /// Offsets read of each Kafka partition: first, and the one after the last.
    pub offsets: BTreeMap<Source, (i64, i64)>,
    /// When the first of its messages was read.
    pub began: Option<Instant>,
    /// From being produced to being tagged.
    pub latency_p50: Option<Duration>,
    pub latency_p99: Option<Duration>,
}

/// A committed batch.
#[derive(Debug)]
pub(crate) struct Committed {
    pub batch: Batch,
    pub ends: BTreeMap<Source, i64>,
    /// Completing the files, and appending to the logs.
    pub took: Duration,
}
