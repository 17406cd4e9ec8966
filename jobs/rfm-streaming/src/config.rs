//! The settings of the job, checked.

use std::net::SocketAddr;
use std::sync::Arc;

use deployment::{CatalogSettings, Deployment, DeploymentError, WarehouseSettings};
use job_kit::config;
use job_kit::exit::UsageError;
use job_kit::units::{ByteSize, HumanDuration};
use kafka_client::KafkaSettings;
use order_model::Date;
use serde::{Deserialize, Serialize};
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, TableDef};

use crate::cli::Cli;

const DEFAULTS: &str = concat!(
    include_str!("default.toml"),
    include_str!("../../../crates/kafka-client/src/default.toml")
);

/// All sections that this job reads. What each setting means stands in `default.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub warehouse: WarehouseSettings,
    pub catalog: CatalogSettings,
    pub kafka: KafkaSettings,
    pub streaming: Streaming,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Streaming {
    pub topic: String,
    pub group: String,
    pub instance: Option<String>,
    pub start: Start,
    pub on_lost_offsets: OnLostOffsets,
    pub flush_interval: HumanDuration,
    pub flush_rows: u64,
    pub flush_bytes: ByteSize,
    pub memory: ByteSize,
    pub tagged_topic: Option<String>,
    pub segments_refresh: HumanDuration,
    pub max_message: ByteSize,
    pub earliest_date: String,
    pub latest_ahead: HumanDuration,
    pub keep_trying: HumanDuration,
    pub listen: Option<String>,
    pub compact: Compact,
}

/// Where to begin with a topic that was never read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    Earliest,
    Latest,
}

/// What to do when messages are gone that were not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnLostOffsets {
    Stop,
    Continue,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compact {
    pub min_files: usize,
    pub target_size: ByteSize,
    pub older_than_days: u32,
    pub quiet: HumanDuration,
    pub keep_old: HumanDuration,
    pub retain_days: Option<u32>,
}

/// One batch of the consumer and one row group have to fit.
const LEAST_MEMORY: ByteSize = ByteSize::from_mib(16);

impl Settings {
    /// Merges all layers and checks every value.
    pub(crate) fn load(cli: &Cli) -> anyhow::Result<Self> {
        let settings: Self = cli.common.loader(DEFAULTS).flags(cli.settings()).load()?;
        settings.check().map_err(UsageError)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let streaming = &self.streaming;
        check_topic("streaming.topic", &streaming.topic)?;
        if let Some(topic) = &streaming.tagged_topic {
            check_topic("streaming.tagged_topic", topic)?;
            if *topic == streaming.topic {
                return Err(format!(
                    "streaming.tagged_topic is '{topic}', which is also streaming.topic: the job would read what it \
                     writes, for ever; choose another topic"
                ));
            }
        }
        if streaming.group.is_empty() {
            return Err("streaming.group is empty: give the consumer group a name".to_owned());
        }
        if streaming.memory < LEAST_MEMORY {
            let given = streaming.memory;
            return Err(format!("streaming.memory is {given}, the least is {LEAST_MEMORY}"));
        }
        if streaming.flush_rows == 0 {
            return Err("streaming.flush_rows must be at least 1".to_owned());
        }
        for (name, time) in [
            ("flush_interval", &streaming.flush_interval),
            ("segments_refresh", &streaming.segments_refresh),
        ] {
            if time.get().is_zero() {
                return Err(format!("streaming.{name} must be more than nothing"));
            }
        }
        if streaming.compact.older_than_days == 0 {
            let problem = "streaming.compact.older_than_days must be at least 1: yesterday's partition is still written";
            return Err(problem.to_owned());
        }
        if streaming.compact.min_files < 2 {
            return Err("streaming.compact.min_files must be at least 2".to_owned());
        }
        self.earliest_date()?;
        self.listen()?;
        Ok(())
    }

    /// The settings as a file for `--config`.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        Ok(config::print(self)?)
    }

    pub(crate) fn earliest_date(&self) -> Result<Date, String> {
        self.streaming.earliest_date.parse().map_err(|e| format!("streaming.earliest_date: {e}"))
    }

    pub(crate) fn listen(&self) -> Result<Option<SocketAddr>, String> {
        let parse = |text: &String| {
            text.parse().map_err(|_| {
                format!(
                    "streaming.listen is '{text}', which is no address; write \"127.0.0.1:9464\""
                )
            })
        };
        self.streaming.listen.as_ref().map(parse).transpose()
    }
}

/// Kafka's own rule for the names of topics.
fn check_topic(setting: &str, topic: &str) -> Result<(), String> {
    let is_legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if topic.is_empty() || topic.len() > 249 || topic == "." || topic == ".." {
        return Err(format!("{setting} is '{topic}', which cannot be the name of a topic"));
    }
    match topic.bytes().all(is_legal) {
        true => Ok(()),
        false => Err(format!(
            "{setting} is '{topic}'; the name of a topic has letters, digits, '.', '_' and '-' only"
        )),
    }
}

/// The place the settings name: its catalog and its tables.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub ddl: Arc<Ddl>,
    pub catalog: Arc<dyn Catalog>,
    /// The tables that are written; their positions are `TAGGED` and `REJECTED`.
    pub tables: Vec<TableDef>,
}

/// Position of the table of tagged orders.
pub(crate) const TAGGED: usize = 0;
/// Position of the table of rejected messages.
pub(crate) const REJECTED: usize = 1;

impl Place {
    /// Touches no server.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let explain = |error: DeploymentError| match error.is_configuration() {
            true => anyhow::Error::new(UsageError(format!("{:#}", anyhow::Error::new(error)))),
            false => error.into(),
        };
        let deployment = Deployment::from_env().map_err(explain)?;
        let ddl = deployment.ddl(&settings.warehouse).map_err(explain)?;
        let catalog =
            deployment.catalog(&settings.warehouse, &settings.catalog).map_err(explain)?;
        let tables = vec![
            ddl.table(warehouse::ddl::ORDERS_TAGGED)?.clone(),
            ddl.table(warehouse::ddl::ORDERS_REJECTED)?.clone(),
        ];
        Ok(Self { ddl: Arc::new(ddl), catalog: Arc::from(catalog), tables })
    }
}
