//! What a user types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use job_kit::cli::CommonArgs;
use toml::Value;

const EXAMPLES: &str = "\
Examples:
  rfm-dashboard --config config/local.toml                                 http://127.0.0.1:3034
  rfm-dashboard --config config/local.toml --topic orders-tagged           with live orders
  RFM_DASHBOARD__TOKEN=... rfm-dashboard --config config/emr.toml --listen 0.0.0.0:3034
  rfm-dashboard hash-password                                              a hash for dashboard.password_hash

Exit codes: 0 stopped, 1 failed, 2 bad usage or configuration, 3 worth a retry";

/// Serves the page with segments, live orders and customer look-up
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
    /// Address of the page [dashboard.listen]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder of the tables [warehouse.path]
    #[arg(long, value_name = "PATH")]
    warehouse: Option<String>,
    /// Kafka brokers [kafka.brokers]
    #[arg(long, value_name = "HOST:PORT,...")]
    brokers: Option<String>,
    /// Topic of the tagged orders [dashboard.topic]
    #[arg(long)]
    topic: Option<String>,
    /// Serve the page's files from this folder instead of those in the program, for working on them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) assets: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a password from stdin and print its hash for dashboard.password_hash
    HashPassword,
}

impl Cli {
    /// The flags that were given, by the setting they override.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let run = &self.run;
        [
            ("dashboard.listen", &run.listen),
            ("warehouse.path", &run.warehouse),
            ("kafka.brokers", &run.brokers),
            ("dashboard.topic", &run.topic),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::String(value.clone()?))))
        .collect()
    }
}
