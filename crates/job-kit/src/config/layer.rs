//! One source of settings: where it came from and what it says.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::{ConfigError, SECTIONS};

/// Where a setting was found, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Defaults,
    File(PathBuf),
    Env(String),
    Set,
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("compiled-in defaults"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Set => f.write_str("--set"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// A layer of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) origin: Origin,
    pub(crate) table: toml::Table,
    /// For a single setting given as text that TOML read as something else: its path and text.
    text: Option<(Vec<String>, String)>,
}

impl Layer {
    /// Whether this layer says anything at `path`.
    pub(crate) fn has(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return true;
        };
        let mut value = self.table.get(first);
        for key in rest {
            // Elements of an array belong to the layer that gave the array.
            if matches!(value, Some(toml::Value::Array(_))) {
                return true;
            }
            value = value.and_then(|v| v.get(key));
        }
        value.is_some()
    }

    /// Takes the value as plain text after all; false if that was done before or cannot be.
    pub(crate) fn read_as_text(&mut self) -> bool {
        let Some((path, text)) = self.text.take() else {
            return false;
        };
        self.table = nest(&path, toml::Value::String(text));
        true
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(to_dict(&self.table)))
    }
}

/// A whole TOML text: the defaults or a file.
pub(crate) fn parse_file(origin: Origin, text: &str) -> Result<Layer, ConfigError> {
    match text.parse::<toml::Table>() {
        Ok(table) => Ok(Layer { origin, table, text: None }),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or(text);
            Err(ConfigError::Syntax {
                origin: origin.to_string(),
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
                message: error.message().trim().replace('\n', ", "),
            })
        }
    }
}

/// Drops the sections of other jobs from a file and refuses those of no job.
pub(crate) fn keep_own_sections(mut layer: Layer, own: &[&str]) -> Result<Layer, ConfigError> {
    for (name, value) in &layer.table {
        if !SECTIONS.contains(&name.as_str()) {
            return Err(unknown_section(&layer.origin, name));
        }
        if !value.is_table() {
            return Err(ConfigError::NotASection {
                origin: layer.origin.to_string(),
                name: name.clone(),
            });
        }
    }
    layer.table.retain(|name, _| own.contains(&name));
    Ok(layer)
}

/// The setting of an `RFM_` variable; `None` if it addresses another job's section, or if it has neither a double underscore
/// nor the name of a section: then it is somebody else's variable (`RFM_HOME`), not a setting with a typing error.
pub(crate) fn from_env(
    prefix: &str,
    name: &OsStr,
    value: OsString,
    own: &[&str],
) -> Result<Option<Layer>, ConfigError> {
    let name = name.to_string_lossy();
    let origin = Origin::Env(name.clone().into_owned());
    let path: Vec<String> = name
        .strip_prefix(prefix)
        .unwrap_or(&name)
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect();
    let section = path.first().map_or("", String::as_str);
    let begins_with_section = |name: &str| {
        SECTIONS.iter().any(|known| name.strip_prefix(known).is_some_and(|r| r.starts_with('_')))
    };
    if path.len() == 1 && !SECTIONS.contains(&section) && !begins_with_section(section) {
        return Ok(None);
    }
    if !SECTIONS.contains(&section) {
        return Err(unknown_section(&origin, section));
    }
    if !own.contains(&section) {
        return Ok(None);
    }
    check_has_key(&origin, &path)?;
    let text = value
        .into_string()
        .map_err(|_| ConfigError::NotUtf8 { origin: origin.to_string(), key: path.join(".") })?;
    Ok(Some(from_text(origin, path, text)))
}

/// The setting of one `--set key=value`.
pub(crate) fn from_set(text: &str, own: &[&str]) -> Result<Layer, ConfigError> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(ConfigError::NoValue { text: text.to_owned() });
    };
    let path = own_path(&Origin::Set, key.trim(), own)?;
    Ok(from_text(Origin::Set, path, value.trim().to_owned()))
}

/// The setting of a job's own flag.
pub(crate) fn from_flag(key: &str, value: toml::Value, own: &[&str]) -> Result<Layer, ConfigError> {
    let path = own_path(&Origin::Flag, key, own)?;
    Ok(Layer { origin: Origin::Flag, table: nest(&path, value), text: None })
}

/// Splits a dotted key and refuses one that this job would never look at.
fn own_path(origin: &Origin, key: &str, own: &[&str]) -> Result<Vec<String>, ConfigError> {
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    let section = path.first().map_or("", String::as_str);
    if !SECTIONS.contains(&section) {
        return Err(unknown_section(origin, section));
    }
    check_has_key(origin, &path)?;
    if own.contains(&section) {
        return Ok(path);
    }
    Err(ConfigError::OtherJob {
        origin: origin.to_string(),
        key: key.to_owned(),
        section: section.to_owned(),
        own: own.join(", "),
    })
}

fn check_has_key(origin: &Origin, path: &[String]) -> Result<(), ConfigError> {
    if path.len() < 2 || path.iter().any(String::is_empty) {
        return Err(ConfigError::NoKey { origin: origin.to_string(), key: path.join(".") });
    }
    Ok(())
}

fn unknown_section(origin: &Origin, name: &str) -> ConfigError {
    ConfigError::UnknownSection {
        origin: origin.to_string(),
        name: name.to_owned(),
        known: SECTIONS.join(", "),
    }
}

fn from_text(origin: Origin, path: Vec<String>, text: String) -> Layer {
    let value = parse_value(&text);
    let other_reading = match &value {
        toml::Value::String(_) => None,
        _ => Some((path.clone(), text)),
    };
    Layer { origin, table: nest(&path, value), text: other_reading }
}

/// A TOML value, or the text itself if it is none.
fn parse_value(text: &str) -> toml::Value {
    // A line break would end the value and let the rest of the text add keys of its own.
    if !text.contains(['\n', '\r'])
        && let Ok(mut table) = format!("value = {text}").parse::<toml::Table>()
        && let Some(value) = table.remove("value")
    {
        return value;
    }
    toml::Value::String(text.to_owned())
}

/// `["a", "b"]` and 1 -> `{a = {b = 1}}`.
fn nest(path: &[String], value: toml::Value) -> toml::Table {
    let mut table = toml::Table::new();
    if let Some((first, rest)) = path.split_first() {
        let inner = if rest.is_empty() { value } else { toml::Value::Table(nest(rest, value)) };
        table.insert(first.clone(), inner);
    }
    table
}

fn to_dict(table: &toml::Table) -> Dict {
    table.iter().map(|(key, value)| (key.clone(), to_value(value))).collect()
}

fn to_value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.clone()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        // Figment has no dates; a setting that is a date takes it as text.
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Array(values) => {
            Value::from(values.iter().map(to_value).collect::<Vec<Value>>())
        }
        toml::Value::Table(table) => Value::from(to_dict(table)),
    }
}
