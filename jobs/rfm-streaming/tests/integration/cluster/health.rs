//! What it says of itself over HTTP.

use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::{CUSTOMERS, Orders};
use crate::support::place::Place;
use crate::support::topic::Topic;
use crate::support::wait_until;

#[test]
fn metrics_and_health() {
    let cluster = Cluster::shared(&[Part::Kafka, Part::Metastore]);
    let place = Place::on_cluster(cluster, "health");
    let topic = Topic::create(&place.brokers, "health", 2);
    place.publish_segments("2011-12-10", (1..=CUSTOMERS as i64).map(|id| (id, 3)).collect());
    let job = Job::new(&place, &topic).arg("--listen").arg("127.0.0.1:0");
    let mut running = job.start();
    wait_until("it is ready", || running.get("/readyz").status == 200);
    let health = running.get("/healthz");
    assert_eq!((health.status, health.body.trim()), (200, "{\"status\":\"live\"}"));

    topic.send(&mut Orders::of_days(51, &["2011-12-08", "2011-12-09"]), 300, &[0, 1]);
    let published = "rfm_streaming_published_total";
    wait_until("all is visible", || running.metric(published) == Some(300.0));
    let (by_day, rejected) = topic.ledger.counts();
    let tagged = by_day.values().sum::<usize>() as f64;
    let metrics = running.get("/metrics").body;
    let sum = |name: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    assert_eq!(sum("rfm_streaming_messages_total "), 300.0, "{metrics}");
    assert_eq!(sum("rfm_streaming_orders_total{"), tagged, "{metrics}");
    assert_eq!(sum("rfm_streaming_rejected_total{"), rejected as f64, "{metrics}");
    assert_eq!(sum("rfm_streaming_segment_customers "), CUSTOMERS as f64, "{metrics}");
    assert_eq!(sum("rfm_streaming_committed_offset{"), 300.0, "{metrics}");
    assert_eq!(sum("rfm_streaming_restarts_total "), 0.0, "{metrics}");
    for (segment, least) in [("High Value VIP", 1.0), ("Unknown", 1.0)] {
        let labels = format!("rfm_streaming_orders_total{{segment=\"{segment}\"}}");
        assert!(sum(&labels) >= least, "{metrics}");
    }
    // The lag is what Kafka said last, so it may come to 0 a little later.
    for partition in 0..2 {
        let labels = format!("topic=\"{}\",partition=\"{partition}\"", topic.name);
        let lag = format!("rfm_streaming_lag{{{labels}}}");
        wait_until("no lag", || running.metric(&lag) == Some(0.0));
    }
    running.stop();
    place.check_at_rest(&topic);
}
