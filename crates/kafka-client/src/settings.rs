//! The section `[kafka]` of a configuration file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use job_kit::config::Secret;
use job_kit::units::HumanDuration;
use serde::{Deserialize, Serialize};

use crate::KafkaError;
use crate::options::Options;

/// The section with its defaults. A job puts it before its own with
/// `concat!(include_str!("../../../crates/kafka-client/src/default.toml"), include_str!("default.toml"))`.
pub const DEFAULTS: &str = include_str!("default.toml");

/// As long as a token of MSK can be good.
pub(crate) const LONGEST_TOKEN: Duration = Duration::from_secs(900);
const SHORTEST_TOKEN: Duration = Duration::from_secs(2);

/// `[kafka]`: how to reach Kafka or AWS MSK. What each setting means stands in `default.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// `HOST:PORT`, separated by commas. Needed, but only by what connects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brokers: Option<String>,
    /// How clients prove who they are.
    #[serde(default)]
    pub security: Security,
    /// Whether connections are encrypted, for SCRAM alone: all else goes without saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// For SCRAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For SCRAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Authorities that brokers' certificates are checked against, PEM; `None`: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The key of the client's certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The password of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_password: Option<Secret>,
    /// AWS region of the cluster; `None`: found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Profile of `~/.aws/config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Role to take on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What brokers' logs call the clients; `None`: the job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How long a job waits for brokers when it starts.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: HumanDuration,
    /// After what time an MSK token counts as expired, if that is before it is. For tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_lifetime: Option<HumanDuration>,
    /// Other options of librdkafka.
    #[serde(default)]
    pub options: Options,
}

fn default_connect_timeout() -> HumanDuration {
    HumanDuration::new(Duration::from_secs(30))
}

/// How clients prove who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub enum Security {
    /// Not at all, and nothing is encrypted.
    #[default]
    #[serde(rename = "plaintext")]
    Plaintext,
    /// TLS; with a certificate of the client's, mutual.
    #[serde(rename = "tls")]
    Tls,
    /// User and password.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// User and password.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    /// AWS MSK's login by IAM.
    #[serde(rename = "iam")]
    Iam,
}

impl Security {
    pub(crate) fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha256 | Self::ScramSha512)
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "tls",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha512 => "scram-sha-512",
            Self::Iam => "iam",
        })
    }
}

impl KafkaSettings {
    /// The defaults, for brokers without encryption or login, such as those of an [`crate::EmbeddedBroker`].
    pub fn plaintext(brokers: impl Into<String>) -> Self {
        Self {
            brokers: Some(brokers.into()),
            security: Security::Plaintext,
            tls: None,
            username: None,
            password: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            key_password: None,
            region: None,
            profile: None,
            role_arn: None,
            client_id: None,
            connect_timeout: default_connect_timeout(),
            token_lifetime: None,
            options: Options::default(),
        }
    }

    /// Checks every setting, without connecting; reads no more than whether the files can be opened.
    ///
    /// # Errors
    /// The first setting that is wrong. All of them are a matter of the configuration.
    pub fn check(&self) -> Result<(), KafkaError> {
        self.check_brokers()?;
        self.check_login()?;
        self.check_tls()?;
        self.check_aws()?;
        if self.connect_timeout.get().is_zero() {
            return Err(KafkaError::setting("kafka.connect_timeout", "must be more than 0s"));
        }
        match self.options.governed() {
            Some((option, setting)) => {
                Err(KafkaError::Clash { option: option.to_owned(), setting: setting.to_owned() })
            }
            None => Ok(()),
        }
    }

    fn check_brokers(&self) -> Result<(), KafkaError> {
        let brokers = self.brokers.as_deref().unwrap_or_default();
        if brokers.trim().is_empty() {
            return Err(KafkaError::setting(
                "kafka.brokers",
                "is not set: give the addresses of the brokers as \"HOST:PORT,HOST:PORT\" in the --config file, with \
                 --set kafka.brokers=... or as RFM_KAFKA__BROKERS",
            ));
        }
        for broker in brokers.split(',').map(str::trim) {
            if !is_host_and_port(broker) {
                let message =
                    format!("has '{broker}', which is not HOST:PORT, for example localhost:9092");
                return Err(KafkaError::setting("kafka.brokers", message));
            }
        }
        Ok(())
    }

    fn check_login(&self) -> Result<(), KafkaError> {
        let (user, password) = (self.username.as_deref(), self.password.as_ref());
        let user = user.filter(|user| !user.is_empty());
        let password = password.filter(|password| !password.expose().is_empty());
        let security = self.security;
        let missing = |setting, what: &str| {
            let message = format!("is not set, but kafka.security = \"{security}\" needs {what}");
            Err(KafkaError::setting(setting, message))
        };
        let useless = |setting| {
            let message = format!(
                "is set, but kafka.security = \"{security}\" does not use it; set kafka.security = \"scram-sha-512\", or remove it"
            );
            Err(KafkaError::setting(setting, message))
        };
        match (security.is_scram(), user, password) {
            (true, None, _) => missing("kafka.username", "the name of a user"),
            (true, Some(_), None) => {
                missing("kafka.password", "a password; give it as RFM_KAFKA__PASSWORD")
            }
            (false, Some(_), _) => useless("kafka.username"),
            (false, None, Some(_)) => useless("kafka.password"),
            _ => Ok(()),
        }
    }

