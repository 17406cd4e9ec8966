//! The settings of a run, checked.

use std::path::PathBuf;

use deployment::{CatalogSettings, Deployment, DeploymentError, WarehouseSettings};
use job_kit::config;
use job_kit::exit::UsageError;
use job_kit::units::{ByteSize, HumanDuration};
use order_csv::KeepRejects;
use order_model::{Date, DateFormat};
use serde::{Deserialize, Serialize};
use store::{Location, Stores};
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming};

use crate::cli::Cli;

const DEFAULTS: &str = include_str!("default.toml");

/// All sections that this job reads. What each setting means stands in `default.toml`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub warehouse: WarehouseSettings,
    pub catalog: CatalogSettings,
    pub batch: Batch,
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
    pub engine: Engine,
    pub lock_wait: HumanDuration,
    pub keep_old_runs: HumanDuration,
    pub ballista: Ballista,
    pub clustering: Clustering,
}

/// What reads the input and adds it up.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Local,
    Ballista,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ballista => "ballista",
        }
    }
}

/// The cluster of the engine "ballista".
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ballista {
    pub scheduler: Option<String>,
    pub wait: HumanDuration,
    pub piece: Option<ByteSize>,
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

/// Said here, so that `--print-config` shows it before a cluster is started.
pub(crate) const WITHOUT_BALLISTA: &str = "batch.engine is \"ballista\", but this program was built without it; build it with --features ballista";

impl Settings {
    /// Merges all layers and checks every value.
    pub(crate) fn load(cli: &Cli) -> anyhow::Result<Settings> {
        let settings: Settings = cli.common.loader(DEFAULTS).flags(cli.settings()).load()?;
        settings.check().map_err(UsageError)?;
        let runs = cli.command.is_none() && settings.batch.engine == Engine::Ballista;
        if runs && cfg!(not(feature = "ballista")) {
            return Err(UsageError(WITHOUT_BALLISTA.to_owned()).into());
        }
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
        let WarehouseSettings { path, database, prefix } = &self.warehouse;
        Naming::new(database, prefix, path)
    }
}

/// The place the settings name: its stores, its warehouse folder, its catalog.
#[derive(Debug)]
pub(crate) struct Place {
    pub stores: Stores,
    pub warehouse: Location,
    pub ddl: Ddl,
    pub catalog: Box<dyn Catalog>,
}

impl Place {
    /// Touches no server.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let explain = |error: DeploymentError| match error.is_configuration() {
            true => anyhow::Error::new(UsageError(format!("{:#}", anyhow::Error::new(error)))),
            false => error.into(),
        };
        let deployment = Deployment::from_env().map_err(explain)?;
        Ok(Self {
            warehouse: deployment.warehouse(&settings.warehouse).map_err(explain)?,
            ddl: deployment.ddl(&settings.warehouse).map_err(explain)?,
            catalog: deployment.catalog(&settings.warehouse, &settings.catalog).map_err(explain)?,
            stores: deployment.into_stores(),
        })
    }
}
