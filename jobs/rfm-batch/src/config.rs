//! The settings of a run, checked.

use std::path::PathBuf;

use anyhow::Context as _;
use job_kit::config;
use job_kit::exit::UsageError;
use job_kit::units::{ByteSize, HumanDuration};
use order_csv::KeepRejects;
use order_model::{Date, DateFormat};
use serde::{Deserialize, Serialize};
use warehouse::ddl::{Ddl, Naming};
use warehouse::local_catalog::LocalCatalog;

use crate::cli::Cli;

const DEFAULTS: &str = include_str!("default.toml");

/// All sections that this job reads. What each setting means stands in `default.toml`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub warehouse: Warehouse,
    pub catalog: Catalog,
    pub batch: Batch,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Warehouse {
    pub path: PathBuf,
    pub database: String,
    pub prefix: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalog {
    pub kind: CatalogKind,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CatalogKind {
    Local,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    pub input: Option<String>,
    pub snapshot_date: Option<String>,
    pub date_format: Option<String>,
    pub drop_duplicates: bool,
    pub rejects: Rejects,
    pub threads: usize,
    pub memory: ByteSize,
    pub temp_folder: Option<PathBuf>,
    pub report: Option<PathBuf>,
    pub lock_wait: HumanDuration,
    pub keep_old_runs: HumanDuration,
    pub clustering: Clustering,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rejects {
    All,
    Malformed,
    None,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clustering {
    pub k: usize,
    pub seed: u64,
    pub restarts: usize,
    pub sample: usize,
    pub max_iterations: u64,
    pub tolerance: f64,
}

/// The aggregation needs room for a few batches of each thread.
const LEAST_MEMORY: ByteSize = ByteSize::from_mib(64);

impl Settings {
    /// Merges all layers and checks every value.
    pub(crate) fn load(cli: &Cli) -> anyhow::Result<Settings> {
        let settings: Settings = cli.common.loader(DEFAULTS).flags(cli.settings()).load()?;
        settings.check().map_err(UsageError)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        self.snapshot_date()?;
        self.date_format()?;
        self.naming().map_err(|error| error.to_string())?;
        let batch = &self.batch;
        if batch.memory < LEAST_MEMORY {
            return Err(format!("batch.memory is {}, the least is {LEAST_MEMORY}", batch.memory));
        }
        if batch.threads > 1024 {
            return Err(format!("batch.threads is {}, the most is 1024", batch.threads));
        }
        let c = &batch.clustering;
        let positive = [
            ("restarts", c.restarts as u64),
            ("sample", c.sample as u64),
            ("max_iterations", c.max_iterations),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("batch.clustering.{name} must be at least 1"));
        }
        if !(c.tolerance > 0.0 && c.tolerance.is_finite()) {
            return Err(format!("batch.clustering.tolerance must be above 0, not {}", c.tolerance));
        }
        if !(2..=50).contains(&c.k) {
            return Err(format!("batch.clustering.k must be between 2 and 50, not {}", c.k));
        }
        Ok(())
    }

    /// The settings as a file for `--config`.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        Ok(config::print(self)?)
    }

    pub(crate) fn input(&self) -> Result<&str, UsageError> {
        self.batch.input.as_deref().filter(|input| !input.is_empty()).ok_or_else(|| {
            UsageError("no input: give --input PATH or set batch.input in the --config file".into())
        })
    }

    pub(crate) fn snapshot_date(&self) -> Result<Option<Date>, String> {
        let parse = |text: &String| text.parse().map_err(|e| format!("batch.snapshot_date: {e}"));
        self.batch.snapshot_date.as_ref().map(parse).transpose()
    }

    pub(crate) fn date_format(&self) -> Result<Option<DateFormat>, String> {
        let parse = |text: &String| text.parse().map_err(|e| format!("batch.date_format: {e}"));
        self.batch.date_format.as_ref().map(parse).transpose()
    }

    pub(crate) fn keep_rejects(&self) -> KeepRejects {
        match self.batch.rejects {
            Rejects::All => KeepRejects::All,
            Rejects::Malformed => KeepRejects::Malformed,
            Rejects::None => KeepRejects::None,
        }
    }

    /// Threads that work, at least one.
    pub(crate) fn threads(&self) -> usize {
        match self.batch.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    pub(crate) fn clustering(&self) -> segmentation::Settings {
        let Clustering { k, seed, restarts, sample, max_iterations, tolerance } =
            self.batch.clustering;
        segmentation::Settings { k, seed, restarts, max_iterations, tolerance, sample }
    }

    fn naming(&self) -> Result<Naming, warehouse::ddl::DdlError> {
        let Warehouse { path, database, prefix } = &self.warehouse;
        Naming::new(database, prefix, &path.to_string_lossy())
    }

    pub(crate) fn ddl(&self) -> anyhow::Result<Ddl> {
        Ddl::load(&self.naming()?).context("reading the table definitions")
    }

    pub(crate) fn local_catalog(&self) -> LocalCatalog {
        let CatalogKind::Local = self.catalog.kind;
        LocalCatalog::new(&self.warehouse.path)
    }
}
