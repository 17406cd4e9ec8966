//! How it ends: stopped, unread, without a broker.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use kafka_client::EmbeddedBroker;

use super::topic::{ends, read, totals, wait_for};
use crate::program::{check_ok, producer, run};

fn spawn(folder: &std::path::Path, brokers: &str, args: &[&str]) -> Child {
    producer(folder)
        .args(["--brokers", brokers])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn stopped_it_brings_home_what_was_sent() {
    for (name, rate) in [("-TERM", "3000"), ("-INT", "max")] {
        let folder = tempfile::tempdir().unwrap();
        let broker = EmbeddedBroker::start(&[("orders", 3)]).unwrap();
        let brokers = broker.bootstrap_servers();
        let child = spawn(folder.path(), brokers, &["--rate", rate]);
        wait_for(brokers, "orders", 500);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let (delivered, sent) = totals(&output);
        let there: i64 = ends(brokers, "orders").unwrap().iter().sum();
        assert_eq!((delivered, sent), (there as u64, there as u64));
    }
}

#[test]
fn a_reader_that_has_enough_ends_it_without_loss() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let mut child = spawn(folder.path(), broker.bootstrap_servers(), &["--rate", "20"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("✅ Sent: invoice 600000  "), "{line}");
    assert!(line.ends_with("  orders[0]@0\n"), "{line}");
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(!log.contains("error"), "{log}");
}

#[test]
fn it_ends_after_a_time_or_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("a", 1), ("b", 1)]).unwrap();
    let brokers = broker.bootstrap_servers();
    let output = check_ok(
        folder.path(),
        &["--brokers", brokers, "--topic", "a", "--rate", "200", "--duration", "1s"],
    );
    let (delivered, sent) = totals(&output);
    // One at once, and 200 in the second after it; fewer on a busy machine.
    assert!(delivered == sent && (1..=201).contains(&sent), "{sent}");
    assert_eq!(read(brokers, "a").len() as u64, sent);
    let output = check_ok(
        folder.path(),
        &["--brokers", brokers, "--topic", "b", "--rate", "1e3", "--count", "7"],
    );
    assert_eq!((totals(&output), read(brokers, "b").len()), ((7, 7), 7));
}

#[test]
fn quiet_says_nothing_and_json_is_for_machines() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let args = ["--brokers", broker.bootstrap_servers(), "--count", "3", "--rate", "20"];
    let quiet = check_ok(folder.path(), &[&args[..], &["--quiet"]].concat());
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let json = check_ok(folder.path(), &[&args[..], &["--log-format", "json"]].concat());
    assert!(json.stdout.is_empty());
    let log = String::from_utf8(json.stderr).unwrap();
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    let sent = log.lines().filter(|line| line.contains("\"message\":\"sent\"")).count();
    let total = log.lines().last().unwrap();
    assert_eq!(sent, 3, "{log}");
    for part in ["\"message\":\"finished\"", "\"sent\":3", "\"delivered\":3", "\"failed\":0"] {
        assert!(total.contains(part), "{part}: {total}");
    }
}

#[test]
fn messages_that_cannot_be_sent_are_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let brokers = broker.bootstrap_servers();
    let output = run(
        folder.path(),
        &[
            "--brokers",
            brokers,
            "--count",
            "200",
            "--rate",
            "max",
            "--fault-rate",
            "0.5",
            "--set",
            "producer.faults=[\"oversized\"]",
            "--set",
            "kafka.options.message.max.bytes=2000",
        ],
    );
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    let (delivered, sent) = totals(&output);
    assert!(sent == 200 && (50..150).contains(&delivered), "{delivered}");
    assert_eq!(read(brokers, "orders").len() as u64, delivered);
    let lost = 200 - delivered;
    let message = format!("error: {lost} of 200 messages were not delivered: {lost} x larger than");
    assert!(log.contains(&message), "{log}");
}

#[test]
fn a_broker_that_goes_for_good_is_worth_a_retry() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let brokers = broker.bootstrap_servers().to_owned();
    let child = spawn(
        folder.path(),
        &brokers,
        &["--rate", "200", "--count", "2000", "--set", "producer.delivery_timeout=2s"],
    );
    wait_for(&brokers, "orders", 100);
    drop(broker);
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{log}");
    let (delivered, sent) = totals(&output);
    assert!(sent == 2_000 && (100..2_000).contains(&delivered), "{delivered}");
    for part in [
        format!("error: {} of 2000 messages were not delivered: ", sent - delivered),
        "no broker confirmed it in time (producer.delivery_timeout)".to_owned(),
        format!("no Kafka broker answers at {brokers}"),
    ] {
        assert!(log.contains(&part), "{part}: {log}");
    }
}

#[test]
fn stopped_without_a_broker_it_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", 1)]).unwrap();
    let brokers = broker.bootstrap_servers().to_owned();
    let mut child = spawn(folder.path(), &brokers, &["--rate", "500"]);
    wait_for(&brokers, "orders", 100);
    drop(broker);
    // That it noticed.
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("no Kafka broker answers") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended too early");
    }
    signal(&child, "-TERM");
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{rest}");
    let (delivered, sent) = totals(&output);
    assert!(delivered < sent, "{delivered} of {sent}");
    assert!(rest.contains(&format!("{} of {sent} messages were not delivered", sent - delivered)));
    assert!(rest.contains("when the time to stop was over"), "{rest}");
}
