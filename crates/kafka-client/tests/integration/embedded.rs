use std::process::Command;
use std::time::Duration;

use kafka_client::{Connection, EmbeddedBroker, ProblemKind};

use crate::helper::{exchange, problem, receive};

#[test]
fn messages_go_through_it_and_groups_keep_their_place() {
    let broker = EmbeddedBroker::start(&[("orders", 1), ("others", 7)]).unwrap();
    let connection = Connection::new(&broker.settings(), "test").unwrap();
    exchange(&connection, "orders", "g", &["a", "b"]);
    // The same group goes on where it was; another begins at the beginning.
    exchange(&connection, "orders", "g", &["c"]);
    assert_eq!(receive(&connection, "orders", "h", 3), ["a", "b", "c"]);

    let topic = |name| connection.check_topic(name, Duration::from_secs(30)).unwrap();
    assert_eq!((topic("orders").partitions, topic("others").partitions), (1, 7));
    broker.create_topic("late", 3).unwrap();
    assert_eq!(topic("late").partitions, 3);
}

#[test]
fn other_processes_reach_it_until_it_ends() {
    let broker = EmbeddedBroker::start(&[("orders", 3)]).unwrap();
    let settings = broker.settings();
    let output = check(broker.bootstrap_servers());
    assert_eq!(output, "orders: 3 partitions\n");

    drop(broker);
    let connection = Connection::new(&settings, "test").unwrap();
    problem(&connection, ProblemKind::NoBroker, Duration::from_secs(1));
}

#[test]
fn a_topic_needs_partitions() {
    let error = EmbeddedBroker::start(&[("orders", 0)]).unwrap_err().to_string();
    assert!(error.ends_with("the topic 'orders' cannot have 0 partitions"), "{error}");
}

/// What the example prints, as a process of its own.
fn check(brokers: &str) -> String {
    let output = Command::new(crate::iam::example("check"))
        .env("RFM_KAFKA__BROKERS", brokers)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
