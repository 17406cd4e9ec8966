use std::net::TcpListener;
use std::time::{Duration, Instant};

use kafka_client::{Connection, KafkaError, KafkaSettings, ProblemKind};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use test_cluster::{Cluster, Daemon, Part};

use crate::helper::{self, DEADLINE, cluster, make_topic, plaintext, problem, topic, unique};

fn connect(settings: &KafkaSettings) -> Connection {
    Connection::new(settings, "test").unwrap()
}

#[test]
fn a_topic_that_is_there() {
    let cluster = cluster();
    let topic = topic(cluster, "there", 3);
    let connection = connect(&plaintext(cluster));
    let found = connection.check_topic(&topic, DEADLINE).unwrap();
    assert_eq!((found.name, found.partitions), (topic, 3));
    let brokers = connection.check(DEADLINE).unwrap().brokers;
    assert_eq!(brokers, [cluster.kafka_brokers()]);
}

#[test]
fn a_topic_that_is_not_there_is_not_made() {
    let cluster = cluster();
    let name = topic(cluster, "orders", 1);
    let connection = connect(&plaintext(cluster));
    let almost = name.replace("orders", "order");
    // The broker makes topics that are asked for: a second look finds it still missing.
    for _ in 0..2 {
        let error = connection.check_topic(&almost, DEADLINE).unwrap_err();
        assert!(!error.is_configuration() && !error.is_retryable(), "{error:?}");
        let KafkaError::UnknownTopic { topic, near, brokers } = &error else { panic!("{error:?}") };
        assert_eq!((topic, brokers.as_str()), (&almost, cluster.kafka_brokers()));
        assert!(near.contains(&name), "{near:?}");
        assert!(error.to_string().contains("did you mean '"), "{error}");
    }
    let error = connection.check_topic("no topic", DEADLINE).unwrap_err().to_string();
    assert!(error.contains("'no topic' cannot be"), "{error}");
}

#[test]
fn a_topic_that_is_made_while_it_is_looked_for() {
    let cluster = cluster();
    let name = unique("late");
    let connection = connect(&plaintext(cluster));
    std::thread::scope(|scope| {
        // So may a broker hear of it later than the one that made it.
        let found = scope.spawn(|| {
            let start = Instant::now();
            loop {
                assert!(start.elapsed() < DEADLINE, "never found");
                match connection.check_topic(&name, DEADLINE) {
                    Err(KafkaError::UnknownTopic { near, .. }) => assert!(!near.contains(&name)),
                    found => return found.unwrap(),
                }
            }
        });
        std::thread::sleep(Duration::from_millis(700));
        make_topic(cluster, &name, 2);
        assert_eq!(found.join().unwrap().partitions, 2);
    });
}

#[test]
fn no_broker_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connection = connect(&KafkaSettings::plaintext(free.to_string()));
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(1));
    assert!(
        message.starts_with(&format!("no Kafka broker answers at {free} (Connect to ")),
        "{message}"
    );
    assert!(message.contains("Connection refused): check kafka.brokers"), "{message}");
    assert!(connection.check(Duration::from_secs(1)).unwrap_err().is_retryable());

    let connection = connect(&KafkaSettings::plaintext("nowhere.invalid:9092"));
    // As long as a resolver takes to say that there is no such name.
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(8));
    assert!(message.contains("Failed to resolve 'nowhere.invalid:9092'"), "{message}");
}

#[test]
fn something_else_listens() {
    // It accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let connection = connect(&KafkaSettings::plaintext(&address));
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(1));
    assert!(message.starts_with(&format!("no Kafka broker answers at {address}")), "{message}");

    let hangs_up = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hangs_up.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in hangs_up.incoming() {
            drop(connection);
        }
    });
    let connection = connect(&KafkaSettings::plaintext(&address));
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(3));
    assert!(
        message.contains("check that they run, and that kafka.security = \"plaintext\""),
        "{message}"
    );
}

#[test]
fn a_broker_that_goes_and_comes_back() {
    let cluster = Cluster::private(&[Part::Kafka]);
    let topic = topic(&cluster, "outage", 1);
    let connection = connect(&plaintext(&cluster));
    helper::exchange(&connection, &topic, "g", &["before"]);

    let hooks = connection.context();
    let config = connection
        .client_config()
        .preset("statistics.interval.ms", "100")
        .preset("group.id", "outage")
        .build()
        .unwrap();
    let client: BaseConsumer<_> = config.create_with_context(hooks.clone()).unwrap();
    // Whoever reads has to reach the broker again; a client without anything to do may leave it at that for minutes.
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&topic, 0, Offset::End).unwrap();
    client.assign(&all).unwrap();
    let poll_until = |what: &str, reached: &dyn Fn() -> bool| {
        let end = Instant::now() + DEADLINE;
        while !reached() {
            assert!(Instant::now() < end, "not {what}: {:?}", hooks.problem());
            let _ = client.poll(Duration::from_millis(100));
        }
    };
    poll_until("statistics", &|| hooks.statistics().is_some());
    assert_eq!(hooks.problem(), None);

    cluster.kill(Daemon::Kafka);
    poll_until("a problem", &|| {
        hooks.problem().is_some_and(|problem| problem.kind == ProblemKind::NoBroker)
    });
    assert!(hooks.problem().unwrap().is_retryable());
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(1));
    assert!(message.contains("Connection refused"), "{message}");

    // A job that starts before its broker waits for it.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| connection.check_topic(&topic, DEADLINE));
        cluster.start(Daemon::Kafka);
        assert_eq!(waiting.join().unwrap().unwrap().partitions, 1);
    });
    poll_until("well again", &|| hooks.problem().is_none());
    helper::exchange(&connection, &topic, "g", &["after"]);
    assert_eq!(helper::receive(&connection, &topic, "h", 2), ["before", "after"]);
}
