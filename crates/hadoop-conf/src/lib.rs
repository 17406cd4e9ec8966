//! The settings of a Hadoop client, from the XML files that Hadoop's own clients read.
//!
//! The files are `core-site.xml` and `hdfs-site.xml` in `HADOOP_CONF_DIR` (else `$HADOOP_HOME/etc/hadoop`) and
//! `hive-site.xml` in `HIVE_CONF_DIR` (else `$HIVE_HOME/conf`, else where Hadoop's are). Hadoop's built-in defaults are
//! not in them, so a setting that no file has is `None`, and its default stands where it is used.
//!
//! The rules are those of `org.apache.hadoop.conf.Configuration` of Hadoop 3.4: a later file wins unless an earlier one
//! says `final`, `${...}` in values, XInclude of files in the same place. Not taken over: old names of settings, entities
//! from other files.

mod error;
mod file;
mod substitute;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use self::error::ConfError;

/// Settings by name, from all files together.
#[derive(Clone, Default, Debug)]
pub struct HadoopConf {
    settings: HashMap<String, Setting>,
    files: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
struct Setting {
    /// As it stands in the file, without the spaces around it.
    value: String,
    /// No later file may change it.
    is_final: bool,
}

impl HadoopConf {
    /// The settings that this process's environment names. Without any of the variables there are none.
    ///
    /// # Errors
    /// A folder that `HADOOP_CONF_DIR` or `HIVE_CONF_DIR` names does not exist, or a file in it cannot be read.
    pub fn from_env() -> Result<Self, ConfError> {
        Self::from_variables(|name| std::env::var_os(name).filter(|v| !v.is_empty()))
    }

    fn from_variables(
        variable: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Self, ConfError> {
        let named = |name: &'static str| match variable(name).map(PathBuf::from) {
            Some(dir) if !dir.is_dir() => {
                Err(ConfError::NoFolder { variable: name.to_owned(), dir })
            }
            dir => Ok(dir),
        };
        // The variable names the whole installation, which need not have a configuration.
        let installed = |name: &str, below: &str| {
            variable(name).map(|home| Path::new(&home).join(below)).filter(|dir| dir.is_dir())
        };
        let hadoop = named("HADOOP_CONF_DIR")?.or_else(|| installed("HADOOP_HOME", "etc/hadoop"));
        let hive = named("HIVE_CONF_DIR")?.or_else(|| installed("HIVE_HOME", "conf"));
        Self::from_dirs(hadoop.as_deref(), hive.as_deref())
    }

    /// The settings in these folders. `hive-site.xml` is looked for in `hive`, then in `hadoop`.
    ///
    /// # Errors
    /// A folder does not exist, or a file in it cannot be read. A folder without any of the files is no error.
    pub fn from_dirs(hadoop: Option<&Path>, hive: Option<&Path>) -> Result<Self, ConfError> {
        for dir in [hadoop, hive].into_iter().flatten() {
            if !dir.is_dir() {
                return Err(ConfError::NoFolder {
                    variable: "the configuration folder".to_owned(),
                    dir: dir.to_owned(),
                });
            }
        }
        let mut conf = Self::default();
        for name in ["core-site.xml", "hdfs-site.xml"] {
            conf.add_file_if_exists(hadoop, name)?;
        }
        if !conf.add_file_if_exists(hive, "hive-site.xml")? {
            conf.add_file_if_exists(hadoop, "hive-site.xml")?;
        }
        Ok(conf)
    }

    fn add_file_if_exists(&mut self, dir: Option<&Path>, name: &str) -> Result<bool, ConfError> {
        let Some(file) = dir.map(|dir| dir.join(name)).filter(|file| file.exists()) else {
            return Ok(false);
        };
        for property in file::read(&file)? {
            self.add(property);
        }
        self.files.push(file);
        Ok(true)
    }

    fn add(&mut self, property: file::Property) {
        if self.settings.get(&property.name).is_some_and(|earlier| earlier.is_final) {
            return;
        }
        let setting = Setting { value: property.value, is_final: property.is_final };
        self.settings.insert(property.name, setting);
    }

    /// These settings and no file, for tests and for programs that have them from elsewhere.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut conf = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            conf.add(file::Property { name, value, is_final: false });
        }
        conf
    }

    /// The setting `key`, with what its `${...}` stand for. What they name and nobody has set stays as it is.
    pub fn get(&self, key: &str) -> Option<String> {
        let raw = |name: &str| self.settings.get(name).map(|setting| setting.value.as_str());
        raw(key).map(|value| substitute::expand(value, &raw, &|name| std::env::var(name).ok()))
    }

    /// [`Self::get`], without settings that are empty.
    pub fn get_nonempty(&self, key: &str) -> Option<String> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// The names of all settings, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// The files that were read, for messages. Included files are not among them.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

#[cfg(test)]
mod tests;
