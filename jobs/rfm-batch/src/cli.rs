//! What a user types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use job_kit::cli::CommonArgs;
use toml::Value;

const EXAMPLES: &str = "\
Examples:
  rfm-batch --config config/local.toml --input data/online_retail.csv
  rfm-batch --config config/local.toml --snapshot-date 2011-06-01      an earlier snapshot
  rfm-batch --config config/local.toml --choose-k                      which k fits the data
  rfm-batch --config config/local.toml show segments                   what was written
  rfm-batch --config config/local.toml show customer 12347

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 worth a retry";

/// Segments customers by recency, frequency and monetary value, and publishes the result as Hive tables
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The flags of a run; each is short for a setting.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// CSV file (plain or gzip), folder or glob [setting: batch.input]
    #[arg(long, value_name = "PATH")]
    input: Option<String>,
    /// Day as of which recency counts; later orders are left out. Default: the day after the last order [batch.snapshot_date]
    #[arg(long, value_name = "YYYY-MM-DD")]
    snapshot_date: Option<String>,
    /// Folder of the tables [warehouse.path]
    #[arg(long, value_name = "PATH", global = true)]
    warehouse: Option<String>,
    /// Where tables are registered [catalog.kind]
    #[arg(long, global = true)]
    catalog: Option<CatalogKind>,
    /// What reads the input and adds it up [batch.engine]
    #[arg(long)]
    engine: Option<EngineKind>,
    /// The scheduler of the engine ballista: HOST:PORT, or a file that holds it [batch.ballista.scheduler]
    #[arg(long, value_name = "HOST:PORT|FILE")]
    scheduler: Option<String>,
    /// Write the run report (JSON) to this file as well [batch.report]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Compute and print, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report inertia and silhouette for k = 2 to 10, and write nothing
    #[arg(long)]
    pub(crate) choose_k: bool,
}

/// Catalogs of this build.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CatalogKind {
    /// A file in the warehouse folder, no server.
    Local,
    /// A Hive metastore.
    Hive,
    /// The AWS Glue Data Catalog.
    Glue,
}

/// Engines.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EngineKind {
    /// This process, all cores.
    Local,
    /// A cluster of rfm-scheduler and rfm-executor.
    Ballista,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what was published
    #[command(subcommand)]
    Show(Show),
}

/// What to print.
#[derive(Debug, Subcommand)]
pub(crate) enum Show {
    /// The segments of a snapshot: size, revenue, averages
    Segments(ShowArgs),
    /// All columns of the segment profiles, centroids included
    Profiles(ShowArgs),
    /// One customer: values, scores, segment
    Customer {
        /// Customer id
        id: i64,
        #[command(flatten)]
        args: ShowArgs,
    },
    /// The snapshots that are there
    Snapshots,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The snapshot to show; the newest if not given
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) snapshot: Option<String>,
}

impl Cli {
    /// The flags that were given, as settings.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let run = &self.run;
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let report = run.report.as_ref().map(|path| path.to_string_lossy().into_owned());
        let catalog = run.catalog.map(|kind| match kind {
            CatalogKind::Local => "local".to_owned(),
            CatalogKind::Hive => "hive".to_owned(),
            CatalogKind::Glue => "glue".to_owned(),
        });
        let engine = run.engine.map(|engine| match engine {
            EngineKind::Local => "local".to_owned(),
            EngineKind::Ballista => "ballista".to_owned(),
        });
        [
            ("batch.input", text(&run.input)),
            ("batch.snapshot_date", text(&run.snapshot_date)),
            ("batch.report", text(&report)),
            ("batch.engine", engine.map(Value::String)),
            ("batch.ballista.scheduler", text(&run.scheduler)),
            ("warehouse.path", text(&run.warehouse)),
            ("catalog.kind", text(&catalog)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
}
