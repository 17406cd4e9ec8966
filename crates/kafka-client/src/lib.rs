//! Connections to Kafka and AWS MSK: the section `[kafka]`, TLS, SCRAM, IAM, and what to tell the user when one does
//! not come about.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use kafka_client::{Connection, KafkaSettings};
//! use rdkafka::consumer::BaseConsumer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = KafkaSettings::plaintext("localhost:9092");
//! let connection = Connection::new(&settings, "rfm-streaming")?;
//! let topic = connection.check_topic("orders", Duration::from_secs(30))?;
//! let config = connection
//!     .client_config()
//!     .governed("group.id", "rfm", "streaming.group")
//!     .fixed("enable.auto.commit", "false", "offsets are kept with the data")
//!     .preset("fetch.min.bytes", "65536")
//!     .build()?;
//! let hooks = connection.context();
//! let consumer: BaseConsumer<_> = config.create_with_context(hooks.clone())?;
//! println!("{} partitions, {:?}", topic.partitions, hooks.problem());
//! # Ok(())
//! # }
//! ```
//!
//! A context of a job's own holds a [`ClientHooks`] and passes on `log`, `stats`, `error` and `generate_oauth_token`,
//! with
//! `const ENABLE_REFRESH_OAUTH_TOKEN: bool = true`. librdkafka calls them from `poll` only: a client that is not
//! polled logs nothing, reports nothing, and gets no token.

mod connection;
mod embedded;
mod error;
mod hooks;
mod message_queue;
mod near;
mod options;
mod probe;
mod problem;
mod settings;
mod token;

pub use connection::{ConfigBuilder, Connection};
pub use embedded::EmbeddedBroker;
pub use error::KafkaError;
pub use hooks::ClientHooks;
pub use message_queue::{MessageQueue, Record};
pub use options::Options;
pub use probe::{Cluster, Topic};
pub use problem::{Problem, ProblemKind};
pub use settings::{DEFAULTS, KafkaSettings, Security};
