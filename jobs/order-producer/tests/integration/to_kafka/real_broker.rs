//! What only a real broker does: topics that are not there, outages, logins.

use std::collections::HashSet;
use std::process::Stdio;

use order_message::{Decoder, Limits};
use order_model::Timestamp;
use test_cluster::{Cluster, Daemon, Part};

use super::topic::{ends, read, totals, unique, wait_for};
use crate::program::{check_ok, producer, run};

#[test]
fn a_topic_is_created_only_if_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let brokers = Cluster::shared(&[Part::Kafka]).kafka_brokers();
    let topic = unique("created");
    let args = ["--brokers", brokers, "--topic", &topic, "--count", "50", "--rate", "max"];
    let output = run(folder.path(), &args);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    let message = format!("error: Kafka at {brokers} has no topic '{topic}'");
    assert!(log.contains(&message) && log.contains("producer.create_topic="), "{log}");
    let create = ["--set", "producer.create_topic={ partitions = 3, replication = 1 }"];
    let output = check_ok(folder.path(), &[&args[..], &create].concat());
    assert_eq!(totals(&output), (50, 50));
    // And one that is there is used.
    check_ok(folder.path(), &[&args[..], &create].concat());
    let ends = ends(brokers, &topic).unwrap();
    assert_eq!((ends.len(), ends.iter().sum::<i64>()), (3, 100));
}

#[test]
fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::private(&[Part::Kafka]);
    let brokers = cluster.kafka_brokers();
    let child = producer(folder.path())
        .args(["--brokers", brokers, "--topic", "outage", "--count", "30000", "--rate", "4000"])
        // So that no two orders are equal.
        .args(["--set", "producer.dirt.duplicates=0"])
        .args(["--set", "producer.create_topic={ partitions = 3, replication = 1 }"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(brokers, "outage", 3_000);
    cluster.kill(Daemon::Kafka);
    cluster.start(Daemon::Kafka);
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(totals(&output), (30_000, 30_000));
    let (mut decoder, mut lines) = (Decoder::new(), HashSet::new());
    let limits = Limits::until(Timestamp::from_micros(4_102_444_800_000_000));
    let records = read(brokers, "outage");
    for record in &records {
        let order = decoder.decode(record.value.as_deref(), &limits).unwrap();
        lines.insert((order.invoice_no.to_owned(), order.stock_code.to_owned()));
    }
    assert_eq!((records.len(), lines.len()), (30_000, 30_000));
}

#[test]
fn msk_takes_orders_and_wants_its_topics_made_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::shared(&[Part::Kafka]);
    let envs = cluster.envs();
    let env = |name: &str| envs.iter().find(|(n, _)| n == name).unwrap().1.clone();
    let topic = unique("msk");
    let create = "producer.create_topic={ partitions = 2, replication = 1 }";
    let iam = |args: &[&str]| {
        producer(folder.path())
            .args(["--brokers", cluster.kafka_iam_brokers(), "--topic", &topic])
            .args(["--count", "100", "--rate", "max", "--set", "kafka.security=iam"])
            .args(["--set", &format!("kafka.ca_file={}", cluster.kafka_ca().display())])
            .args(["--set", &format!("kafka.region={}", env("RFM_MSK_REGION"))])
            .args(args)
            .env("AWS_ACCESS_KEY_ID", env("RFM_MSK_ACCESS_KEY_ID"))
            .env("AWS_SECRET_ACCESS_KEY", env("RFM_MSK_SECRET_ACCESS_KEY"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap()
    };
    let output = iam(&["--set", create]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("create it with kafka-topics.sh"), "{log}");
    let plain = ["--brokers", cluster.kafka_brokers(), "--topic", &topic, "--count", "1"];
    check_ok(folder.path(), &[&plain[..], &["--set", create]].concat());
    let output = iam(&[]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(totals(&output), (100, 100));
    assert_eq!(ends(cluster.kafka_brokers(), &topic).unwrap().iter().sum::<i64>(), 101);
}
