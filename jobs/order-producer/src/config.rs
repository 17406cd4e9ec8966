//! The settings of the job and what they mean to the generator.

#[cfg(feature = "kafka")]
mod plan;

use job_kit::config::ConfigError;
use order_generator::{Dirt, GeneratorConfig};
use order_model::Date;
use serde::{Deserialize, Serialize};

#[cfg(feature = "kafka")]
use crate::to_kafka::{CreateTopic, Fault};

/// Compiled-in defaults, with what each setting means.
#[cfg(feature = "kafka")]
pub(crate) const DEFAULTS: &str = concat!(
    include_str!("default.toml"),
    include_str!("../../../crates/kafka-client/src/default.toml")
);
#[cfg(not(feature = "kafka"))]
pub(crate) const DEFAULTS: &str = include_str!("default.toml");

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) producer: Producer,
    #[cfg(feature = "kafka")]
    pub(crate) kafka: kafka_client::KafkaSettings,
}

/// Settings of Kafka stand here in a build without it too: it takes the same configuration files.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Producer {
    pub(crate) to_csv: Option<String>,
    count: Option<u64>,
    seed: u64,
    customers: Option<u64>,
    start: String,
    end: String,
    fault_rate: f64,
    topic: String,
    #[cfg(feature = "kafka")]
    create_topic: Option<CreateTopic>,
    #[cfg(not(feature = "kafka"))]
    create_topic: Option<toml::Table>,
    rate: Option<f64>,
    duration: Option<job_kit::units::HumanDuration>,
    unknown_customers: f64,
    customer_ids: Option<std::path::PathBuf>,
    late_rate: f64,
    duplicate_rate: f64,
    #[cfg(feature = "kafka")]
    faults: Vec<Fault>,
    #[cfg(not(feature = "kafka"))]
    faults: Vec<String>,
    replay: Option<String>,
    date_format: Option<String>,
    speed_up: Option<f64>,
    shift_to_now: bool,
    start_time: Option<String>,
    delivery_timeout: job_kit::units::HumanDuration,
    dirt: DirtShares,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DirtShares {
    cancellations: Option<f64>,
    missing_customer: Option<f64>,
    zero_price: Option<f64>,
    negative_quantity: Option<f64>,
    adjustments: Option<f64>,
    duplicates: Option<f64>,
    missing_description: Option<f64>,
}

impl DirtShares {
    fn dirt(&self) -> Dirt {
        let real = Dirt::default();
        Dirt {
            cancellations: self.cancellations.unwrap_or(real.cancellations),
            missing_customer: self.missing_customer.unwrap_or(real.missing_customer),
            zero_price: self.zero_price.unwrap_or(real.zero_price),
            negative_quantity: self.negative_quantity.unwrap_or(real.negative_quantity),
            adjustments: self.adjustments.unwrap_or(real.adjustments),
            duplicates: self.duplicates.unwrap_or(real.duplicates),
            missing_description: self.missing_description.unwrap_or(real.missing_description),
        }
    }
}

impl Producer {
    /// The generator's own configuration; the generator checks the ranges.
    ///
    /// # Errors
    /// A date that is none.
    pub(crate) fn generator_config(&self) -> Result<GeneratorConfig, ConfigError> {
        let real = GeneratorConfig::default();
        Ok(GeneratorConfig {
            seed: self.seed,
            lines: self.count.unwrap_or(real.lines),
            customers: self.customers,
            start: date("producer.start", &self.start)?,
            end: date("producer.end", &self.end)?,
            fault_rate: self.fault_rate,
            dirt: self.dirt.dirt(),
        })
    }
}

fn date(key: &str, text: &str) -> Result<Date, ConfigError> {
    text.parse().map_err(|message: String| ConfigError::invalid(key, message))
}

#[cfg(test)]
mod tests {
    use job_kit::config::Loader;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_generator() {
        let config: Config = Loader::new(DEFAULTS).load().unwrap();
        assert_eq!(config.producer.generator_config().unwrap(), GeneratorConfig::default());
        assert_eq!(config.producer.to_csv, None);
    }

    #[test]
    fn every_commented_default_is_a_setting() {
        let uncommented: String = include_str!("default.toml")
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.split(' ').nth(1) == Some("=") => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        #[derive(Deserialize)]
        struct Section {
            producer: Producer,
        }
        let producer = toml::from_str::<Section>(
            &uncommented
                .replace("2010-12-01", "\"2010-12-01\"")
                .replace("2011-12-09", "\"2011-12-09\"")
                .replace("2026-01-01T00:00:00Z", "\"2026-01-01T00:00:00Z\""),
        )
        .unwrap()
        .producer;
        assert_eq!(producer.to_csv.as_deref(), Some("orders.csv"));
        assert_eq!((producer.customers, producer.count), (Some(4335), Some(541_909)));
        assert!(producer.dirt.missing_description.is_some());
        assert!(producer.create_topic.is_some() && producer.rate.is_some());
        assert!(producer.duration.is_some() && producer.customer_ids.is_some());
        assert!(producer.replay.is_some() && producer.date_format.is_some());
        assert!(producer.speed_up.is_some() && producer.start_time.is_some());
    }
}
