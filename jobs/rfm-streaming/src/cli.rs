//! What a user types.

use std::collections::BTreeMap;

use clap::{Args, Parser, Subcommand};
use job_kit::cli::CommonArgs;
use toml::Value;

const EXAMPLES: &str = "\
Examples:
  rfm-streaming --config config/local.toml                             until it is stopped
  rfm-streaming --config config/local.toml --until-caught-up           what is there now
  rfm-streaming --config config/emr.toml --listen 0.0.0.0:9464         with metrics
  rfm-streaming --config config/cluster.toml status                    what is committed
  rfm-streaming --config config/cluster.toml compact                   small files of past days into large ones

Exit codes: 0 done or stopped, 1 failed, 2 bad usage or configuration, 3 worth a retry";

/// Tags orders from Kafka with the segment of their customer, and writes them to Hive tables, each exactly once
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The flags of a run; those with a setting are short for it.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Kafka brokers [kafka.brokers]
    #[arg(long, value_name = "HOST:PORT,...", global = true)]
    brokers: Option<String>,
    /// Topic of the orders [streaming.topic]
    #[arg(long, global = true)]
    topic: Option<String>,
    /// Folder of the tables [warehouse.path]
    #[arg(long, value_name = "PATH", global = true)]
    warehouse: Option<String>,
    /// Longest time until an order is visible [streaming.flush_interval]
    #[arg(long, value_name = "TIME")]
    flush_interval: Option<String>,
    /// Address of metrics and health [streaming.listen]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// End when all messages that are there have been read, by this instance and the others of its group
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// End after so many messages (a few more may be read)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_messages: Option<u64>,
    /// Print no line for each batch
    #[arg(long)]
    pub(crate) no_batches: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what is committed of each Kafka partition
    Status,
    /// Rewrite the small files of past days into large ones, and remove what is past its time
    Compact {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Cli {
    /// The flags that were given, by the setting they override.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let run = &self.run;
        [
            ("kafka.brokers", &run.brokers),
            ("streaming.topic", &run.topic),
            ("warehouse.path", &run.warehouse),
            ("streaming.flush_interval", &run.flush_interval),
            ("streaming.listen", &run.listen),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::String(value.clone()?))))
        .collect()
    }
}
