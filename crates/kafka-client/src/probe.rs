//! Whether the cluster is there, and a topic in it.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use crate::hooks::ClientHooks;
use crate::near::near;
use crate::problem::{Problem, ProblemKind};
use crate::{Connection, KafkaError};

/// How long the client is given to take a token or to say what is wrong, before it is asked for something again.
const POLL: Duration = Duration::from_millis(100);
/// How long one question may take until what the client has to say is looked at again.
const ANSWER: Duration = Duration::from_secs(1);
/// How long brokers may take to tell each other of a topic that somebody has created.
const SPREAD: Duration = Duration::from_secs(1);

/// What the brokers say of themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// `HOST:PORT` of each broker.
    pub brokers: Vec<String>,
}

/// A topic that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has: they are 0, 1 and so on.
    pub partitions: usize,
}

impl Connection {
    /// Waits until a broker answers and accepts the login, at most so long.
    ///
    /// # Errors
    /// [`KafkaError::Problem`]: a refused login, a certificate that is not trusted or missing credentials at once,
    /// that no broker answers when the time is over.
    pub fn check(&self, timeout: Duration) -> Result<Cluster, KafkaError> {
        let metadata = Probe::new(self, timeout)?.fetch(None)?;
        let address = |broker: &rdkafka::metadata::MetadataBroker| {
            format!("{}:{}", broker.host(), broker.port())
        };
        Ok(Cluster { brokers: metadata.brokers().iter().map(address).collect() })
    }

    /// The same for a topic: that it is there, and may be seen. Never creates one.
    ///
    /// # Errors
    /// As [`Connection::check`]; [`KafkaError::UnknownTopic`] when the brokers have said so for a second, or the time is over.
    pub fn check_topic(&self, topic: &str, timeout: Duration) -> Result<Topic, KafkaError> {
        let probe = Probe::new(self, timeout)?;
        let mut unknown_since = None;
        loop {
            let metadata = probe.fetch(Some(topic))?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let error = found.and_then(|found| found.error()).map(Code::from);
            match (found, error) {
                (Some(found), None) if !found.partitions().is_empty() => {
                    return Ok(Topic {
                        name: topic.to_owned(),
                        partitions: found.partitions().len(),
                    });
                }
                (_, Some(Code::LeaderNotAvailable)) if !probe.is_over() => {
                    // It was created a moment ago.
                    probe.poll()?;
                }
                (_, Some(Code::InvalidTopic)) => {
                    return Err(KafkaError::setting(
                        "the topic",
                        format!(
                            "'{topic}' cannot be: names are of at most 249 letters, digits, '.', '_' and '-'"
                        ),
                    ));
                }
                (_, Some(code))
                    if code != Code::UnknownTopicOrPartition && code != Code::UnknownTopic =>
                {
                    let error = NativeError::MetadataFetch(code);
                    return Err(probe.describe(&error, &format!("topic '{topic}': {code}")));
                }
                _ if unknown_since.get_or_insert_with(Instant::now).elapsed() < SPREAD
                    && !probe.is_over() =>
                {
                    // The broker that was asked may not have heard of it yet.
                    probe.poll()?;
                }
                _ => {
                    let names = probe.names();
                    if names.iter().any(|name| name == topic) && !probe.is_over() {
                        probe.poll()?;
                        continue;
                    }
                    return Err(KafkaError::UnknownTopic {
                        topic: topic.to_owned(),
                        brokers: probe.hooks.brokers().to_owned(),
                        near: near(topic, names.iter().map(String::as_str)),
                    });
                }
            }
        }
    }
}

/// A client for questions alone: it is in no group, so it needs no right to one.
struct Probe {
    client: BaseConsumer<ClientHooks>,
    hooks: ClientHooks,
    end: Instant,
}

impl Probe {
    fn new(connection: &Connection, timeout: Duration) -> Result<Self, KafkaError> {
        let hooks = connection.context();
        let mut config = connection.client_config().build()?;
        config.remove("group.id").set("allow.auto.create.topics", "false");
        let client = config
            .create_with_context(hooks.clone())
            .map_err(|error: NativeError| KafkaError::Client { message: error.to_string() })?;
        Ok(Self { client, hooks, end: Instant::now() + timeout })
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Lets the client speak. Without that it gets no token and tells of no refusal.
    fn poll(&self) -> Result<(), KafkaError> {
        let end = Instant::now() + POLL;
        while Instant::now() < end {
            // It has no partitions: what comes is an error, which the hooks have seen.
            let _ = self.client.poll(end.saturating_duration_since(Instant::now()));
        }
        match self.hooks.problem() {
            Some(problem) if problem.kind != ProblemKind::NoBroker => {
                Err(KafkaError::Problem(problem))
            }
            _ => Ok(()),
        }
    }

    /// Asks until there is an answer.
    fn fetch(&self, topic: Option<&str>) -> Result<Metadata, KafkaError> {
        // Most often the answer comes in a few milliseconds, and nobody need wait for more. But without a token there is none.
        let mut patience = if self.hooks.has_tokens() { ANSWER } else { POLL };
        loop {
            if patience == ANSWER {
                self.poll()?;
            }
            let left = self.end.saturating_duration_since(Instant::now());
            match self.client.fetch_metadata(topic, left.min(patience).max(POLL)) {
                Ok(metadata) => return Ok(metadata),
                Err(_) if !self.is_over() => patience = ANSWER,
                Err(error) => {
                    self.poll()?;
                    return Err(self.describe(&error, &error.to_string()));
                }
            }
        }
    }

    /// Of all topics. Only for a hint: that they cannot be had changes nothing.
    fn names(&self) -> Vec<String> {
        match self.fetch(None) {
            Ok(metadata) => metadata.topics().iter().map(|found| found.name().to_owned()).collect(),
            Err(_) => Vec::new(),
        }
    }

    fn describe(&self, error: &NativeError, otherwise: &str) -> KafkaError {
        let problem = self.hooks.problem().or_else(|| self.hooks.classify(error));
        let unanswered = || {
            matches!(
                error.rdkafka_error_code(),
                Some(Code::BrokerTransportFailure | Code::OperationTimedOut)
            )
        };
        KafkaError::Problem(match problem {
            Some(problem) => problem,
            None if unanswered() => self.hooks.unreachable(),
            None => Problem {
                kind: ProblemKind::NoBroker,
                message: format!("Kafka at {} cannot be asked: {otherwise}", self.hooks.brokers()),
                retryable: true,
                is_certain: false,
            },
        })
    }
}
