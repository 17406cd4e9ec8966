//! Layered configuration. Later layers override earlier ones:
//!
//! 1. the job's compiled-in defaults, a commented TOML text;
//! 2. `--config FILE`, one file per deployment with a section for each job;
//! 3. environment variables `RFM_<SECTION>__<KEY>`, e.g. `RFM_BATCH__SNAPSHOT_DATE`;
//! 4. `--set section.key=value`;
//! 5. the job's own flags.
//!
//! The sections a job reads are the tables of its defaults. Other known sections of a file or of
//! the environment are another job's and are left alone; anything else is refused, because a
//! setting that silently does nothing is the worst kind of typing error.
//!
//! Values from the environment and from `--set` are read as TOML (`3`, `true`, `["a", "b"]`) and,
//! where that does not fit the setting, as plain text. Dates may be written with or without quotes.

mod error;
mod layer;
mod secret;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::{Figment, Profile};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ConfigError;
use layer::{Layer, Origin};
pub use secret::Secret;

/// Every section a configuration file may have; each job reads some of them.
pub const SECTIONS: &[&str] =
    &["warehouse", "catalog", "kafka", "batch", "producer", "streaming", "dashboard"];

const ENV_PREFIX: &str = "RFM_";

/// Collects the layers of a job's configuration; errors are reported by [`Loader::load`].
#[derive(Debug)]
pub struct Loader {
    defaults: &'static str,
    file: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    sets: Vec<String>,
    flags: BTreeMap<String, toml::Value>,
}

impl Loader {
    /// `defaults` is TOML with a table, empty if need be, for every section the job reads.
    pub fn new(defaults: &'static str) -> Self {
        let (file, env) = (None, Vec::new());
        Self { defaults, file, env, sets: Vec::new(), flags: BTreeMap::new() }
    }

    /// The file given with `--config`, if any.
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// The `RFM_` variables of this process.
    pub fn env(self) -> Self {
        self.env_from(env::vars_os())
    }

    /// The `RFM_` variables among `vars`.
    pub fn env_from<K, V>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.env = vars
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(name, _)| name.as_encoded_bytes().starts_with(ENV_PREFIX.as_bytes()))
            .collect();
        // The order of the environment is arbitrary; messages should not be.
        self.env.sort();
        self
    }

    /// The `key=value` texts given with `--set`, in the order given.
    pub fn sets(mut self, sets: &[String]) -> Self {
        self.sets.extend_from_slice(sets);
        self
    }

    /// Values of the job's own flags by dotted key, only for flags that were given.
    pub fn flags(mut self, flags: BTreeMap<String, toml::Value>) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Merges the layers and checks them against `T`, whose fields are the job's sections, each a
    /// struct with `#[serde(deny_unknown_fields)]`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its dotted key, the layer it came from and what to do.
    pub fn load<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        let mut layers = self.layers()?;
        let mut first_error = None;
        loop {
            let error = match merge(&layers).extract::<T>() {
                Ok(config) => return Ok(config),
                Err(error) => error,
            };
            // `--set batch.run_id=17` is an integer to TOML; where text is wanted it is text.
            let read_as_text = !is_about_the_key(&error.kind)
                && last_with(&mut layers, &error.path).is_some_and(Layer::read_as_text);
            let described = error::describe(&error, &layers);
            if !read_as_text {
                return Err(first_error.unwrap_or(described));
            }
            first_error.get_or_insert(described);
        }
    }

    fn layers(self) -> Result<Vec<Layer>, ConfigError> {
        let defaults = layer::parse_file(Origin::Defaults, self.defaults)?;
        let own: Vec<&str> =
            SECTIONS.iter().copied().filter(|name| defaults.table.contains_key(*name)).collect();
        let mut layers = vec![defaults];
        if let Some(path) = &self.file {
            layers.push(layer::keep_own_sections(read_file(path)?, &own)?);
        }
        for (name, value) in self.env {
            layers.extend(layer::from_env(ENV_PREFIX, &name, value, &own)?);
        }
        for text in &self.sets {
            layers.push(layer::from_set(text, &own)?);
        }
        for (key, value) in self.flags {
            layers.push(layer::from_flag(&key, value, &own)?);
        }
        Ok(layers)
    }
}

/// The configuration as TOML, for `--print-config`; every [`Secret`] in it is masked.
///
/// # Errors
/// [`ConfigError::Unprintable`] if a value has no TOML form (an integer beyond 63 bits).
pub fn print<T: Serialize>(config: &T) -> Result<String, ConfigError> {
    toml::to_string_pretty(config)
        .map_err(|error| ConfigError::Unprintable { message: error.to_string() })
}

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    layer::parse_file(Origin::File(path.to_owned()), &text)
}

fn merge(layers: &[Layer]) -> Figment {
    // The profile is fixed: one file per deployment takes the place of figment's profiles.
    layers.iter().fold(Figment::new().select(Profile::Default), |merged, layer| merged.merge(layer))
}

/// The layer whose value counts for `path`: the last one that has it.
fn last_with<'a>(layers: &'a mut [Layer], path: &[String]) -> Option<&'a mut Layer> {
    layers.iter_mut().rev().find(|layer| layer.has(path))
}

fn is_about_the_key(kind: &Kind) -> bool {
    matches!(kind, Kind::UnknownField(..) | Kind::MissingField(..) | Kind::DuplicateField(..))
}
