//! Topics, and messages into them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_client::EmbeddedBroker;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, ClientContext, Message as _};

use super::ledger::Ledger;
use super::orders::{Message, Orders};
use super::{GUARD, wait_until};

/// A topic that no other test has.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) brokers: String,
    pub(crate) ledger: Arc<Ledger>,
    /// When messages are said to have been produced; else now. Milliseconds since 1970.
    millis: Option<i64>,
    admin: AdminClient<DefaultClientContext>,
    producer: BaseProducer<Deliveries>,
}

/// Notes what has been confirmed.
struct Deliveries(Arc<Ledger>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Message>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Message>) {
        match result {
            Ok(message) => self.0.add((message.partition(), message.offset()), *sent),
            Err((error, _)) => panic!("a message was not delivered: {error}"),
        }
    }
}

impl Topic {
    pub(crate) fn create(brokers: &str, name: &str, partitions: i32) -> Self {
        let topic = Self::connect(brokers, &unique(name), &[], Arc::default());
        topic.make(partitions).unwrap();
        topic
    }

    /// One of a broker within this process.
    pub(crate) fn embedded(broker: &EmbeddedBroker, name: &str, partitions: i32) -> Self {
        broker.create_topic(name, partitions).unwrap();
        Self::named(broker.bootstrap_servers(), name)
    }

    /// The same topic and ledger, with other options of the producer.
    pub(crate) fn producing_with(&self, options: &[(&str, &str)]) -> Self {
        Self::connect(&self.brokers, &self.name, options, self.ledger.clone())
    }

    /// The same topic and ledger; messages are said to have been produced at this time.
    pub(crate) fn producing_at(&self, millis: i64) -> Self {
        Self { millis: Some(millis), ..self.producing_with(&[]) }
    }

    /// One that there may be. Nothing is asked for.
    pub(crate) fn named(brokers: &str, name: &str) -> Self {
        Self::connect(brokers, name, &[], Arc::default())
    }

    fn connect(brokers: &str, name: &str, options: &[(&str, &str)], ledger: Arc<Ledger>) -> Self {
        Self {
            name: name.to_owned(),
            brokers: brokers.to_owned(),
            ledger: ledger.clone(),
            millis: None,
            admin: ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap(),
            producer: producer(brokers, options, ledger),
        }
    }

    fn make(&self, partitions: i32) -> Result<(), RDKafkaErrorCode> {
        let new = NewTopic::new(&self.name, partitions, TopicReplication::Fixed(1));
        let made = block_on(self.admin.create_topics(&[new], &options())).unwrap();
        made.into_iter().next().unwrap().map(drop).map_err(|(_, code)| code)
    }

    /// Deletes it, and creates it again, empty.
    pub(crate) fn recreate(&mut self, partitions: i32) {
        self.delete();
        // It is gone some time after the broker has said so.
        wait_until("the topic is there again", || match self.make(partitions) {
            Ok(()) => true,
            Err(RDKafkaErrorCode::TopicAlreadyExists) => {
                // A producer that asks for it in between makes the broker create it, with one partition.
                block_on(self.admin.delete_topics(&[&self.name], &options())).unwrap();
                false
            }
            Err(code) => panic!("{code}"),
        });
        // The old one counts its messages on.
        self.producer = producer(&self.brokers, &[], self.ledger.clone());
    }

    pub(crate) fn delete(&self) {
        let deleted = block_on(self.admin.delete_topics(&[&self.name], &options())).unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Adds partitions, until there are so many.
    pub(crate) fn grow(&self, partitions: usize) {
        let new = NewPartitions::new(&self.name, partitions);
        let made = block_on(self.admin.create_partitions(&[new], &options())).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        wait_until("the producer knows the new partitions", || {
            let metadata = self.producer.client().fetch_metadata(Some(&self.name), GUARD).unwrap();
            metadata.topics()[0].partitions().len() == partitions
        });
    }

    /// Makes the broker forget all messages of a partition before this offset.
    pub(crate) fn delete_before(&self, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset)).unwrap();
        let deleted = block_on(self.admin.delete_records(&list, &options())).unwrap();
        assert!(deleted.elements().iter().all(|e| e.error().is_ok()), "{deleted:?}");
    }

    /// First offset, and the one after the last, of a partition.
    pub(crate) fn offsets(&self, partition: i32) -> (i64, i64) {
        self.producer.client().fetch_watermarks(&self.name, partition, GUARD).unwrap()
    }

    /// Sends messages to these partitions in turn, and waits until they are confirmed.
    pub(crate) fn send(&self, orders: &mut Orders, messages: usize, partitions: &[i32]) {
        for n in 0..messages {
            self.send_one(orders.next(), partitions[n % partitions.len()]);
        }
        self.producer.flush(GUARD).unwrap();
    }

    /// Sends these messages to a partition, and waits until they are confirmed.
    pub(crate) fn send_all(&self, messages: impl IntoIterator<Item = Message>, partition: i32) {
        messages.into_iter().for_each(|message| self.send_one(message, partition));
        self.producer.flush(GUARD).unwrap();
    }

    fn send_one(&self, message: Message, partition: i32) {
        let mut message = Box::new(message);
        let (key, value) = (message.key.clone(), message.value.clone());
        loop {
            let mut record: BaseRecord<'_, [u8], [u8], _> =
                BaseRecord::with_opaque_to(&self.name, message).partition(partition);
            record.key = key.as_deref();
            record.payload = value.as_deref();
            record.timestamp = self.millis;
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                    message = record.delivery_opaque;
                    self.producer.poll(Duration::from_millis(20));
                }
                Err((error, _)) => panic!("cannot send: {error}"),
            }
        }
        self.producer.poll(Duration::ZERO);
    }

    /// A member of the group that has all partitions of the topic and commits nothing.
    pub(crate) fn idle_member(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "500")
            .set("enable.auto.commit", "false");
        let member: BaseConsumer = config.create().unwrap();
        member.subscribe(&[&self.name]).unwrap();
        wait_until("it has the partitions", || {
            let _ = member.poll(Duration::from_millis(50));
            member.assignment().unwrap().count() == self.ledger.ends().len()
        });
        member
    }

    /// What the group `group` has told Kafka that it has done, by partition.
    pub(crate) fn group_offsets(&self, group: &str, partitions: i32) -> Vec<Option<i64>> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", group);
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(&self.name, partition);
        }
        let offsets = consumer.committed_offsets(list, GUARD).unwrap();
        let told = offsets.elements().into_iter().map(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        });
        told.collect()
    }
}

fn producer(
    brokers: &str,
    options: &[(&str, &str)],
    ledger: Arc<Ledger>,
) -> BaseProducer<Deliveries> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("topic.metadata.refresh.interval.ms", "500")
        // A batch is what a fetch gives at least, and several fetches are what a test wants.
        .set("batch.num.messages", "50");
    for (key, value) in options {
        config.set(*key, *value);
    }
    config.create_with_context(Deliveries(ledger)).unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(GUARD)).request_timeout(Some(GUARD))
}

/// A name that no other test, of this run or another, uses.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    format!("{name}_{now}_{next}")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
