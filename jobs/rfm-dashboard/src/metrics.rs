//! What the job counts and measures, for Prometheus.

use std::fmt;
use std::sync::Arc;

use service_kit::latency::Histogram;
use service_kit::prometheus_client::collector::Collector;
use service_kit::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use service_kit::prometheus_client::metrics::{
    counter::Counter, family::Family, gauge::ConstGauge,
};
use service_kit::{LabelPairs, Metrics};

use crate::batch::Batch;
use crate::live::Hub;

/// The metrics of the job. Clones are handles of the same.
#[derive(Clone, Debug)]
pub(crate) struct JobMetrics {
    pub(crate) all: Metrics,
    requests: Family<LabelPairs<2>, Counter>,
    answers: Family<LabelPairs<1>, Histogram>,
    /// Messages read from Kafka, and those that are no tagged orders.
    pub(crate) messages: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) refused_streams: Counter,
    pub(crate) failed_sign_ins: Counter,
}

impl JobMetrics {
    pub(crate) fn new() -> Self {
        let all = Metrics::new("rfm-dashboard", env!("CARGO_PKG_VERSION"));
        Self {
            requests: all.counters("requests", "Requests answered, by route and status"),
            answers: all.latencies("answer", "Time to the beginning of an answer, by route"),
            messages: all.counter("messages", "Messages read from the topic of tagged orders"),
            unreadable: all.counter("unreadable_messages", "Messages that are no tagged orders"),
            refused_streams: all.counter("refused_streams", "Event streams beyond the limit"),
            failed_sign_ins: all.counter("failed_sign_ins", "Sign-ins with a wrong secret"),
            all,
        }
    }

    /// Counts an answer. `route` is one of a fixed set.
    pub(crate) fn answered(&self, route: &str, status: u16, time: std::time::Duration) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.answers.get_or_create(&[("route", route.to_owned())]).record(time);
    }

    /// Adds what is asked for at each scrape.
    pub(crate) fn watch(&self, hub: Arc<Hub>, batch: Arc<Batch>) {
        self.all.collect(State { hub, batch });
    }
}

/// Gauges of the moment.
struct State {
    hub: Arc<Hub>,
    batch: Arc<Batch>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (orders, bytes) = self.hub.ring();
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("streams", "Open event streams", number(self.hub.streams())),
            ("ring_orders", "Live orders kept in memory", number(orders)),
            ("ring_bytes", "Memory of live orders", number(bytes)),
            (
                "cache_bytes",
                "Memory of what is kept of snapshots",
                number(self.batch.memory_bytes()),
            ),
            ("snapshots", "Snapshots in the catalog", number(self.batch.snapshots().all().len())),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
