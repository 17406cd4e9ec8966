//! A broker within the process, for laptops and tests.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::producer::{BaseProducer, Producer};

use crate::{KafkaError, KafkaSettings};

/// librdkafka's mock cluster of one broker, on a port of 127.0.0.1: clients of any process on this machine reach it.
///
/// It knows producers (idempotent ones too), consumers, groups and their offsets. What it is not:
///
/// - Everything is in memory and gone with it. A partition keeps its newest 5 MiB, or 100,000 batches: a consumer
///   that is further behind gets `OffsetOutOfRange`.
/// - No TLS, no login; no creating of topics by an admin client: producing to an unknown topic makes it, with four
///   partitions.
/// - A group's first member waits 3 s for others.
pub struct EmbeddedBroker {
    /// The mock cluster lives as long as the client it was made with.
    keeper: BaseProducer,
    bootstrap_servers: String,
}

impl std::fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedBroker")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

impl EmbeddedBroker {
    /// Starts it with topics of these names and numbers of partitions. It ends with the value.
    ///
    /// # Errors
    /// [`KafkaError::Client`], for example for a topic without partitions.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        let keeper: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .set_log_level(RDKafkaLogLevel::Critical)
            .create()
            .map_err(failed)?;
        let mut broker = Self { keeper, bootstrap_servers: String::new() };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        broker.bootstrap_servers = match broker.keeper.client().mock_cluster() {
            Some(cluster) => cluster.bootstrap_servers(),
            None => return Err(KafkaError::Client { message: "no mock cluster".to_owned() }),
        };
        Ok(broker)
    }

    /// Adds a topic.
    ///
    /// # Errors
    /// [`KafkaError::Client`].
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), KafkaError> {
        // It would make a topic without any, which nothing can be sent to.
        if partitions < 1 {
            let message = format!("the topic '{topic}' cannot have {partitions} partitions");
            return Err(KafkaError::Client { message });
        }
        match self.keeper.client().mock_cluster() {
            Some(cluster) => cluster.create_topic(topic, partitions, 1).map_err(failed),
            None => Err(KafkaError::Client { message: "no mock cluster".to_owned() }),
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The settings to reach it with.
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::plaintext(&self.bootstrap_servers)
    }
}

fn failed(error: rdkafka::error::KafkaError) -> KafkaError {
    KafkaError::Client { message: format!("the embedded broker: {error}") }
}
