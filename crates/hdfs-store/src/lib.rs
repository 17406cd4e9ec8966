//! HDFS as a [`store::Store`], without Java: for `hdfs:` and `viewfs:` addresses.
//!
//! All settings come from Hadoop's own configuration files, see [`hadoop_conf`]. [`HdfsStores`] opens the stores;
//! nothing is asked of a server before the first call. The client is the crate `hdfs-native`; what this crate adds:
//!
//! - the calls block, from any thread, and each has a deadline (see `settings`);
//! - addresses as Java's client understands them (see `address`);
//! - errors by kind, which name the path and the NameNodes that were asked (see `problem`);
//! - reading ahead, shared by all threads that read a file (see [`network_store`]).
//!
//! # Authentication
//! The user is `HADOOP_USER_NAME`, else the operating system's. Kerberos is not supported yet: what it needs belongs into
//! `connection`, the only place where a client is made.

mod address;
mod connection;
mod problem;
mod read;
mod settings;
mod store_impl;
mod unhurried;
mod write;

use std::sync::Arc;

use hadoop_conf::{ConfError, HadoopConf};
use store::{OpenStore, Store, StoreError, StoreErrorKind};

use crate::address::Target;
use crate::connection::Connection;
use crate::settings::Settings;
pub use crate::store_impl::HdfsStore;

/// Opens HDFS file systems, by the settings of one configuration.
#[derive(Clone, Debug)]
pub struct HdfsStores {
    conf: Arc<HadoopConf>,
}

impl HdfsStores {
    /// With these settings.
    pub fn new(conf: HadoopConf) -> Self {
        Self { conf: Arc::new(conf) }
    }

    /// With the settings that `HADOOP_CONF_DIR` or `HADOOP_HOME` name.
    ///
    /// # Errors
    /// The folder does not exist, or a file in it cannot be read.
    pub fn from_env() -> Result<Self, ConfError> {
        HadoopConf::from_env().map(Self::new)
    }

    /// The settings.
    pub fn conf(&self) -> &HadoopConf {
        &self.conf
    }
}

impl OpenStore for HdfsStores {
    fn schemes(&self) -> &[&'static str] {
        &["hdfs", "viewfs"]
    }

    fn open(&self, scheme: &str, authority: &str) -> Result<Arc<dyn Store>, StoreError> {
        let place = format!("{scheme}://{authority}");
        let refused =
            |problem: String| StoreError::new(StoreErrorKind::Address, "use", &place, problem);
        let target = Target::resolve(&self.conf, scheme, authority).map_err(refused)?;
        let settings = Settings::read(&self.conf).map_err(refused)?;
        let connection = Connection::new(target, settings);
        Ok(Arc::new(HdfsStore::new(Arc::new(connection))))
    }

    fn default_address(&self) -> Result<Option<(String, String)>, StoreError> {
        let Some(address) = self.conf.get_nonempty(address::DEFAULT_FS) else { return Ok(None) };
        let Some((scheme, rest)) = address.split_once(':') else { return Ok(None) };
        let scheme = scheme.to_ascii_lowercase();
        if !self.schemes().contains(&&*scheme) {
            return Ok(None);
        }
        let authority = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
        Ok(Some((scheme, authority.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_system() {
        for (setting, expected) in [
            (None, None),
            (Some("file:///"), None),
            (Some("s3a://bucket"), None),
            (Some("hdfs://name"), Some(("hdfs", "name"))),
            (Some("hdfs://name:8020/"), Some(("hdfs", "name:8020"))),
            (Some("HDFS://name:8020/user"), Some(("hdfs", "name:8020"))),
            (Some("viewfs://table/"), Some(("viewfs", "table"))),
        ] {
            let conf = HadoopConf::from_pairs(setting.map(|s| ("fs.defaultFS", s)));
            let found = HdfsStores::new(conf).default_address().unwrap();
            let found = found.as_ref().map(|(scheme, authority)| (&**scheme, &**authority));
            assert_eq!(found, expected, "{setting:?}");
        }
    }
}
