//! Runs that nobody disturbs: to the end, on from there, with segments that come and change.

use std::collections::BTreeMap;

use order_model::Date;
use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::{CUSTOMERS, Orders};
use crate::support::place::{Place, Snapshot};
use crate::support::topic::Topic;
use crate::support::wait_until;

/// Segments of every second customer; others than those of another `turn`.
fn snapshot(turn: i64) -> Snapshot {
    let customers = (1..=CUSTOMERS as i64).filter(|id| (id + turn) % 2 == 0);
    customers.map(|id| (id, ((id / 2 + turn) % 4) as i32)).collect()
}

#[test]
fn a_run_goes_on_where_the_last_one_ended() {
    let cluster = Cluster::shared(&[Part::Kafka, Part::Hive]);
    let place = Place::on_cluster(cluster, "runs");
    let topic = Topic::create(&place.brokers, "runs", 3);
    let mut orders = Orders::of_days(1, &["2011-12-08", "2011-12-09", "2012-02-29"]);
    place.publish_segments("2011-12-10", snapshot(0));
    let job = Job::new(&place, &topic);

    topic.send(&mut orders, 900, &[0, 1, 2]);
    let first = job.catch_up();
    assert_eq!(first.messages(), 900, "{first}");
    let tables = place.check_at_rest(&topic);
    assert_eq!(tables.snapshots(0), [Some("2011-12-10".to_owned())]);

    // nothing has come since
    let second = job.catch_up();
    assert_eq!(second.messages(), 0, "{second}");
    assert!(second.stdout.contains("done: 0 messages in 0 batches"), "{second}");
    assert_eq!(place.check_at_rest(&topic).files, tables.files);

    // one partition has more, another day among it
    let mut orders = Orders::of_days(2, &["2011-12-09", "2012-03-01"]);
    topic.send(&mut orders, 300, &[1]);
    let third = job.catch_up();
    assert_eq!(third.messages(), 300, "{third}");
    place.check_at_rest(&topic);
    place.check_in_hive(&mut cluster.beeline(), &topic);

    // Kafka was told, for those who watch the lag.
    let ends: BTreeMap<i32, i64> = topic.ledger.ends();
    let told = topic.group_offsets(&topic.name, 3);
    assert_eq!(told, ends.values().map(|end| Some(*end)).collect::<Vec<_>>());
}

#[test]
fn segments_come_and_change_while_it_runs() {
    let cluster = Cluster::shared(&[Part::Kafka, Part::Hive]);
    let place = Place::on_cluster(cluster, "segments");
    let topic = Topic::create(&place.brokers, "segments", 2);
    let mut orders = Orders::of_days(3, &["2011-12-08", "2011-12-09"]);
    // Rows of several snapshots are in one batch, too.
    let job = Job::new(&place, &topic)
        .set("streaming.flush_interval", "1s")
        .arg("--listen")
        .arg("127.0.0.1:0");

    // not even the table is there
    topic.send(&mut orders, 100, &[0, 1]);
    let mut running = job.start();
    running.wait_for_log("no segments are published yet");
    running.wait_for_messages(100);
    let dates = ["2011-12-10", "2011-12-11", "2011-12-12"];
    for (turn, date) in (0..).zip(dates) {
        topic.send(&mut orders, 100, &[0, 1]);
        place.publish_segments(date, snapshot(turn));
        let midnight = date.parse::<Date>().unwrap().midnight().micros() / 1_000_000;
        wait_until("the snapshot is in use", || {
            running.metric("rfm_streaming_snapshot_timestamp_seconds") == Some(midnight as f64)
        });
        let before = running.messages();
        topic.send(&mut orders, 100, &[0, 1]);
        running.wait_for_messages(before + 100);
    }
    running.wait_for_messages(700);
    place.wait_until_visible(&topic);
    running.stop();
    let tables = place.check_at_rest(&topic);
    let expected: Vec<_> =
        [None].into_iter().chain(dates.map(|date| Some(date.to_owned()))).collect();
    assert_eq!(tables.snapshots(0), expected);
    assert_eq!(tables.snapshots(1), expected);

    // an older date is not shown by the view, so it is not used
    place.publish_segments("2011-12-01", snapshot(1));
    topic.send(&mut orders, 100, &[0, 1]);
    job.catch_up();
    assert_eq!(place.check_at_rest(&topic).snapshots(0), expected);
    let used: Vec<String> = tables.tagged.iter().map(|row| row.segment.clone()).collect();
    assert!(used.iter().any(|name| name == "High Value VIP"), "{used:?}");
}
