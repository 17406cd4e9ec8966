//! What the job counts and measures, for Prometheus.

use std::time::{SystemTime, UNIX_EPOCH};

use order_message::Reason;
use segment_index::SegmentIndex;
use service_kit::latency::Histogram;
use service_kit::prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use service_kit::{LabelPairs, Metrics};
use stream_sink::source::Source;

/// The metrics of the job. Clones are handles of the same.
#[derive(Clone, Debug)]
pub(crate) struct JobMetrics {
    pub(crate) all: Metrics,
    orders: Family<LabelPairs<1>, Counter>,
    rejected: Family<LabelPairs<1>, Counter>,
    lag: Family<LabelPairs<2>, Gauge>,
    committed: Family<LabelPairs<2>, Gauge>,
    /// Messages read.
    pub(crate) messages: Counter,
    /// Orders and rejected messages that readers can see.
    pub(crate) published: Counter,
    pub(crate) restarts: Counter,
    pub(crate) publish_failures: Counter,
    /// From the time a message carries to its being tagged.
    pub(crate) latency: Histogram,
    pub(crate) commit: Histogram,
    pub(crate) publish: Histogram,
    /// From the first message of a batch being read to the batch being committed.
    pub(crate) visible: Histogram,
    customers: Gauge,
    segment_bytes: Gauge,
    snapshot_day: Gauge,
    segments_loaded: Gauge,
}

impl JobMetrics {
    pub(crate) fn new() -> Self {
        let all = Metrics::new("rfm-streaming", env!("CARGO_PKG_VERSION"));
        Self {
            orders: all.counters("orders", "Orders tagged, by segment"),
            rejected: all.counters("rejected", "Messages that are no orders, by reason"),
            lag: all.gauges("lag", "Messages in Kafka that are not read yet, by Kafka partition"),
            committed: all.gauges("committed_offset", "First offset that is not committed"),
            messages: all.counter("messages", "Messages read"),
            published: all.counter("published", "Rows that readers of the tables can see"),
            restarts: all.counter("restarts", "Times everything was opened again after an error"),
            publish_failures: all
                .counter("publish_failures", "Failed tries to make committed rows visible"),
            latency: all.latency("latency", "From a message's timestamp to its being tagged"),
            commit: all.latency("commit", "Completing the files of a batch and committing them"),
            publish: all.latency("publish", "Making committed files visible"),
            visible: all.latency("batch", "From the first message of a batch to its commit"),
            customers: all.gauge("segment_customers", "Customers in the segments in use"),
            segment_bytes: all.gauge("segment_bytes", "Memory of the segments in use"),
            snapshot_day: all.gauge(
                "snapshot_timestamp_seconds",
                "Midnight of the snapshot in use, as a Unix time; 0 without one",
            ),
            segments_loaded: all
                .gauge("segments_loaded_timestamp_seconds", "When the segments in use were loaded"),
            all,
        }
    }

    pub(crate) fn tagged(&self, segment: &str, orders: u64) {
        self.orders.get_or_create(&[("segment", segment.to_owned())]).inc_by(orders);
    }

    pub(crate) fn rejected(&self, reason: Reason) {
        self.rejected.get_or_create(&[("reason", reason.as_str().to_owned())]).inc();
    }

    pub(crate) fn lag(&self, source: &Source, messages: i64) {
        self.lag.get_or_create(&labels(source)).set(messages);
    }

    pub(crate) fn committed(&self, source: &Source, offset: i64) {
        self.committed.get_or_create(&labels(source)).set(offset);
    }

    /// Forgets a Kafka partition that is somebody else's now.
    pub(crate) fn forget(&self, source: &Source) {
        self.lag.remove(&labels(source));
        self.committed.remove(&labels(source));
    }

    pub(crate) fn segments(&self, segments: &SegmentIndex) {
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.customers.set(size(segments.len()));
        self.segment_bytes.set(size(segments.memory_bytes()));
        let day = segments
            .snapshot()
            .and_then(|snapshot| snapshot.date.as_str().parse::<order_model::Date>().ok());
        self.snapshot_day.set(day.map_or(0, |day| i64::from(day.days()) * 86_400));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.segments_loaded.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    }
}

fn labels(source: &Source) -> LabelPairs<2> {
    [("topic", source.topic.clone()), ("partition", source.partition.to_string())]
}
