//! What every job has in common, so that the jobs differ only in their work: exit codes, layered
//! configuration, common flags, logging, progress, and the way numbers are printed.
//!
//! It knows nothing of orders, tables or stores, starts no thread of its own (but the redraw of
//! a progress bar on a terminal) and never ends the process: a job's `main` returns the exit code.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use clap::Parser;
//! use job_kit::cli::CommonArgs;
//! use job_kit::exit;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     common: CommonArgs,
//! }
//!
//! #[derive(Deserialize, Serialize)]
//! struct Config {
//!     producer: Producer,
//! }
//!
//! #[derive(Deserialize, Serialize)]
//! #[serde(deny_unknown_fields)]
//! struct Producer {
//!     seed: u64,
//! }
//!
//! fn main() -> ExitCode {
//!     exit::run(|| {
//!         let cli = Cli::parse();
//!         cli.common.init_logging()?;
//!         let config: Config = cli.common.loader("[producer]\nseed = 42").load()?;
//!         let steps = cli.common.steps();
//!         let step = steps.start("generate orders", None);
//!         step.finish(format!("seed {}", config.producer.seed));
//!         Ok(())
//!     })
//! }
//! ```

pub mod cli;
pub mod config;
pub mod exit;
pub mod format;
pub mod logging;
pub mod progress;
pub mod units;
