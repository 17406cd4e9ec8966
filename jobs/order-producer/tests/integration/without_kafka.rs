//! A build without Kafka: it writes CSV, takes everybody's configuration files, and says what it lacks.

use crate::program::{check_error, check_ok};

#[test]
fn kafka_is_missed_only_by_who_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let message = "this order-producer was built without Kafka and only writes CSV: add --to-csv FILE (\"-\" for stdout), or \
                   build it with --features kafka";
    for args in [&[][..], &["--brokers", "localhost:9092"], &["--replay", "a.csv"]] {
        check_error(folder.path(), args, 2, message);
    }
    for name in ["local", "cluster", "emr"] {
        let file = format!("{}/../../config/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let args = ["--config", &file, "--to-csv", "-", "--count", "3"];
        let output = check_ok(folder.path(), &args);
        assert_eq!(output.stdout.split(|&byte| byte == b'\n').count(), 5);
    }
}
