//! `[kafka.options]`: librdkafka's own options.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Options by librdkafka's names. Values may be text, integers or booleans; keys may be nested, so that
/// `fetch.min.bytes` works with and without quotes, and with `--set kafka.options.fetch.min.bytes=1`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

/// Options that a setting of the section `[kafka]` stands for.
const GOVERNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.brokers"),
    ("client.id", "kafka.client_id"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "kafka.security"),
    ("security.protocol", "kafka.security"),
    ("ssl.ca.certificate.stores", "kafka.ca_file"),
    ("ssl.ca.location", "kafka.ca_file"),
    ("ssl.ca.pem", "kafka.ca_file"),
    ("ssl.certificate.location", "kafka.certificate_file"),
    ("ssl.certificate.pem", "kafka.certificate_file"),
    ("ssl.key.location", "kafka.key_file"),
    ("ssl.key.password", "kafka.key_password"),
    ("ssl.key.pem", "kafka.key_file"),
    ("ssl.keystore.location", "kafka.certificate_file"),
    ("ssl.keystore.password", "kafka.key_password"),
];

/// librdkafka's second names of options, and the names that are used here.
const ALIASES: &[(&str, &str)] = &[
    ("metadata.broker.list", "bootstrap.servers"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("compression.type", "compression.codec"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

impl Options {
    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(option, value)| (option.as_str(), value.as_str()))
    }

    /// The value of an option, under whichever of its names it was given.
    pub fn get(&self, option: &str) -> Option<&str> {
        self.given(option).map(|(_, value)| value)
    }

    /// Sets an option, as if it stood in the file.
    pub fn set(&mut self, option: impl Into<String>, value: impl Into<String>) {
        self.0.insert(option.into(), value.into());
    }

    /// The name an option was given under, and its value.
    pub(crate) fn given(&self, option: &str) -> Option<(&str, &str)> {
        let wanted = canonical(option);
        self.iter().find(|(given, _)| canonical(given) == wanted)
    }

    /// The first option that a setting of `[kafka]` stands for, with that setting.
    pub(crate) fn governed(&self) -> Option<(&str, &'static str)> {
        self.iter().find_map(|(option, _)| Some((option, governing(option)?)))
    }
}

/// The setting of `[kafka]` that stands for an option.
fn governing(option: &str) -> Option<&'static str> {
    let option = canonical(option);
    match option {
        "sasl.username" => return Some("kafka.username"),
        "sasl.password" => return Some("kafka.password"),
        _ if option.starts_with("sasl.") => return Some("kafka.security"),
        _ => {}
    }
    GOVERNED.iter().find(|(governed, _)| *governed == option).map(|(_, setting)| *setting)
}

pub(crate) fn canonical(option: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == option).map_or(option, |(_, name)| *name)
}

/// Whether what an option says may be a secret: those have settings of their own, but not everybody knows at once.
fn is_secret(option: &str) -> bool {
    option.starts_with("sasl.")
        || ["password", "secret", "pem"].iter().any(|part| option.contains(part))
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(option, value)| (option, if is_secret(option) { "****" } else { value });
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

impl Serialize for Options {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (option, value) in self.iter() {
            map.serialize_entry(option, if is_secret(option) { "****" } else { value })?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Node::Table(table) = Node::deserialize(deserializer)? else {
            return Err(de::Error::custom("must be a table of librdkafka's options"));
        };
        let mut options = BTreeMap::new();
        match flatten(String::new(), table, &mut options) {
            None => Ok(Self(options)),
            // Layers are merged by key, so that it cannot be told which of the two is to count.
            Some(twice) => Err(de::Error::custom(format!(
                "has {twice} twice, with and without quotes: write it without them everywhere, then a later layer counts"
            ))),
        }
    }
}

/// Gives the first option that is there twice, in both spellings.
fn flatten(
    prefix: String,
    table: BTreeMap<String, Node>,
    options: &mut BTreeMap<String, String>,
) -> Option<String> {
    table.into_iter().find_map(|(key, node)| {
        let option = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match node {
            Node::Value(value) => options.insert(option.clone(), value).map(|_| option),
            Node::Table(table) => flatten(option, table, options),
        }
    })
}

enum Node {
    Value(String),
    Table(BTreeMap<String, Node>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, an integer or a boolean for an option of librdkafka")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Value(value.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Value(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Value(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Value(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Value(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((key, node)) = map.next_entry::<String, Node>()? {
            table.insert(key, node);
        }
        Ok(Node::Table(table))
    }
}
