//! Makes orders up, with the shape of a real shop's export: live ones and those of a file to a Kafka topic, or a CSV file of
//! any size.

mod cli;
mod config;
mod to_csv;
#[cfg(feature = "kafka")]
mod to_kafka;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use job_kit::{config as layers, exit};

use crate::cli::Cli;
use crate::config::Config;

fn main() -> ExitCode {
    exit::run(|| {
        let cli = Cli::parse();
        cli.common.init_logging()?;
        if cli.asks_for_kafka() {
            needs_kafka()?;
        }
        let config: Config = cli.common.loader(config::DEFAULTS).flags(cli.settings()).load()?;
        if cli.common.print_config {
            return Ok(io::stdout().write_all(layers::print(&config)?.as_bytes())?);
        }
        match &config.producer.to_csv {
            Some(target) if !cli.asks_for_kafka() => {
                let orders = config.producer.generator_config()?;
                to_csv::run(orders, target, cli.force, &cli.common.steps())
            }
            _ => match cli.flag_of_csv() {
                Some(flag) => Err(exit::UsageError(format!(
                    "{flag} is for CSV files, and orders go to Kafka: add --to-csv FILE"
                ))
                .into()),
                None => to_kafka(&cli, &config),
            },
        }
    })
}

#[cfg(feature = "kafka")]
fn to_kafka(cli: &Cli, config: &Config) -> anyhow::Result<()> {
    let plan = config.producer.plan()?;
    let telling = to_kafka::Telling::of(&cli.common);
    match &cli.embedded_broker {
        Some(file) => {
            let broker = to_kafka::embedded_broker(&plan, file)?;
            to_kafka::run(&plan, &broker.settings(), telling)
        }
        None => to_kafka::run(&plan, &config.kafka, telling),
    }
}

#[cfg(not(feature = "kafka"))]
fn to_kafka(_: &Cli, _: &Config) -> anyhow::Result<()> {
    needs_kafka()
}

/// Fails in a build that has no Kafka in it.
fn needs_kafka() -> anyhow::Result<()> {
    if cfg!(feature = "kafka") {
        return Ok(());
    }
    let message = "this order-producer was built without Kafka and only writes CSV: add --to-csv FILE (\"-\" for stdout), or \
                   build it with --features kafka";
    Err(exit::UsageError(message.to_owned()).into())
}
