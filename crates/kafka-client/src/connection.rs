//! Settings as librdkafka wants them.

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as NativeError;
use rdkafka::types::RDKafkaConfRes;

use crate::KafkaError;
use crate::hooks::ClientHooks;
use crate::options::canonical;
use crate::problem::Advice;
use crate::settings::{KafkaSettings, Security};
use crate::token::{CredentialsFrom, TokenSource};

/// How clients of one cluster are made. Clients made of it share its tokens.
#[derive(Clone)]
pub struct Connection {
    settings: Arc<KafkaSettings>,
    client_id: String,
    tokens: Option<Arc<TokenSource>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Connection {
    /// Checks the settings and, for IAM, starts to make tokens. Connects to no broker.
    ///
    /// `role` is the job's name: what brokers see unless `kafka.client_id` says otherwise, and the name of the
    /// session of
    /// `kafka.role_arn`.
    ///
    /// # Errors
    /// As [`KafkaSettings::check`]; [`KafkaError::UnknownOption`] and [`KafkaError::BadOption`] for what librdkafka
    /// does not take.
    pub fn new(settings: &KafkaSettings, role: &str) -> Result<Self, KafkaError> {
        let credentials = CredentialsFrom::Chain {
            profile: settings.profile.clone(),
            role_arn: settings.role_arn.clone(),
            session: role.to_owned(),
        };
        Self::with(settings, role, credentials)
    }

    /// The same with AWS credentials from elsewhere than `kafka.profile`, `kafka.role_arn` and AWS's usual places.
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn with_credentials(
        settings: &KafkaSettings,
        role: &str,
        credentials: SharedCredentialsProvider,
    ) -> Result<Self, KafkaError> {
        Self::with(settings, role, CredentialsFrom::Provider(credentials))
    }

    fn with(
        settings: &KafkaSettings,
        role: &str,
        credentials: CredentialsFrom,
    ) -> Result<Self, KafkaError> {
        settings.check()?;
        let mut connection = Self {
            settings: Arc::new(settings.clone()),
            client_id: settings.client_id.clone().unwrap_or_else(|| role.to_owned()),
            tokens: None,
        };
        connection.client_config().build()?;
        if settings.security == Security::Iam {
            let region = settings.region.as_deref().or(settings.region_of_brokers());
            let tokens = TokenSource::start(
                region.map(str::to_owned),
                credentials,
                settings.token_lifetime(),
            )?;
            connection.tokens = Some(Arc::new(tokens));
        }
        Ok(connection)
    }

    /// The settings it was made of.
    pub fn settings(&self) -> &KafkaSettings {
        &self.settings
    }

    /// Begins the configuration of a client.
    pub fn client_config(&self) -> ConfigBuilder<'_> {
        ConfigBuilder { connection: self, own: Vec::new(), error: None }
    }

    /// What a client of this cluster reports to; each client should have one of its own.
    pub fn context(&self) -> ClientHooks {
        ClientHooks::new(Advice::new(&self.settings), self.tokens.clone())
    }

    fn base(&self) -> ClientConfig {
        let settings = &*self.settings;
        let mut config = ClientConfig::new();
        let mut set = |option: &str, value: &str| {
            config.set(option, value);
        };
        set("bootstrap.servers", settings.brokers.as_deref().unwrap_or_default());
        set("client.id", &self.client_id);
        set("log.thread.name", "false");
        set("socket.keepalive.enable", "true");
        let (sasl, mechanism) = match settings.security {
            Security::Plaintext | Security::Tls => (false, None),
            Security::ScramSha256 => (true, Some("SCRAM-SHA-256")),
            Security::ScramSha512 => (true, Some("SCRAM-SHA-512")),
            Security::Iam => (true, Some("OAUTHBEARER")),
        };
        let protocol = match (sasl, settings.is_encrypted()) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        set("security.protocol", protocol);
        if let Some(mechanism) = mechanism {
            set("sasl.mechanism", mechanism);
        }
        if let (Some(username), Some(password)) = (&settings.username, &settings.password) {
            set("sasl.username", username);
            set("sasl.password", password.expose());
        }
        if settings.is_encrypted() {
            set("ssl.ca.location", &self.ca_location());
            let files = [
                ("ssl.certificate.location", &settings.certificate_file),
                ("ssl.key.location", &settings.key_file),
            ];
            for (option, file) in files {
                if let Some(file) = file {
                    set(option, &file.to_string_lossy());
                }
            }
            if let Some(password) = &settings.key_password {
                set("ssl.key.password", password.expose());
            }
        }
        config
    }

    fn ca_location(&self) -> String {
        if let Some(file) = &self.settings.ca_file {
            return file.to_string_lossy().into_owned();
        }
        // An OpenSSL that is linked in statically does not know where this system keeps its authorities.
        std::env::var("SSL_CERT_FILE").unwrap_or_else(|_| "probe".to_owned())
    }
}

/// The configuration of one client: what the connection needs, what the job needs, and the user's `[kafka.options]`.
#[must_use]
pub struct ConfigBuilder<'a> {
    connection: &'a Connection,
    own: Vec<(String, String)>,
    error: Option<KafkaError>,
}

impl ConfigBuilder<'_> {
    /// A value that `kafka.options` may replace.
    pub fn preset(mut self, option: &str, value: impl Into<String>) -> Self {
        if self.connection.settings.options.given(option).is_none() {
            self.own.push((option.to_owned(), value.into()));
        }
        self
    }

    /// A value that a setting of the job stands for, such as `streaming.group`: `kafka.options` may not name the
    /// option.
    pub fn governed(mut self, option: &str, value: impl Into<String>, setting: &str) -> Self {
        self.refuse(option, |option| KafkaError::Clash { option, setting: setting.to_owned() });
        self.own.push((option.to_owned(), value.into()));
        self
    }

    /// A value that the job's promises stand on, with the reason: `kafka.options` may not name the option.
    pub fn fixed(mut self, option: &str, value: impl Into<String>, reason: &str) -> Self {
        self.refuse(option, |option| KafkaError::Fixed { option, reason: reason.to_owned() });
        self.own.push((option.to_owned(), value.into()));
        self
    }

    fn refuse(&mut self, option: &str, error: impl FnOnce(String) -> KafkaError) {
        if let Some((given, _)) = self.connection.settings.options.given(option) {
            self.error.get_or_insert(error(given.to_owned()));
        }
    }

    /// The whole.
    ///
    /// # Errors
    /// [`KafkaError::Clash`] and [`KafkaError::Fixed`] for an option that is not the user's to set,
    /// [`KafkaError::UnknownOption`],
    /// [`KafkaError::BadOption`].
    pub fn build(self) -> Result<ClientConfig, KafkaError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut config = self.connection.base();
        for (option, value) in &self.own {
            config.set(canonical(option), value);
        }
        for (option, value) in self.connection.settings.options.iter() {
            config.set(canonical(option), value);
        }
        let debugging = config.get("debug").is_some_and(|contexts| !contexts.is_empty());
        config.set_log_level(if debugging {
            RDKafkaLogLevel::Debug
        } else {
            RDKafkaLogLevel::Info
        });
        match config.create_native_config() {
            Ok(_) => Ok(config),
            Err(NativeError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, option, _)) => {
                Err(KafkaError::UnknownOption { option })
            }
            Err(NativeError::ClientConfig(_, message, ..)) => {
                Err(KafkaError::BadOption { message })
            }
            Err(error) => Err(KafkaError::BadOption { message: error.to_string() }),
        }
    }
}
