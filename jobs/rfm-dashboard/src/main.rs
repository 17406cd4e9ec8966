//! Serves the page that shows how the customers divide into segments, what is being ordered, and who a customer is.

mod batch;
mod cli;
mod config;
mod http;
mod live;
mod metrics;
mod run;
mod server;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use job_kit::exit;
use service_kit::signals;

use crate::cli::{Cli, Command};
use crate::config::Settings;

fn main() -> ExitCode {
    exit::run(|| {
        let cli = Cli::parse();
        cli.common.init_logging()?;
        if let Some(Command::HashPassword) = cli.command {
            let mut password = String::new();
            io::stdin().read_line(&mut password)?;
            let hash = http::hash_password(password.trim_end_matches(['\r', '\n']))?;
            return Ok(writeln!(io::stdout(), "{hash}")?);
        }
        let settings = Settings::load(&cli)?;
        if cli.common.print_config {
            return Ok(io::stdout().write_all(settings.to_toml()?.as_bytes())?);
        }
        let stop = signals::listen()?;
        run::run(&cli, &settings, &stop)
    })
}
