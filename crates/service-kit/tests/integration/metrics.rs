//! What the metrics say, read by a parser of their format.

use std::time::Duration;

use service_kit::{LabelPairs, Metrics};

use crate::exposition::Exposition;

fn shown(metrics: &Metrics) -> Exposition {
    Exposition::parse(&metrics.encode().unwrap())
}

#[test]
fn of_the_job() {
    let metrics = Metrics::new("test-job", "1.2.3");
    let orders = metrics.counter("orders", "Orders");
    let rejected = metrics.counters::<LabelPairs<1>>("rejected", "Rejected, by reason");
    let lag = metrics.gauge("lag_messages", "Lag");
    let per_partition = metrics.gauges::<LabelPairs<2>>("position", "Position");
    orders.inc_by(3);
    let reason = |reason: &str| [("reason", reason.to_owned())];
    rejected.get_or_create(&reason("malformed")).inc();
    rejected.get_or_create(&reason("a \"b\"\n\\")).inc_by(2);
    lag.set(-4);
    let partition = [("topic", "orders".to_owned()), ("partition", "0".to_owned())];
    per_partition.get_or_create(&partition).set(1 << 53);

    let shown = shown(&metrics);
    assert_eq!(shown.value("test_job_orders_total"), 3.0);
    assert_eq!(shown.value("test_job_lag_messages"), -4.0);
    assert_eq!(shown.value("test_job_position"), 2f64.powi(53));
    let mut rejected = shown.by_label("test_job_rejected_total", "reason");
    rejected.sort_by_key(|&(_, value)| value as u64);
    assert_eq!(rejected, [("malformed", 1.0), ("a \"b\"\n\\", 2.0)]);
    assert_eq!(shown.families["test_job_rejected"], "counter");
    assert_eq!(shown.families["test_job_position"], "gauge");
}

#[test]
fn of_the_process() {
    let metrics = Metrics::new("test-job", "1.2.3");
    let before = shown(&metrics);
    let info = before.samples.iter().find(|sample| sample.name == "build_info").unwrap();
    let labels: Vec<_> = info.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("program", "test-job"), ("version", "1.2.3")]);
    assert_eq!(info.value, 1.0);

    let memory = vec![1u8; 64 << 20];
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(std::thread::park)).collect();
    let during = shown(&metrics);
    assert!(during.value("process_resident_memory_bytes") > 64e6, "{}", memory.len());
    for thread in threads {
        thread.thread().unpark();
        thread.join().unwrap();
    }
    assert!(during.value("process_threads") >= 5.0);
    let value = |name: &str| during.value(name);
    assert!(value("process_peak_resident_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    assert!((3.0..value("process_max_fds")).contains(&value("process_open_fds")));
    assert!(value("process_start_time_seconds") > 1.6e9);
    assert_eq!(during.families["process_cpu_seconds"], "counter");
    // it grows: some work, until a tick has gone by
    let start = before.value("process_cpu_seconds_total");
    crate::wait_for("growth", || shown(&metrics).value("process_cpu_seconds_total") > start);
}

#[test]
fn latencies_as_cumulative_buckets() {
    let metrics = Metrics::new("test-job", "1.2.3");
    let commits = metrics.latency("commit_duration", "Time of a commit");
    // on both sides of an end, below the first and above the last
    for micros in [1, 64, 65, 1024, 1025, 1 << 31, (1 << 31) + 1, 3_600_000_000] {
        commits.record(Duration::from_micros(micros));
    }
    let shown = shown(&metrics);
    let name = "test_job_commit_duration_seconds";
    assert_eq!(shown.families[name], "histogram");
    let buckets = shown.by_label(&format!("{name}_bucket"), "le");
    assert_eq!(buckets.len(), 27);
    let count = |end: &str| buckets.iter().find(|(le, _)| *le == end).unwrap().1;
    assert_eq!(count("0.000064"), 2.0);
    assert_eq!(count("0.000128"), 3.0);
    assert_eq!(count("0.001024"), 4.0);
    assert_eq!(count("0.002048"), 5.0);
    assert_eq!(count("2147.483648"), 6.0);
    assert_eq!(buckets[26], ("+Inf", 8.0));
    assert!(buckets.is_sorted_by_key(|&(_, count)| count));
    assert!(buckets.is_sorted_by_key(|(le, _)| le.parse::<f64>().unwrap()));
    assert_eq!(shown.value(&format!("{name}_count")), 8.0);
    let sum = (1 + 64 + 65 + 1024 + 1025 + (1u64 << 32) + 1 + 3_600_000_000) as f64 / 1e6;
    assert!((shown.value(&format!("{name}_sum")) - sum).abs() < 1e-6);
}

#[test]
fn latencies_by_label() {
    let metrics = Metrics::new("test-job", "1.2.3");
    let steps = metrics.latencies::<LabelPairs<1>>("step", "Time of a step");
    for step in ["write", "publish"] {
        let histogram = steps.get_or_create_owned(&[("step", step.to_owned())]);
        histogram.record(Duration::from_millis(2));
    }
    let shown = shown(&metrics);
    let mut counts = shown.by_label("test_job_step_seconds_count", "step");
    counts.sort_by_key(|&(step, _)| step);
    assert_eq!(counts, [("publish", 1.0), ("write", 1.0)]);
}

#[test]
fn the_same_name_twice() {
    let metrics = Metrics::new("test-job", "1.2.3");
    let first = metrics.counter("orders", "Orders");
    let second = metrics.gauge("orders", "Orders too");
    first.inc();
    second.set(5);
    assert_eq!(shown(&metrics).value("test_job_orders_total"), 1.0);
    // of another unit it is another name
    metrics.latency("orders", "Time for orders");
    assert_eq!(shown(&metrics).value("test_job_orders_seconds_count"), 0.0);
}
