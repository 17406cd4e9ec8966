//! Tags orders from Kafka with the segment of their customer, and writes them to Hive tables, each exactly once.

mod cli;
mod collect;
mod compact;
mod config;
mod console;
mod consumer;
mod events;
mod feed;
mod metrics;
mod offsets;
mod publishing;
mod rows;
mod segments;
mod status;
mod stream;
mod writer;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use job_kit::exit;
use service_kit::signals;

use crate::cli::{Cli, Command};
use crate::config::{Place, Settings};
use crate::stream::Wishes;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    exit::run(|| {
        let cli = Cli::parse();
        cli.common.init_logging()?;
        let settings = Settings::load(&cli)?;
        if cli.common.print_config {
            return Ok(io::stdout().write_all(settings.to_toml()?.as_bytes())?);
        }
        let place = Place::open(&settings)?;
        let stop = signals::listen()?;
        match cli.command {
            Some(Command::Status) => status::print(&settings, &place),
            Some(Command::Compact { dry_run }) => compact::run(&settings, &place, dry_run, &stop),
            None => {
                let wishes = Wishes {
                    until_caught_up: cli.run.until_caught_up,
                    max_messages: cli.run.max_messages,
                    print_batches: !cli.run.no_batches,
                };
                stream::run(&settings, &place, wishes, &stop)
            }
        }
    })
}
