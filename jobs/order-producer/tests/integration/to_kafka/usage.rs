//! Settings and flags that are wrong.

use crate::program::{check_error, check_ok, run};

#[test]
fn wrong_settings_are_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let check = |args: &[&str], message: &str| {
        let output = run(folder.path(), args);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.starts_with(&format!("error: {message}")), "{log}");
    };
    check(&[], "kafka.brokers is not set: ");
    check(&["--to-kafka"], "kafka.brokers is not set: ");
    check(&["--brokers", "here"], "kafka.brokers has 'here', which is not HOST:PORT");
    check(&["--rate=-1000"], "setting \"producer.rate\": -1000 is not 0");
    check(&["--replay", "no.csv"], "cannot replay no.csv: No such file or directory");
    check(&["--speed-up", "2"], "setting \"producer.speed_up\": is for the orders of a file");
    check(&["--fault-rate", "7"], "setting \"producer.fault_rate\": 7 is not a share");
    check(&["--customers", "3000000000"], "setting \"producer.customers\": 3000000000 is not");
    check(&["--duration", "soon"], "command line: setting \"producer.duration\": ");
    check(&["--rate", "1", "--end", "2026-01-01"], "--end is for CSV files");
    check(
        &["--brokers", "a:1", "--set", "kafka.options.enable.idempotence=false"],
        "kafka.options has 'enable.idempotence', which cannot be changed: ",
    );
    check(
        &["--brokers", "a:1", "--set", "kafka.options.message.timeout.ms=1"],
        "kafka.options has 'message.timeout.ms', which is what producer.delivery_timeout is for",
    );
    check(&["--rate", "fast"], "invalid value 'fast' for '--rate <N>': write a number, or max");
    check(&["--to-csv", "-", "--rate", "5"], "the argument '--to-csv <FILE>' cannot be used with");
}

#[test]
fn no_broker_is_worth_a_retry() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let brokers = format!("127.0.0.1:{port}");
    let output = run(
        folder.path(),
        &["--brokers", &brokers, "--set", "kafka.connect_timeout=2s", "--quiet"],
    );
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.starts_with(&format!("error: no Kafka broker answers at {brokers} (")), "{log}");
}

#[test]
fn flags_win_over_a_csv_file_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[producer]\nto_csv = \"file.csv\"\ncount = 11\n[kafka]\nbrokers = \"here\"\n";
    std::fs::write(folder.path().join("local.toml"), text).unwrap();
    let message = "kafka.brokers has 'here', which is not HOST:PORT, for example localhost:9092";
    check_error(folder.path(), &["--config", "local.toml", "--to-kafka"], 2, message);
    check_ok(folder.path(), &["--config", "local.toml"]);
    assert!(folder.path().join("file.csv").exists());
}

#[test]
fn the_deployments_have_their_topics() {
    let folder = tempfile::tempdir().unwrap();
    for (name, topic, creates) in [
        ("local", "orders", true),
        ("cluster", "orders", true),
        ("emr", "peiyuanluo_orders", false),
    ] {
        let file = format!("{}/../../config/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let output = check_ok(folder.path(), &["--config", &file, "--print-config"]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(&format!("topic = \"{topic}\"")), "{printed}");
        assert_eq!(printed.contains("[producer.create_topic]"), creates, "{printed}");
        assert!(!printed.contains("to_csv"), "{printed}");
    }
}
