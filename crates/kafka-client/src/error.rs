//! Why Kafka cannot be used.

use std::path::PathBuf;

use crate::Problem;

/// What is wrong with the settings, or with the connection.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting has no value, or not a good one.
    #[error("{setting} {message}")]
    Setting {
        /// The setting: `kafka.brokers`.
        setting: &'static str,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// A file that a setting names cannot be read.
    #[error("cannot read {path}, the file of {setting}", path = path.display())]
    File {
        /// The setting: `kafka.ca_file`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An option that a setting stands for.
    #[error(
        "kafka.options has '{option}', which is what {setting} is for: remove it there and set {setting}"
    )]
    Clash {
        /// librdkafka's name.
        option: String,
        /// The setting: `kafka.brokers`.
        setting: String,
    },
    /// An option that must be as the job has it.
    #[error("kafka.options has '{option}', which cannot be changed: {reason}")]
    Fixed {
        /// librdkafka's name.
        option: String,
        /// Why.
        reason: String,
    },
    /// librdkafka knows no such option.
    #[error(
        "kafka.options has '{option}', which librdkafka does not know; its options are listed at \
         https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"
    )]
    UnknownOption {
        /// As it was written.
        option: String,
    },
    /// librdkafka refuses the value of an option, or the options together.
    #[error("librdkafka does not accept kafka.options: {message}")]
    BadOption {
        /// What it says.
        message: String,
    },
    /// librdkafka cannot make a client of the settings, for example because a key does not fit its certificate.
    #[error("cannot make a Kafka client of the section [kafka]: {message}")]
    Client {
        /// What it says.
        message: String,
    },
    /// No connection, or none that may do what is needed.
    #[error("{0}")]
    Problem(Problem),
    /// The brokers know no such topic.
    #[error("Kafka at {brokers} has no topic '{topic}'{}", crate::near::hint(near))]
    UnknownTopic {
        /// Which.
        topic: String,
        /// `kafka.brokers`.
        brokers: String,
        /// Topics of a similar name, the nearest first.
        near: Vec<String>,
    },
    /// The operating system.
    #[error("cannot start the thread that makes the tokens for MSK")]
    Thread(#[source] std::io::Error),
}

impl KafkaError {
    pub(crate) fn setting(setting: &'static str, message: impl Into<String>) -> Self {
        Self::Setting { setting, message: message.into() }
    }

    /// Whether the configuration is to blame, and not the machine or a server: a job's `UsageError`.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Problem(_) | Self::UnknownTopic { .. } | Self::Thread(_))
    }

    /// Whether the same call may succeed later without anybody changing the settings: a job's `RetryLater`.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.is_retryable())
    }

    /// What went wrong between client and brokers, if that is it.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
