use std::time::Duration;

use job_kit::config::Secret;
use kafka_client::{Connection, KafkaSettings, ProblemKind, Security};

use crate::helper::{
    DEADLINE, cluster, exchange, iam, plaintext, problem, scram, tls, topic, unique,
};

/// What is wrong with settings, which is told at once, not after the time that was given.
fn wrong(settings: &KafkaSettings, kind: ProblemKind) -> String {
    let connection = Connection::new(settings, "test").unwrap();
    let error = connection.check(DEADLINE).unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
    problem(&connection, kind, DEADLINE)
}

#[test]
fn users_with_a_password() {
    let cluster = cluster();
    for security in [Security::ScramSha256, Security::ScramSha512] {
        let settings = scram(cluster, security);
        let topic = topic(cluster, "scram", 1);
        let connection = Connection::new(&settings, "test").unwrap();
        exchange(&connection, &topic, &unique("scram"), &["a", "b"]);

        let message = wrong(
            &KafkaSettings { password: Some(Secret::new("geheim")), ..settings.clone() },
            ProblemKind::Authentication,
        );
        let user = settings.username.as_deref().unwrap();
        let brokers = cluster.kafka_scram_brokers();
        let start = format!("{brokers} refuses the login of user '{user}': ");
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains("check kafka.username, kafka.password"), "{message}");
        assert!(!message.contains("geheim"), "{message}");

        let stranger = KafkaSettings { username: Some("nobody".to_owned()), ..settings };
        let message = wrong(&stranger, ProblemKind::Authentication);
        assert!(message.contains("refuses the login of user 'nobody'"), "{message}");
    }
}

#[test]
fn a_way_to_log_in_that_the_port_does_not_know() {
    let cluster = cluster();
    let settings = KafkaSettings {
        brokers: Some(cluster.kafka_iam_brokers().to_owned()),
        ..scram(cluster, Security::ScramSha512)
    };
    let message = wrong(&settings, ProblemKind::Authentication);
    assert!(message.contains("broker's supported mechanisms: OAUTHBEARER"), "{message}");
}

#[test]
fn clients_with_a_certificate() {
    let cluster = cluster();
    let settings = tls(cluster);
    let topic = topic(cluster, "mtls", 1);
    let connection = Connection::new(&settings, "test").unwrap();
    exchange(&connection, &topic, &unique("mtls"), &["a", "b"]);

    let without = KafkaSettings { certificate_file: None, key_file: None, ..settings.clone() };
    let message = wrong(&without, ProblemKind::Tls);
    assert!(message.ends_with("set kafka.certificate_file and kafka.key_file"), "{message}");
}

#[test]
fn brokers_that_are_not_trusted() {
    let cluster = cluster();
    let settings = tls(cluster);
    // A certificate, but of somebody who signs nothing.
    let other = cluster.kafka_client_certificate().0.to_owned();
    let message = wrong(
        &KafkaSettings { ca_file: Some(other.clone()), ..settings.clone() },
        ProblemKind::Tls,
    );
    assert!(message.contains("is not in kafka.ca_file"), "{message}");
    let message = wrong(
        &KafkaSettings { ca_file: Some(other), ..scram(cluster, Security::ScramSha512) },
        ProblemKind::Tls,
    );
    assert!(message.contains("is not in kafka.ca_file"), "{message}");

    let message = wrong(&KafkaSettings { ca_file: None, ..settings.clone() }, ProblemKind::Tls);
    assert!(message.ends_with("name its PEM file in kafka.ca_file"), "{message}");

    // Its certificate is for localhost and 127.0.0.1, not for other ways to write that.
    let elsewhere = cluster.kafka_tls_brokers().replace("localhost", "127.1");
    let message = wrong(&KafkaSettings { brokers: Some(elsewhere), ..settings }, ProblemKind::Tls);
    assert!(message.ends_with("or the certificate is not for that name"), "{message}");
}

#[test]
fn the_wrong_port() {
    let cluster = cluster();
    let to_plaintext = KafkaSettings { brokers: plaintext(cluster).brokers, ..tls(cluster) };
    let connection = Connection::new(&to_plaintext, "test").unwrap();
    let message = problem(&connection, ProblemKind::Tls, Duration::from_secs(3));
    assert!(message.contains("that port may not speak TLS"), "{message}");

    let to_tls = KafkaSettings::plaintext(cluster.kafka_tls_brokers());
    let connection = Connection::new(&to_tls, "test").unwrap();
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(3));
    assert!(
        message.contains("kafka.security = \"plaintext\" is what this port wants"),
        "{message}"
    );

    let no_login = KafkaSettings { brokers: iam(cluster).brokers, ..tls(cluster) };
    let connection = Connection::new(&no_login, "test").unwrap();
    let message = problem(&connection, ProblemKind::NoBroker, Duration::from_secs(3));
    assert!(message.contains("kafka.security = \"tls\" is what this port wants"), "{message}");
}
