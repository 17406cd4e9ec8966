//! What the sections `[warehouse]` and `[catalog]` of a configuration file mean: stores, warehouse folder, catalog.
//!
//! Every job opens them here, so all of them read the same settings in the same way. What a Hadoop node is configured
//! with already is not repeated in a job's file: HDFS comes from `HADOOP_CONF_DIR`, the metastore's addresses from
//! `hive-site.xml` in `HIVE_CONF_DIR`, and whether it is AWS Glue that stands in the metastore's place.

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

/// Where hive-site.xml says what Hive keeps its tables in. On EMR a class of this name stands for Glue.
const CLIENT_FACTORY: &str = "hive.metastore.client.factory.class";
const GLUE_FACTORY: &str = "AWSGlueDataCatalogHiveClientFactory";
/// The account that has the catalog of Glue, if it is not the one that asks.
#[cfg(feature = "glue")]
const GLUE_CATALOG_ID: &str = "hive.metastore.glue.catalogid";

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
    /// How long one call to a metastore or to Glue may take.
    pub timeout: HumanDuration,
    /// How long a call is tried again while no metastore answers, or Glue does not.
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
    /// A Hive metastore; or Glue, where hive-site.xml says that Hive uses it, and `uris` is not set.
    Hive,
    /// The AWS Glue Data Catalog.
    Glue,
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
    /// Addresses of metastores for a catalog that is none.
    #[error(
        "catalog.uris names Hive metastores, but catalog.kind is \"glue\"; leave catalog.uris out, or use \
         catalog.kind = \"hive\""
    )]
    UrisOfGlue,
    /// A catalog that this program was built without.
    #[error(
        "the tables are to be registered in AWS Glue ({reason}), but this program was built without it; build it with \
         --features glue"
    )]
    WithoutGlue {
        /// Which setting says so.
        reason: &'static str,
    },
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
    #[error("cannot start the client of the catalog")]
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
        match self.catalog_kind(catalog) {
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
            CatalogKind::Glue => {
                if catalog.uris.is_some() {
                    return Err(DeploymentError::UrisOfGlue);
                }
                self.glue(location, self.ddl(warehouse)?, catalog)
            }
        }
    }

    /// Which catalog is meant: `hive` is Glue where hive-site.xml says that Hive's tables are there, as on EMR with the Glue
    /// Data Catalog, unless addresses of metastores are set.
    pub fn catalog_kind(&self, catalog: &CatalogSettings) -> CatalogKind {
        let factory = self.conf.get_nonempty(CLIENT_FACTORY).unwrap_or_default();
        let is_glue = factory.rsplit('.').next() == Some(GLUE_FACTORY);
        match catalog.kind {
            CatalogKind::Hive if is_glue && catalog.uris.is_none() => CatalogKind::Glue,
            kind => kind,
        }
    }

    #[cfg(feature = "glue")]
    fn glue(
        &self,
        warehouse: Location,
        ddl: Ddl,
        catalog: &CatalogSettings,
    ) -> Result<Box<dyn Catalog>, DeploymentError> {
        let catalog_id = self.conf.get_nonempty(GLUE_CATALOG_ID);
        let account = catalog_id.as_deref().unwrap_or("that of the credentials");
        match catalog.kind {
            CatalogKind::Glue => tracing::info!(account, "tables are registered in AWS Glue"),
            _ => tracing::info!(
                account,
                "hive-site.xml names Glue's client ({CLIENT_FACTORY}): tables are registered in AWS Glue"
            ),
        }
        let glue = glue_catalog::Glue::new(glue_catalog::GlueSettings {
            catalog_id,
            user: user_name(),
            timeout: catalog.timeout.get(),
            keep_trying: catalog.keep_trying.get(),
        })?;
        Ok(Box::new(HiveCatalog::new(glue, warehouse, ddl, catalog.lease.get())))
    }

    #[cfg(not(feature = "glue"))]
    fn glue(
        &self,
        _: Location,
        _: Ddl,
        catalog: &CatalogSettings,
    ) -> Result<Box<dyn Catalog>, DeploymentError> {
        let reason = match catalog.kind {
            CatalogKind::Glue => "catalog.kind is \"glue\"",
            _ => "hive-site.xml names Glue's client as hive.metastore.client.factory.class",
        };
        Err(DeploymentError::WithoutGlue { reason })
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

#[cfg(test)]
mod tests;
