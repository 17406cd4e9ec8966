//! The settings of the job and what they mean to the generator.

use job_kit::config::ConfigError;
use order_generator::{Dirt, GeneratorConfig};
use order_model::Date;
use serde::{Deserialize, Serialize};

/// Compiled-in defaults, with what each setting means.
pub(crate) const DEFAULTS: &str = include_str!("default.toml");

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) producer: Producer,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Producer {
    pub(crate) to_csv: Option<String>,
    count: u64,
    seed: u64,
    customers: Option<u64>,
    start: String,
    end: String,
    fault_rate: f64,
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

impl Producer {
    /// The generator's own configuration; the generator checks the ranges.
    ///
    /// # Errors
    /// A date that is none.
    pub(crate) fn generator_config(&self) -> Result<GeneratorConfig, ConfigError> {
        let real = Dirt::default();
        let dirt = &self.dirt;
        Ok(GeneratorConfig {
            seed: self.seed,
            lines: self.count,
            customers: self.customers,
            start: date("producer.start", &self.start)?,
            end: date("producer.end", &self.end)?,
            fault_rate: self.fault_rate,
            dirt: Dirt {
                cancellations: dirt.cancellations.unwrap_or(real.cancellations),
                missing_customer: dirt.missing_customer.unwrap_or(real.missing_customer),
                zero_price: dirt.zero_price.unwrap_or(real.zero_price),
                negative_quantity: dirt.negative_quantity.unwrap_or(real.negative_quantity),
                adjustments: dirt.adjustments.unwrap_or(real.adjustments),
                duplicates: dirt.duplicates.unwrap_or(real.duplicates),
                missing_description: dirt.missing_description.unwrap_or(real.missing_description),
            },
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
        let uncommented: String = DEFAULTS
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let producer = toml::from_str::<Config>(
            &uncommented
                .replace("2010-12-01", "\"2010-12-01\"")
                .replace("2011-12-09", "\"2011-12-09\""),
        )
        .unwrap()
        .producer;
        assert_eq!(producer.to_csv.as_deref(), Some("orders.csv"));
        assert_eq!(producer.customers, Some(4335));
        assert!(producer.dirt.missing_description.is_some());
    }
}
