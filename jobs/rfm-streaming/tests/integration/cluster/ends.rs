//! How it ends: told to, or because something is wrong from the start.

use std::time::{Duration, Instant};

use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::tables::Tables;
use crate::support::topic::Topic;

const DAYS: [&str; 2] = ["2011-12-08", "2011-12-09"];
const PARTITIONS: [i32; 3] = [0, 1, 2];

fn open(name: &str) -> (Place, Topic) {
    let place = Place::on_cluster(Cluster::shared(&[Part::Kafka, Part::Metastore]), name);
    let topic = Topic::create(&place.brokers, name, 3);
    (place, topic)
}

/// A number from the last line: `done: 1,234 messages in 5 batches: ...`.
fn messages_done(stdout: &str) -> usize {
    let line = stdout.lines().find_map(|line| line.strip_prefix("done: ")).unwrap();
    line.split(' ').next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn told_to_stop_while_messages_come() {
    let (place, topic) = open("term");
    // Most of what is read when the signal comes is not committed.
    let job = Job::new(&place, &topic).set("streaming.flush_interval", "2s");
    let mut committed = 0;
    let orders = Orders::of_days(41, &DAYS);
    topic.send_while(orders, 300, Duration::from_millis(50), &PARTITIONS, || {
        for signal in ["TERM", "INT", "TERM"] {
            let mut running = job.start();
            running.wait_for("a batch", |running| running.batches() > 0);
            running.signal(signal);
            let ended = running.wait();
            assert_eq!(ended.code, Some(0), "{ended}");
            // All that it has read, of which it has told.
            committed += messages_done(&ended.stdout);
            let ends: i64 = place.committed(&topic).values().sum();
            assert_eq!(ends, committed as i64, "{ended}");
            // On a busy machine it may have no time for it.
            if !ended.stderr.contains("not visible yet") {
                let tables = Tables::read(&place);
                assert_eq!(tables.tagged.len() + tables.rejected.len(), committed, "{ended}");
            }
        }
    });
    job.catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn told_to_stop_while_nothing_comes() {
    let (place, topic) = open("term_idle");
    let job = Job::new(&place, &topic).set("streaming.flush_interval", "10m");
    let mut running = job.start();
    topic.send(&mut Orders::of_days(42, &DAYS), 90, &PARTITIONS);
    running.wait_for_log("taken over source");
    running.stop();
    // Whether it had read them or not.
    job.catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn at_most_so_many_messages() {
    let (place, topic) = open("most");
    let mut orders = Orders::of_days(43, &DAYS);
    topic.send(&mut orders, 900, &PARTITIONS);
    let ended = Job::new(&place, &topic)
        .set("streaming.flush_interval", "10m")
        .arg("--max-messages")
        .arg("100")
        .run();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(
        ended.stdout.lines().filter(|line| line.starts_with("batch ")).count(),
        1,
        "{ended}"
    );
    assert!(messages_done(&ended.stdout) >= 100, "{ended}");
    Job::new(&place, &topic).arg("--no-batches").catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn what_is_wrong_from_the_start() {
    let (place, topic) = open("wrong");
    let job = Job::new(&place, &topic).set("kafka.connect_timeout", "3s");

    let near = topic.name.replace("wrong", "worng");
    let patient = job.clone().set("kafka.connect_timeout", "60s");
    let ended = patient.set("streaming.topic", &near).run();
    let hint = format!("'{}'", topic.name);
    ended.assert_fails(1, &[&format!("has no topic '{near}'"), &hint]);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = job.clone().arg("--brokers").arg(&nobody.to_string()).run();
    ended.assert_fails(3, &[&nobody.to_string()]);

    let cluster = Cluster::shared(&[Part::Kafka]);
    let ca = cluster.kafka_ca().to_str().unwrap();
    let iam = job
        .clone()
        .arg("--brokers")
        .arg(cluster.kafka_iam_brokers())
        .set("kafka.security", "iam")
        .set("kafka.region", cluster.value("RFM_MSK_REGION"))
        .set("kafka.ca_file", ca)
        .set("kafka.connect_timeout", "60s")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", cluster.value("RFM_MSK_ACCESS_KEY_ID"));
    let ended = iam.clone().env("AWS_SECRET_ACCESS_KEY", "geheim").run();
    ended.assert_fails(1, &[cluster.kafka_iam_brokers(), "refuses the AWS credentials"]);
    assert!(!ended.stderr.contains("geheim") && !ended.stderr.contains("X-Amz"), "{ended}");

    let scram = job
        .clone()
        .arg("--brokers")
        .arg(cluster.kafka_scram_brokers())
        .set("kafka.security", "scram-sha-512")
        .set("kafka.ca_file", ca)
        .set("kafka.username", "stranger")
        .set("kafka.password", "geheim")
        .set("kafka.connect_timeout", "60s");
    let ended = scram.run();
    ended.assert_fails(1, &[cluster.kafka_scram_brokers()]);
    assert!(!ended.stderr.contains("geheim"), "{ended}");

    let ended = job.clone().set("streaming.start", "yesterday").run();
    ended.assert_fails(2, &["streaming.start"]);

    // And what is right works, over the same listeners.
    topic.send(&mut Orders::of_days(44, &DAYS), 90, &PARTITIONS);
    iam.env("AWS_SECRET_ACCESS_KEY", cluster.value("RFM_MSK_SECRET_ACCESS_KEY")).catch_up();
    place.check_at_rest(&topic);
}

/// Two jobs that do not know of each other: whatever they do, nothing is doubled, and one of them gives up.
#[test]
fn two_groups_on_the_same_tables() {
    let (place, topic) = open("groups");
    let mut orders = Orders::of_days(45, &DAYS);
    let job = Job::new(&place, &topic);
    let mut jobs = [
        // What it takes for lost it would read again from the start.
        job.clone()
            .set("streaming.group", &format!("{}-a", topic.name))
            .set("streaming.on_lost_offsets", "continue")
            .start(),
        job.clone().set("streaming.group", &format!("{}-b", topic.name)).start(),
    ];
    let start = Instant::now();
    while !jobs.iter_mut().any(|job| job.has_ended()) {
        assert!(start.elapsed() < Duration::from_secs(240), "neither gives up");
        topic.send(&mut orders, 60, &PARTITIONS);
        std::thread::sleep(Duration::from_millis(100));
    }
    let [mut one, other] = jobs;
    let (loser, winner) = if one.has_ended() { (one, other) } else { (other, one) };
    let problem = "is written by somebody else now";
    loser.wait().assert_fails(1, &[&topic.name, problem, "kafka groups"]);
    // The other one takes back what it was the last to lose.
    topic.send(&mut orders, 60, &PARTITIONS);
    place.wait_until_committed(&topic);
    winner.stop();
    job.catch_up();
    place.check_at_rest(&topic);
}
