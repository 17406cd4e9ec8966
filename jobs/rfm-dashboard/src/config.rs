//! The settings of the job, checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployment::{CatalogKind, CatalogSettings, Deployment, DeploymentError, WarehouseSettings};
use job_kit::config::{self, Secret};
use job_kit::exit::UsageError;
use job_kit::units::{ByteSize, HumanDuration};
use kafka_client::KafkaSettings;
use serde::{Deserialize, Serialize};
use warehouse::catalog::Catalog;
use warehouse::ddl::Ddl;

use crate::cli::Cli;

const DEFAULTS: &str = concat!(
    include_str!("default.toml"),
    include_str!("../../../crates/kafka-client/src/default.toml")
);

/// A token that is shorter can be guessed.
const LEAST_TOKEN: usize = 16;

/// All sections that this job reads. What each setting means stands in `default.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub warehouse: WarehouseSettings,
    pub catalog: CatalogSettings,
    pub kafka: KafkaSettings,
    pub dashboard: Dashboard,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dashboard {
    pub listen: String,
    pub topic: Option<String>,
    pub group: String,
    pub prefill: u32,
    pub currency: Option<String>,
    pub refresh: HumanDuration,
    pub stale_after: HumanDuration,
    pub token: Option<Secret>,
    pub user: Option<String>,
    pub password_hash: Option<Secret>,
    pub session: HumanDuration,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub hosts: Vec<String>,
    pub max_streams: usize,
    pub ring_orders: usize,
    pub ring_bytes: ByteSize,
    pub lookup_cache: ByteSize,
    pub snapshot_cache: ByteSize,
}

impl Settings {
    /// Merges all layers and checks every value.
    pub(crate) fn load(cli: &Cli) -> anyhow::Result<Self> {
        let settings: Self = cli.common.loader(DEFAULTS).flags(cli.settings()).load()?;
        settings.check().map_err(UsageError)?;
        Ok(settings)
    }

    /// The settings as a file for `--config`.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        Ok(config::print(self)?)
    }

    pub(crate) fn listen(&self) -> Result<SocketAddr, String> {
        let text = &self.dashboard.listen;
        text.parse().map_err(|_| {
            format!("dashboard.listen is '{text}', which is no address; write \"127.0.0.1:3034\"")
        })
    }

    fn check(&self) -> Result<(), String> {
        let dashboard = &self.dashboard;
        let address = self.listen()?;
        let has_sign_in = dashboard.token.is_some() || dashboard.password_hash.is_some();
        if !address.ip().is_loopback() && !has_sign_in {
            return Err(format!(
                "dashboard.listen is '{address}', which others can reach, so a sign-in is required: set \
                 RFM_DASHBOARD__TOKEN, or dashboard.user and dashboard.password_hash (`rfm-dashboard hash-password` \
                 makes the hash)"
            ));
        }
        if dashboard.token.as_ref().is_some_and(|token| token.expose().len() < LEAST_TOKEN) {
            return Err(format!("dashboard.token must have at least {LEAST_TOKEN} characters"));
        }
        match (&dashboard.user, &dashboard.password_hash) {
            (Some(user), Some(hash)) => {
                if user.is_empty() || user.contains(':') {
                    return Err("dashboard.user must be a name without ':'".to_owned());
                }
                if argon2::PasswordHash::new(hash.expose()).is_err() {
                    return Err("dashboard.password_hash is no hash; `rfm-dashboard hash-password` makes one".to_owned());
                }
                if dashboard.token.is_some() {
                    return Err("choose one sign-in: dashboard.token, or dashboard.user with dashboard.password_hash".to_owned());
                }
            }
            (None, None) => {}
            _ => {
                return Err("dashboard.user and dashboard.password_hash belong together; one of them is missing".to_owned());
            }
        }
        if dashboard.tls_certificate.is_some() != dashboard.tls_key.is_some() {
            return Err("dashboard.tls_certificate and dashboard.tls_key belong together; one of them is missing".to_owned());
        }
        if let Some(code) = &dashboard.currency
            && !(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return Err(format!(
                "dashboard.currency is '{code}'; write an ISO 4217 code such as \"GBP\""
            ));
        }
        if let Some(topic) = &dashboard.topic {
            let is_legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(is_legal) {
                return Err(format!(
                    "dashboard.topic is '{topic}'; the name of a topic has letters, digits, '.', '_' and '-' only"
                ));
            }
            if self.kafka.brokers.as_deref().unwrap_or_default().is_empty() {
                return Err("dashboard.topic is set, but kafka.brokers is not: say where the cluster is found".to_owned());
            }
        }
        for (name, time) in [("refresh", &dashboard.refresh), ("session", &dashboard.session)] {
            if time.get().is_zero() {
                return Err(format!("dashboard.{name} must be more than nothing"));
            }
        }
        if dashboard.max_streams == 0 || dashboard.ring_orders == 0 {
            return Err(
                "dashboard.max_streams and dashboard.ring_orders must be at least 1".to_owned()
            );
        }
        if dashboard.group.is_empty() {
            return Err("dashboard.group is empty: give the consumer group a name".to_owned());
        }
        Ok(())
    }
}

/// The place the settings name: its catalog and its tables.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub ddl: Arc<Ddl>,
    pub catalog: Arc<dyn Catalog>,
    /// The folder that holds all of it, where the catalog is a file in it.
    pub folder: Option<PathBuf>,
}

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
        let warehouse = deployment.warehouse(&settings.warehouse).map_err(explain)?;
        let is_local = settings.catalog.kind == CatalogKind::Local;
        let folder = warehouse.local_path().filter(|_| is_local).map(Path::to_owned);
        Ok(Self { ddl: Arc::new(ddl), catalog: Arc::from(catalog), folder })
    }

    /// The folder if it is not there: nothing was ever published, or its name is misspelt. With its whole path, for whoever
    /// looks cannot see where this program runs.
    pub(crate) fn missing_folder(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref().filter(|folder| !folder.exists())?;
        Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()))
    }
}
