use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use kafka_client::{Connection, KafkaSettings, ProblemKind};
use test_cluster::Cluster;

use crate::helper::{DEADLINE, cluster, exchange, iam, problem, topic, unique};

/// The key pair that the broker knows.
pub(crate) fn key(cluster: &Cluster, expires: Option<SystemTime>) -> SharedCredentialsProvider {
    let (id, secret) =
        (cluster.value("RFM_MSK_ACCESS_KEY_ID"), cluster.value("RFM_MSK_SECRET_ACCESS_KEY"));
    SharedCredentialsProvider::new(Credentials::new(id, secret, None, expires, "test"))
}

/// An example of this crate, which `cargo test` has built.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --examples`", path.display());
    path
}

fn connect(settings: &KafkaSettings, credentials: SharedCredentialsProvider) -> Connection {
    Connection::with_credentials(settings, "test", credentials).unwrap()
}

#[test]
fn the_right_key() {
    let cluster = cluster();
    let topic = topic(cluster, "iam", 1);
    let connection = connect(&iam(cluster), key(cluster, None));
    exchange(&connection, &topic, &unique("iam"), &["a", "b"]);

    // Credentials that are about to end make a token that does, too.
    let soon = SystemTime::now() + Duration::from_secs(60);
    connect(&iam(cluster), key(cluster, Some(soon))).check(DEADLINE).unwrap();

    // Temporary ones have a session token.
    let (id, secret) =
        (cluster.value("RFM_MSK_ACCESS_KEY_ID"), cluster.value("RFM_MSK_SECRET_ACCESS_KEY"));
    let session = Some("base64/of+a==".to_owned());
    let temporary = Credentials::new(id, secret, session, None, "test");
    connect(&iam(cluster), SharedCredentialsProvider::new(temporary)).check(DEADLINE).unwrap();
}

#[test]
fn wrong_keys_are_refused_and_said_so() {
    let cluster = cluster();
    let id = cluster.value("RFM_MSK_ACCESS_KEY_ID");
    for (id, reason) in [(id, "wrong signature"), ("AKIAOTHER", "wrong credential")] {
        let wrong = Credentials::new(id, "geheim", None, None, "test");
        let connection = connect(&iam(cluster), SharedCredentialsProvider::new(wrong));
        let message = problem(&connection, ProblemKind::Authentication, DEADLINE);
        let start = format!(
            "{} refuses the AWS credentials for region us-east-1: SASL authentication error: ",
            cluster.kafka_iam_brokers()
        );
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("geheim") && !message.contains("X-Amz"), "{message}");
    }
}

#[test]
fn the_wrong_region() {
    let cluster = cluster();
    let settings = KafkaSettings { region: Some("eu-west-1".to_owned()), ..iam(cluster) };
    let message =
        problem(&connect(&settings, key(cluster, None)), ProblemKind::Authentication, DEADLINE);
    assert!(message.contains("for region eu-west-1: "), "{message}");
    assert!(message.contains("wrong host"), "{message}");
}

#[test]
fn credentials_that_have_expired() {
    let cluster = cluster();
    let past = SystemTime::now() - Duration::from_secs(1);
    let connection = connect(&iam(cluster), key(cluster, Some(past)));
    let message = problem(&connection, ProblemKind::Token, Duration::from_secs(2));
    assert!(message.ends_with("the AWS credentials have expired"), "{message}");
}

/// The example `check` in an environment with nothing but this.
fn check(cluster: &Cluster, topic: &str, vars: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("config");
    let (id, secret) =
        (cluster.value("RFM_MSK_ACCESS_KEY_ID"), cluster.value("RFM_MSK_SECRET_ACCESS_KEY"));
    let text = format!(
        "[profile shop]\nregion = us-east-1\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
    );
    std::fs::write(&profiles, text).unwrap();
    let output = Command::new(example("check"))
        .arg(topic)
        .env_clear()
        .env("RFM_KAFKA__BROKERS", cluster.kafka_iam_brokers())
        .env("RFM_KAFKA__SECURITY", "iam")
        .env("RFM_KAFKA__CA_FILE", cluster.kafka_ca())
        .env("AWS_CONFIG_FILE", &profiles)
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(vars.iter().copied())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn credentials_from_where_aws_looks_for_them() {
    let cluster = cluster();
    let topic = topic(cluster, "chain", 2);
    let found = format!("{topic}: 2 partitions\n");
    let (id, secret) =
        (cluster.value("RFM_MSK_ACCESS_KEY_ID"), cluster.value("RFM_MSK_SECRET_ACCESS_KEY"));
    let pair = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];

    let environment = [pair[0], pair[1], ("AWS_REGION", "us-east-1")];
    assert_eq!(check(cluster, &topic, &environment), found);
    // The profile has the region, too; one that is named goes before the environment.
    assert_eq!(check(cluster, &topic, &[("AWS_PROFILE", "shop")]), found);
    let other = [
        ("AWS_ACCESS_KEY_ID", "AKIAOTHER"),
        ("AWS_SECRET_ACCESS_KEY", "other"),
        ("RFM_KAFKA__PROFILE", "shop"),
    ];
    assert_eq!(check(cluster, &topic, &other), found);

    for (vars, parts) in [
        (&pair[..], &["the cluster's AWS region is not known; set kafka.region or AWS_REGION"][..]),
        (
            &[("AWS_REGION", "us-east-1")],
            &["no AWS credentials: ", "Environment: ", "give some in the environment"],
        ),
        (
            &[("AWS_REGION", "us-east-1"), ("RFM_KAFKA__PROFILE", "bakery")],
            &["the profile 'bakery' gives no AWS credentials: "],
        ),
    ] {
        let answer = check(cluster, &topic, vars);
        let start = format!("error: cannot log in at {}: ", cluster.kafka_iam_brokers());
        assert!(answer.starts_with(&start), "{answer}");
        assert!(parts.iter().all(|part| answer.contains(part)), "{answer}");
    }
}
