//! Whether a topic can be reached with the settings of the environment, and if not, why: `RFM_KAFKA__BROKERS=host:9098
//! RFM_KAFKA__SECURITY=iam cargo run -p kafka-client --example check -- TOPIC`.

use std::io::Write;
use std::process::ExitCode;

use job_kit::config::Loader;
use kafka_client::{Connection, DEFAULTS, KafkaSettings};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    kafka: KafkaSettings,
}

fn check(topic: &str) -> Result<String, Box<dyn std::error::Error>> {
    let Settings { kafka } = Loader::new(DEFAULTS).env().load()?;
    let connection = Connection::new(&kafka, "check")?;
    let found = connection.check_topic(topic, kafka.connect_timeout.get())?;
    Ok(format!("{}: {} partitions", found.name, found.partitions))
}

fn main() -> ExitCode {
    let topic = std::env::args().nth(1).unwrap_or_else(|| "orders".to_owned());
    let (text, code) = match check(&topic) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("error: {error}"), ExitCode::FAILURE),
    };
    let _ = writeln!(std::io::stdout(), "{text}");
    code
}
