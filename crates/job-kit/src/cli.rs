//! The flags every job has.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::config::Loader;
use crate::logging;
use crate::progress::{ProgressMode, Steps};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: one line of text an event.
    #[default]
    Text,
    /// For log collectors: one JSON object a line.
    Json,
}

/// How much a job tells about its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors only, no progress.
    Quiet,
    #[default]
    Normal,
    /// Details of the job itself.
    Verbose,
    /// Everything, the libraries' details too.
    Trace,
}

/// Flags to flatten into a job's own: `#[command(flatten)] common: CommonArgs`.
#[derive(Args, Clone, Debug, Default)]
pub struct CommonArgs {
    /// Read settings from this TOML file; it overrides the compiled-in defaults
    #[arg(long, value_name = "FILE", help_heading = "Common options")]
    pub config: Option<PathBuf>,

    /// Override one setting, e.g. --set warehouse.path=/data/warehouse (repeatable)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Common options")]
    pub set: Vec<String>,

    /// Print the settings that would be used, then stop
    #[arg(long, help_heading = "Common options")]
    pub print_config: bool,

    /// Write log lines as text or as JSON
    #[arg(
        long,
        value_enum,
        default_value = "text",
        value_name = "FORMAT",
        help_heading = "Common options"
    )]
    pub log_format: LogFormat,

    /// Tell more (-vv: everything)
    #[arg(
        short,
        long,
        action = ArgAction::Count,
        conflicts_with = "quiet",
        help_heading = "Common options"
    )]
    pub verbose: u8,

    /// Tell only warnings and errors
    #[arg(short, long, help_heading = "Common options")]
    pub quiet: bool,
}

impl CommonArgs {
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Trace,
        }
    }

    /// Starts logging as these flags ask for.
    ///
    /// # Errors
    /// See [`logging::init`].
    pub fn init_logging(&self) -> anyhow::Result<()> {
        logging::init(self.log_format, self.verbosity())
    }

    /// The layers below a job's own flags: `defaults`, `--config`, environment, `--set`.
    pub fn loader(&self, defaults: &'static str) -> Loader {
        Loader::new(defaults).file(self.config.clone()).env().sets(&self.set)
    }

    /// Step reporting as these flags and the terminal ask for.
    pub fn steps(&self) -> Steps {
        Steps::new(ProgressMode::detect(self.log_format, self.verbosity()))
    }
}
