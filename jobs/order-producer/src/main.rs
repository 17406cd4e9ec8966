//! Makes orders up: to a CSV file of any size, with the shape of a real shop's export.

mod cli;
mod config;
mod to_csv;

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
        let config: Config = cli.common.loader(config::DEFAULTS).flags(cli.settings()).load()?;
        if cli.common.print_config {
            return Ok(io::stdout().write_all(layers::print(&config)?.as_bytes())?);
        }
        let Some(target) = &config.producer.to_csv else {
            return Err(exit::UsageError(
                "no output: add --to-csv FILE (\"-\" for stdout); for now orders go to CSV only"
                    .to_owned(),
            )
            .into());
        };
        let orders = config.producer.generator_config()?;
        to_csv::run(orders, target, cli.force, &cli.common.steps())
    })
}
