//! Settings for the test cluster's listeners, and messages sent through them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use job_kit::config::Secret;
use kafka_client::{ClientHooks, Connection, KafkaError, KafkaSettings, ProblemKind, Security};
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{DefaultClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use test_cluster::{Cluster, Part};

/// For what has to come at some time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn cluster() -> &'static Cluster {
    Cluster::shared(&[Part::Kafka])
}

/// A name that no other test, of this run or another, uses.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    format!("kafka-client-{name}-{now}-{next}")
}

/// A new topic of the real broker.
pub(crate) fn topic(cluster: &Cluster, name: &str, partitions: i32) -> String {
    let name = unique(name);
    make_topic(cluster, &name, partitions);
    name
}

pub(crate) fn make_topic(cluster: &Cluster, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", cluster.kafka_brokers())
        .create()
        .unwrap();
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let made = block_on(admin.create_topics(&[topic], &options)).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

pub(crate) fn plaintext(cluster: &Cluster) -> KafkaSettings {
    KafkaSettings::plaintext(cluster.kafka_brokers())
}

pub(crate) fn tls(cluster: &Cluster) -> KafkaSettings {
    let (certificate, key) = cluster.kafka_client_certificate();
    KafkaSettings {
        security: Security::Tls,
        ca_file: Some(cluster.kafka_ca().to_owned()),
        certificate_file: Some(certificate.to_owned()),
        key_file: Some(key.to_owned()),
        ..KafkaSettings::plaintext(cluster.kafka_tls_brokers())
    }
}

pub(crate) fn scram(cluster: &Cluster, security: Security) -> KafkaSettings {
    KafkaSettings {
        security,
        ca_file: Some(cluster.kafka_ca().to_owned()),
        username: Some(cluster.value("RFM_SCRAM_USER").to_owned()),
        password: Some(Secret::new(cluster.value("RFM_SCRAM_PASSWORD"))),
        ..KafkaSettings::plaintext(cluster.kafka_scram_brokers())
    }
}

pub(crate) fn iam(cluster: &Cluster) -> KafkaSettings {
    KafkaSettings {
        security: Security::Iam,
        ca_file: Some(cluster.kafka_ca().to_owned()),
        region: Some(cluster.value("RFM_MSK_REGION").to_owned()),
        ..KafkaSettings::plaintext(cluster.kafka_iam_brokers())
    }
}

/// What is wrong with a connection, of a kind that is expected.
pub(crate) fn problem(connection: &Connection, expected: ProblemKind, timeout: Duration) -> String {
    let error: KafkaError = connection.check(timeout).unwrap_err();
    assert!(!error.is_configuration(), "{error:?}");
    let problem = error.problem().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(problem.kind, expected, "{problem}");
    problem.message.clone()
}

/// Sends messages and reads them back in a group, whose offsets it commits.
pub(crate) fn exchange(connection: &Connection, topic: &str, group: &str, messages: &[&str]) {
    let context = Counting::new(connection);
    let producer: BaseProducer<Counting> = connection
        .client_config()
        .preset("linger.ms", "0")
        .fixed("enable.idempotence", "true", "nothing is to be sent twice")
        .build()
        .unwrap()
        .create_with_context(context.clone())
        .unwrap();
    for message in messages {
        let record = BaseRecord::<(), str>::to(topic).payload(message);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    let flushed = producer.flush(DEADLINE);
    assert!(flushed.is_ok(), "{flushed:?} {:?}", context.hooks.problem());
    assert_eq!(context.delivered.load(Ordering::Relaxed), messages.len());
    assert_eq!(receive(connection, topic, group, messages.len()), messages);
}

/// Reads so many messages that the group has not yet read, and commits.
pub(crate) fn receive(
    connection: &Connection,
    topic: &str,
    group: &str,
    count: usize,
) -> Vec<String> {
    let hooks = connection.context();
    let consumer: BaseConsumer<_> = connection
        .client_config()
        .governed("group.id", group, "the test's group")
        .preset("auto.offset.reset", "earliest")
        .fixed("enable.auto.commit", "false", "the test commits")
        .build()
        .unwrap()
        .create_with_context(hooks.clone())
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut texts = Vec::new();
    let end = Instant::now() + DEADLINE;
    while texts.len() < count {
        assert!(Instant::now() < end, "{} of {count} messages; {:?}", texts.len(), hooks.problem());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        hooks.succeeded();
        texts.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
    }
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    assert_eq!(hooks.problem(), None);
    texts
}

/// A job's own context: what it is told it passes on to the hooks, and here counts, too.
#[derive(Clone)]
pub(crate) struct Counting {
    pub(crate) hooks: ClientHooks,
    pub(crate) tokens: Arc<AtomicUsize>,
    pub(crate) errors: Arc<AtomicUsize>,
    pub(crate) delivered: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(connection: &Connection) -> Self {
        let (tokens, errors, delivered) = Default::default();
        Self { hooks: connection.context(), tokens, errors, delivered }
    }
}

impl ClientContext for Counting {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.hooks.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.hooks.stats(statistics);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.hooks.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.tokens.fetch_add(1, Ordering::Relaxed);
        self.hooks.generate_oauth_token(config)
    }
}

impl ConsumerContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &self.delivered } else { &self.errors };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
