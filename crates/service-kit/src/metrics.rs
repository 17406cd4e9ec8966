//! What a job counts and measures, for Prometheus.

mod process;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use self::process::ProcessCollector;
use crate::latency::Histogram;

/// Labels of a [`Family`] by name and value, always the same names in the same order:
/// `[("reason", "malformed".to_owned())]`.
pub type LabelPairs<const N: usize> = [(&'static str, String); N];

/// The metrics of a job. Clones are handles of the same.
///
/// The job's own have the program's name as prefix: `orders` of `rfm-streaming` is `rfm_streaming_orders_total`.
/// Names are given without prefix and without the suffix of type and unit (`_total`, `_seconds`), help texts without
/// full stop. Without prefix there are those of the process (`process_...`) and `build_info{program,version}`.
///
/// A name can be registered once. A second metric of the name works, but is not shown, and an error is logged.
#[derive(Clone, Debug)]
pub struct Metrics {
    shared: Arc<RwLock<Registries>>,
}

#[derive(Debug)]
struct Registries {
    process: Registry,
    job: Registry,
    names: BTreeSet<String>,
}

impl Metrics {
    /// The metrics of `program` (`rfm-streaming`), as yet only those that every program has.
    pub fn new(program: &str, version: &str) -> Self {
        let mut process = Registry::default();
        let build = Info::new([("program", program.to_owned()), ("version", version.to_owned())]);
        process.register("build", "Which program this is", build);
        process.register_collector(Box::new(ProcessCollector::new()));
        let job = Registry::with_prefix(program.replace('-', "_"));
        let registries = Registries { process, job, names: BTreeSet::new() };
        Self { shared: Arc::new(RwLock::new(registries)) }
    }

    /// Adds a number that only grows.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.register(name, help, None, counter.clone());
        counter
    }

    /// Adds such numbers by label; the labels are e.g. [`LabelPairs`]. Keep their values few: each is a time series.
    pub fn counters<L: Labels>(&self, name: &str, help: &str) -> Family<L, Counter> {
        let family = Family::default();
        self.register(name, help, None, family.clone());
        family
    }

    /// Adds a whole number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, help, None, gauge.clone());
        gauge
    }

    /// Adds such numbers by label.
    pub fn gauges<L: Labels>(&self, name: &str, help: &str) -> Family<L, Gauge> {
        let family = Family::default();
        self.register(name, help, None, family.clone());
        family
    }

    /// Adds a histogram of durations, shown in seconds.
    pub fn latency(&self, name: &str, help: &str) -> Histogram {
        let histogram = Histogram::new();
        self.register(name, help, Some(Unit::Seconds), histogram.clone());
        histogram
    }

    /// Adds histograms of durations by label, shown in seconds.
    pub fn latencies<L: Labels>(&self, name: &str, help: &str) -> Family<L, Histogram> {
        let family = Family::default();
        self.register(name, help, Some(Unit::Seconds), family.clone());
        family
    }

    /// Adds a metric of any type.
    pub fn register(&self, name: &str, help: &str, unit: Option<Unit>, metric: impl Metric) {
        let mut registries = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let unit_name = unit.as_ref().map_or("", Unit::as_str);
        // Two families of one name make the whole answer invalid: Prometheus would refuse all of it.
        if !registries.names.insert(format!("{name}_{unit_name}")) {
            tracing::error!(metric = name, "registered twice; only the first one is shown");
            return;
        }
        match unit {
            Some(unit) => registries.job.register_with_unit(name, help, unit, metric),
            None => registries.job.register(name, help, metric),
        }
    }

    /// Adds something that is asked for its metrics on each scrape. Theirs get the job's prefix too.
    pub fn collect(&self, collector: impl Collector) {
        let mut registries = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        registries.job.register_collector(Box::new(collector));
    }

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    /// When a collector fails.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let registries = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        text::encode_registry(&mut text, &registries.process)?;
        text::encode_registry(&mut text, &registries.job)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }
}

/// What can be the labels of a metric.
pub trait Labels: EncodeLabelSet + Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<L> Labels for L where L: EncodeLabelSet + Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static
{}
