//! That the topic is there, or comes to be.

use anyhow::{Context, Result, anyhow};
use job_kit::exit::{RetryLater, UsageError};
use kafka_client::{Connection, KafkaError, Security, Topic};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode as Code;
use serde::{Deserialize, Serialize};

/// What a topic is created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTopic {
    /// At least 1.
    pub(crate) partitions: i32,
    /// Brokers that hold a copy, at least 1.
    pub(crate) replication: i32,
}

/// Waits for the brokers, and looks for the topic; creates it if asked for.
///
/// # Errors
/// [`UsageError`] for a setting that is wrong, [`RetryLater`] if no broker answers, another error for a topic that is not there.
pub(super) fn find(
    connection: &Connection,
    topic: &str,
    create: Option<CreateTopic>,
) -> Result<Topic> {
    let timeout = connection.settings().connect_timeout.get();
    match (connection.check_topic(topic, timeout), create) {
        (Err(KafkaError::UnknownTopic { .. }), Some(create)) => {
            self::create(connection, topic, create)?;
            connection.check_topic(topic, timeout).map_err(as_exit)
        }
        (Err(error @ KafkaError::UnknownTopic { .. }), None) => {
            let advice = "with --topic; or let this job create it with \
                          --set 'producer.create_topic={ partitions = 4, replication = 1 }'";
            Err(anyhow!("{error} {advice}"))
        }
        (found, _) => found.map_err(as_exit),
    }
}

fn create(connection: &Connection, topic: &str, create: CreateTopic) -> Result<()> {
    if connection.settings().security == Security::Iam {
        // rdkafka's admin client has no way to be given tokens.
        return Err(UsageError(format!(
            "topic '{topic}' is not there and cannot be created over a connection with kafka.security = \"iam\"; create it \
             with kafka-topics.sh, and remove producer.create_topic"
        ))
        .into());
    }
    let config = connection.client_config().build().map_err(as_exit)?;
    let hooks = connection.context();
    let admin: AdminClient<_> =
        config.create_with_context(hooks.clone()).context("cannot make a Kafka admin client")?;
    let timeout = Some(connection.settings().connect_timeout.get());
    let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let CreateTopic { partitions, replication } = create;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replication));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .context("cannot start the runtime that topics are created with")?;
    let failed = || format!("cannot create topic '{topic}' at {}", hooks.brokers());
    let results = runtime.block_on(admin.create_topics([&new], &options)).with_context(failed)?;
    for result in results {
        match result {
            Ok(_) => tracing::info!(topic, partitions, replication, "topic created"),
            // Somebody was faster.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(anyhow!("{code}").context(failed())),
        }
    }
    Ok(())
}

/// An error of the connection with the exit code it stands for.
pub(super) fn as_exit(error: KafkaError) -> anyhow::Error {
    if error.is_configuration() {
        UsageError(format!("{:#}", anyhow::Error::new(error))).into()
    } else if error.is_retryable() {
        RetryLater(error.to_string()).into()
    } else {
        error.into()
    }
}