    fn check_tls(&self) -> Result<(), KafkaError> {
        match (self.security, self.tls) {
            (Security::Plaintext, Some(true)) => {
                let message =
                    "is true, but kafka.security is \"plaintext\"; set kafka.security = \"tls\"";
                return Err(KafkaError::setting("kafka.tls", message));
            }
            (Security::Tls | Security::Iam, Some(false)) => {
                let message = format!(
                    "is false, but kafka.security = \"{}\" is always encrypted; remove it",
                    self.security
                );
                return Err(KafkaError::setting("kafka.tls", message));
            }
            _ => {}
        }
        let (certificate, key) = (self.certificate_file.as_deref(), self.key_file.as_deref());
        let files = [
            ("kafka.ca_file", self.ca_file.as_deref()),
            ("kafka.certificate_file", certificate),
            ("kafka.key_file", key),
        ];
        for (setting, file) in files {
            let Some(file) = file else { continue };
            if !self.is_encrypted() {
                let message = "is set, but the connection is not encrypted; set kafka.security = \"tls\", or remove it";
                return Err(KafkaError::setting(setting, message));
            }
            readable(setting, file)?;
        }
        match (certificate, key) {
            (Some(_), None) => Err(KafkaError::setting(
                "kafka.certificate_file",
                "is set, but not kafka.key_file, which is needed with it",
            )),
            (None, Some(_)) => Err(KafkaError::setting(
                "kafka.key_file",
                "is set, but not kafka.certificate_file, which is needed with it",
            )),
            (None, None) if self.key_password.is_some() => Err(KafkaError::setting(
                "kafka.key_password",
                "is set, but not kafka.key_file, which it is for",
            )),
            _ => Ok(()),
        }
    }

    fn check_aws(&self) -> Result<(), KafkaError> {
        let texts = [
            ("kafka.region", self.region.as_deref()),
            ("kafka.profile", self.profile.as_deref()),
            ("kafka.role_arn", self.role_arn.as_deref()),
        ];
        for (setting, text) in texts {
            match text {
                Some(_) if self.security != Security::Iam => {
                    let message =
                        "is set, but only kafka.security = \"iam\" uses it; set that, or remove it";
                    return Err(KafkaError::setting(setting, message));
                }
                Some("") => return Err(KafkaError::setting(setting, "is empty; remove it")),
                _ => {}
            }
        }
        if let Some(role) = self.role_arn.as_deref()
            && !role.starts_with("arn:")
        {
            let message =
                format!("is '{role}', which is no ARN such as arn:aws:iam::123456789012:role/rfm");
            return Err(KafkaError::setting("kafka.role_arn", message));
        }
        let lifetime = self.token_lifetime();
        if !(SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&lifetime) {
            return Err(KafkaError::setting("kafka.token_lifetime", "must be between 2s and 15m"));
        }
        Ok(())
    }

    pub(crate) fn token_lifetime(&self) -> Duration {
        self.token_lifetime.map_or(LONGEST_TOKEN, HumanDuration::get)
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        match self.security {
            Security::Plaintext => false,
            Security::Tls | Security::Iam => true,
            Security::ScramSha256 | Security::ScramSha512 => self.tls.unwrap_or(true),
        }
    }

    /// The region in the name of an MSK broker: `b-1.shop.x1y2.c2.kafka.eu-west-1.amazonaws.com:9098`.
    pub(crate) fn region_of_brokers(&self) -> Option<&str> {
        self.brokers.as_deref()?.split(',').find_map(|broker| {
            let host = broker.trim().rsplit_once(':')?.0;
            let host =
                host.strip_suffix(".amazonaws.com.cn").or(host.strip_suffix(".amazonaws.com"))?;
            let (rest, region) = host.rsplit_once('.')?;
            let service = rest.rsplit_once('.')?.1;
            matches!(service, "kafka" | "kafka-serverless").then_some(region)
        })
    }
}

fn is_host_and_port(broker: &str) -> bool {
    // librdkafka takes PROTOCOL://HOST:PORT too, but then the protocol has to be that of the settings anyway.
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    let bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    !host.is_empty()
        && !bare_ipv6
        && !host.contains(['/', ' ', '\0'])
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn readable(setting: &'static str, path: &Path) -> Result<(), KafkaError> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => {
            let message = format!("is {}, which is not a file", path.display());
            Err(KafkaError::setting(setting, message))
        }
        Err(source) => Err(KafkaError::File { setting, path: path.to_owned(), source }),
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
