//! What can be wrong with a configuration, said so that it can be put right.

use std::io;
use std::path::PathBuf;

use figment::error::{Actual, Kind};

use super::layer::Layer;

/// A mistake in the configuration or in the flags that set it; a job ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{origin}, line {line}, column {column}: not valid TOML: {message}")]
    Syntax { origin: String, line: usize, column: usize, message: String },

    #[error("{origin}: unknown section \"{name}\"; the sections are {known}")]
    UnknownSection { origin: String, name: String, known: String },

    #[error("{origin}: \"{name}\" must be a section; write [{name}] and its settings below")]
    NotASection { origin: String, name: String },

    #[error("{origin}: unknown setting \"{key}\"; {hint}")]
    UnknownKey { origin: String, key: String, hint: String },

    #[error("{origin}: \"{key}\" is not a setting; write section.key, for example warehouse.path")]
    NoKey { origin: String, key: String },

    #[error("--set {text}: no value; write --set section.key=value")]
    NoValue { text: String },

    #[error(
        "{origin}: setting \"{key}\" is of section [{section}], which this job does not read; \
         its sections are {own}"
    )]
    OtherJob { origin: String, key: String, section: String, own: String },

    #[error("{origin}: setting \"{key}\" is not UTF-8 text")]
    NotUtf8 { origin: String, key: String },

    #[error("{origin}: setting \"{key}\": {message}")]
    Value { origin: String, key: String, message: String },

    #[error(
        "setting \"{key}\" has no value; set it in the configuration file or with --set {key}=..."
    )]
    Missing { key: String },

    #[error("setting \"{key}\": {message}")]
    Invalid { key: String, message: String },

    #[error("cannot print the configuration: {message}")]
    Unprintable { message: String },
}

impl ConfigError {
    /// For a job's own checks on values that parsed: `message` says what is wrong and what is
    /// allowed.
    pub fn invalid(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), message: message.into() }
    }
}

/// Puts figment's first error into words, with the layer whose value counts.
pub(crate) fn describe(error: &figment::Error, layers: &[Layer]) -> ConfigError {
    match &error.kind {
        // The path of a missing field ends at the table that lacks it.
        Kind::MissingField(field) => {
            let path: Vec<&str> =
                error.path.iter().map(String::as_str).chain([field.as_ref()]).collect();
            ConfigError::Missing { key: path.join(".") }
        }
        Kind::UnknownField(field, known) => ConfigError::UnknownKey {
            origin: origin_of(&error.path, layers),
            key: error.path.join("."),
            hint: hint(field, known),
        },
        kind => ConfigError::Value {
            origin: origin_of(&error.path, layers),
            key: error.path.join("."),
            message: explain(kind),
        },
    }
}

fn origin_of(path: &[String], layers: &[Layer]) -> String {
    layers
        .iter()
        .rev()
        .find(|layer| layer.has(path))
        .map_or_else(|| "configuration".to_owned(), |layer| layer.origin.to_string())
}

fn hint(field: &str, known: &[&str]) -> String {
    match known.iter().min_by_key(|name| distance(field, name)) {
        Some(nearest) if distance(field, nearest) <= 2 => format!("did you mean \"{nearest}\"?"),
        Some(_) => format!("known here: {}", known.join(", ")),
        None => "this section has no settings".to_owned(),
    }
}

/// Levenshtein distance in bytes; keys are short ASCII names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn explain(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("expected {}, found {}", plain(expected), shown(found))
        }
        Kind::UnknownVariant(found, known) => {
            format!("expected one of {}, found \"{found}\"", known.join(", "))
        }
        Kind::Message(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Serde names Rust types; the reader of the message edits a TOML file.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        other => other,
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Char(value) => format!("\"{value}\""),
        Actual::Str(value) => format!("\"{value}\""),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        Actual::Other(value) => value.clone(),
        other => other.to_string(),
    }
}
