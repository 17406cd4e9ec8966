//! What the sections `[warehouse]` and `[catalog]` of a configuration file mean: stores, warehouse folder, catalog.
//!
//! Every job opens them here, so all of them read the same settings in the same way. What a Hadoop node is configured
//! with already is not repeated in a job's file: HDFS comes from `HADOOP_CONF_DIR`, the metastore's addresses from
//! `hive-site.xml` in `HIVE_CONF_DIR`.

mod s3;

use std::path::PathBuf;

use hadoop_conf::{ConfError, HadoopConf};
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, InvalidAddress, Metastore, MetastoreSettings};
use job_kit::units::HumanDuration;
use serde::{Deserialize, Serialize};
use store::{Location, StoreError, StoreErrorKind, Stores};
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, DdlError, Naming};
use warehouse::local_catalog::LocalCatalog;

/// Where hive-site.xml has the metastore's addresses; the second is what a Hive 3 standalone metastore calls them.
const URIS: [&str; 2] = ["hive.metastore.uris", "metastore.thrift.uris"];

/// `[warehouse]`: where the tables are and what they are called.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseSettings {
    /// Folder of the tables: a path or an address.
    pub path: String,
    /// Hive database.
    pub database: String,
    /// The beginning of every table name.
    pub prefix: String,
}

/// `[catalog]`: where the tables are registered.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSettings {
    /// Which catalog.
    pub kind: CatalogKind,
    /// Metastores, separated by commas; without it those of hive-site.xml.
    pub uris: Option<String>,
    /// How long one call to a metastore may take.
    pub timeout: HumanDuration,
    /// How long a call is tried again while no metastore answers.
    pub keep_trying: HumanDuration,
    /// How long a run that gives no sign of life keeps others from publishing.
    pub lease: HumanDuration,
}

/// The catalogs there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// A file in the warehouse folder, no server.
    Local,
    /// A Hive metastore.
    Hive,
}

/// Why a deployment cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Hadoop's or Hive's configuration files.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The warehouse folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Database, prefix or warehouse.
    #[error(transparent)]
    Ddl(#[from] DdlError),
    /// The addresses of the metastore.
    #[error("the addresses of the Hive metastore in {place} cannot be used")]
    Address {
        /// `catalog.uris` or the setting in hive-site.xml.
        place: String,
        /// Which one and why.
        source: InvalidAddress,
    },
    /// No address at all.
    #[error(
        "catalog.kind is \"hive\", but no metastore is known: set HIVE_CONF_DIR to a folder whose hive-site.xml has \
         hive.metastore.uris, or set catalog.uris = \"thrift://HOST:9083\""
    )]
    NoMetastore,
    /// The local catalog on a store that is not the local disk.
    #[error(
        "catalog.kind is \"local\", which keeps its file on the local disk, but the warehouse is '{warehouse}'; use \
         catalog.kind = \"hive\", or file:/FOLDER as warehouse.path"
    )]
    NotLocal {
        /// The warehouse.
        warehouse: Location,
    },
    /// The operating system.
    #[error("cannot start the client of the Hive metastore")]
    Start(#[from] std::io::Error),
}

impl DeploymentError {
    /// Whether the configuration is to blame, and not the machine or a server.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Start(_) => false,
            Self::Store(error) => error.kind() == StoreErrorKind::Address,
            _ => true,
        }
    }
}

/// The stores and the configuration of this machine.
#[derive(Debug)]
pub struct Deployment {
    conf: HadoopConf,
    stores: Stores,
}

impl Deployment {
    /// From `HADOOP_CONF_DIR` and `HIVE_CONF_DIR`, or what stands in their place. Touches no server.
    ///
    /// # Errors
    /// [`DeploymentError::Conf`].
    pub fn from_env() -> Result<Self, DeploymentError> {
        Ok(Self::from_conf(HadoopConf::from_env()?))
    }

    /// From a configuration that somebody has read already. Touches no server.
    pub fn from_conf(conf: HadoopConf) -> Self {
        let hdfs = HdfsStores::new(conf.clone());
        Self { stores: Stores::local().with(hdfs).with(s3::stores(&conf)), conf }
    }

    /// The stores.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The stores alone, when nothing more is to be opened.
    pub fn into_stores(self) -> Stores {
        self.stores
    }

    /// The warehouse folder.
    ///
    /// # Errors
    /// [`DeploymentError::Store`], [`DeploymentError::Ddl`] for names that Hive would not accept.
    pub fn warehouse(&self, settings: &WarehouseSettings) -> Result<Location, DeploymentError> {
        let WarehouseSettings { path, database, prefix } = settings;
        Naming::new(database, prefix, path)?;
        Ok(self.stores.locate(path)?)
    }

    /// The tables and views, under their names in this deployment.
    ///
    /// # Errors
    /// As [`Self::warehouse`].
    pub fn ddl(&self, settings: &WarehouseSettings) -> Result<Ddl, DeploymentError> {
        let warehouse = self.warehouse(settings)?.uri();
        Ok(Ddl::load(&Naming::new(&settings.database, &settings.prefix, &warehouse)?)?)
    }

    /// The catalog. Touches no server.
    ///
    /// # Errors
    /// Any [`DeploymentError`].
    pub fn catalog(
        &self,
        warehouse: &WarehouseSettings,
        catalog: &CatalogSettings,
    ) -> Result<Box<dyn Catalog>, DeploymentError> {
        let location = self.warehouse(warehouse)?;
        match catalog.kind {
            CatalogKind::Local => match location.local_path() {
                Some(path) => Ok(Box::new(LocalCatalog::new(PathBuf::from(path)))),
                None => Err(DeploymentError::NotLocal { warehouse: location }),
            },
            CatalogKind::Hive => {
                let metastore = Metastore::new(MetastoreSettings {
                    uris: self.metastores(catalog.uris.as_deref())?,
                    user: user_name(),
                    timeout: catalog.timeout.get(),
                    keep_trying: catalog.keep_trying.get(),
                })?;
                let ddl = self.ddl(warehouse)?;
                Ok(Box::new(HiveCatalog::new(metastore, location, ddl, catalog.lease.get())))
            }
        }
    }

    fn metastores(&self, uris: Option<&str>) -> Result<Vec<Address>, DeploymentError> {
        let configured = |key: &&str| Some(((*key).to_owned(), self.conf.get_nonempty(key)?));
        let (place, uris) = uris
            .map(|uris| ("catalog.uris".to_owned(), uris.to_owned()))
            .or_else(|| URIS.iter().find_map(configured))
            .ok_or(DeploymentError::NoMetastore)?;
        Address::parse_list(&uris).map_err(|source| DeploymentError::Address { place, source })
    }
}

/// Who a cluster without Kerberos takes this process for, by the rule of Hadoop's clients.
fn user_name() -> String {
    match std::env::var("HADOOP_USER_NAME") {
        Ok(name) if !name.is_empty() => name,
        _ => whoami::username(),
    }
}
