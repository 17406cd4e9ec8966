//! `rfm-batch`: order lines as CSV -> recency, frequency, monetary -> k-means -> segment tables.
//!
//! The flow is `pipeline.rs`, top to bottom; the steps are the modules in the order below.

mod aggregate;
mod cli;
mod cluster;
#[cfg(feature = "ballista")]
mod cluster_process;
mod config;
mod customers;
#[cfg_attr(not(feature = "ballista"), path = "distributed/absent.rs")]
mod distributed;
mod pipeline;
mod publish;
mod read_orders;
mod rejects;
mod run_report;
mod show;
mod summary;
mod tables;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::Settings;

fn main() -> ExitCode {
    job_kit::exit::run(|| {
        let cli = Cli::parse();
        cli.common.init_logging()?;
        let settings = Settings::load(&cli)?;
        if cli.common.print_config {
            return summary::print(&settings.to_toml()?);
        }
        match &cli.command {
            Some(Command::Show(what)) => show::run(what, &settings),
            None => pipeline::run(&cli, &settings),
        }
    })
}
