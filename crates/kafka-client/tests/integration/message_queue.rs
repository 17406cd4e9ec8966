//! Messages taken many at a time, held against those that `poll` gives.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::{ClientHooks, Connection, EmbeddedBroker, MessageQueue, Record};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::helper::DEADLINE;

const PARTITIONS: i32 = 3;
const MESSAGES: usize = 5_000;

#[derive(PartialEq, Eq, Debug)]
struct Owned {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp_millis: Option<i64>,
}

type ByPartition = BTreeMap<i32, Vec<Owned>>;

fn owned(record: Record<'_>) -> Owned {
    Owned {
        offset: record.offset,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        timestamp_millis: record.timestamp_millis,
    }
}

/// A topic with keys and without, tombstones, empty values, bytes that are no text.
fn filled() -> (EmbeddedBroker, Connection) {
    let broker = EmbeddedBroker::start(&[("orders", PARTITIONS)]).unwrap();
    let connection = Connection::new(&broker.settings(), "test").unwrap();
    let producer = producer(&connection);
    for n in 0..MESSAGES {
        let key = n.to_string();
        let value = vec![(n % 256) as u8; n % 97];
        let mut record = BaseRecord::to("orders")
            .partition((n % PARTITIONS as usize) as i32)
            .timestamp(n as i64 + 1);
        if n % 5 != 0 {
            record = record.key(key.as_bytes());
        }
        if n % 7 != 0 {
            record = record.payload(value.as_slice());
        }
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
    (broker, connection)
}

fn producer(connection: &Connection) -> BaseProducer {
    connection.client_config().build().unwrap().create().unwrap()
}

fn consumer(connection: &Connection) -> BaseConsumer<ClientHooks> {
    let consumer = connection
        .client_config()
        .governed("group.id", "unused", "the test's group")
        .fixed("enable.auto.commit", "false", "nothing is committed")
        .fixed("enable.partition.eof", "true", "the test ends there")
        .build()
        .unwrap();
    consumer.create_with_context(connection.context()).unwrap()
}

fn at(offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset("orders", partition, offset).unwrap();
    }
    list
}

fn polled(connection: &Connection) -> ByPartition {
    let consumer = consumer(connection);
    consumer.assign(&at(Offset::Beginning)).unwrap();
    let (mut found, mut ended) = (ByPartition::new(), 0);
    let begun = Instant::now();
    while ended < PARTITIONS && begun.elapsed() < DEADLINE {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => found.entry(message.partition()).or_default().push(Owned {
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                timestamp_millis: message.timestamp().to_millis(),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    found
}

/// Takes at most `most` messages at a time.
fn take(
    queue: &mut MessageQueue<ClientHooks>,
    wait: Duration,
    most: usize,
) -> Vec<Result<(i32, Owned), KafkaError>> {
    let mut taken = Vec::new();
    queue.read(wait, |message| {
        taken.push(message.map(|record| (record.partition, owned(record))));
        if taken.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    taken
}

/// Reads to the end of all partitions.
fn taken(queue: &mut MessageQueue<ClientHooks>, most: usize) -> ByPartition {
    let (mut found, mut ended) = (ByPartition::new(), 0);
    let begun = Instant::now();
    while ended < PARTITIONS && begun.elapsed() < DEADLINE {
        assert!(queue.consumer().poll(Duration::ZERO).is_none(), "what was added comes here alone");
        for message in take(queue, Duration::from_millis(100), most) {
            match message {
                Ok((partition, message)) => found.entry(partition).or_default().push(message),
                Err(KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    found
}

#[test]
fn the_messages_are_those_that_poll_gives() {
    let (_broker, connection) = filled();
    let expected = polled(&connection);
    assert_eq!(expected.values().map(Vec::len).sum::<usize>(), MESSAGES);
    for most in [1, 7, 1_024, usize::MAX] {
        let mut queue = MessageQueue::new(Arc::new(consumer(&connection))).unwrap();
        for partition in 0..PARTITIONS {
            queue.add("orders", partition).unwrap();
        }
        queue.consumer().assign(&at(Offset::Beginning)).unwrap();
        assert_eq!(taken(&mut queue, most), expected);
    }
}

#[test]
fn nothing_is_passed_over_after_an_end() {
    let (_broker, connection) = filled();
    let mut queue = MessageQueue::new(Arc::new(consumer(&connection))).unwrap();
    for partition in 0..PARTITIONS {
        queue.add("orders", partition).unwrap();
    }
    queue.consumer().assign(&at(Offset::Beginning)).unwrap();
    let before = taken(&mut queue, 1_024);
    // When the client goes on it does so where it believes the reader to be; so it does in each rebalance.
    queue.consumer().pause(&at(Offset::Invalid)).unwrap();
    let producer = producer(&connection);
    for partition in 0..PARTITIONS {
        let record = BaseRecord::<(), str>::to("orders").partition(partition).payload("next");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
    queue.consumer().resume(&at(Offset::Invalid)).unwrap();
    let after = taken(&mut queue, 1_024);
    for partition in 0..PARTITIONS {
        let (before, after) = (&before[&partition], &after[&partition]);
        let last = before.last().unwrap().offset;
        assert_eq!(after.iter().map(|message| message.offset).collect::<Vec<_>>(), [last + 1]);
    }
}

#[test]
fn a_panic_of_the_reader_is_the_readers() {
    let (_broker, connection) = filled();
    let mut queue = MessageQueue::new(Arc::new(consumer(&connection))).unwrap();
    queue.add("orders", 0).unwrap();
    queue.consumer().assign(&at(Offset::Beginning)).unwrap();
    let mut read_once =
        || catch_unwind(AssertUnwindSafe(|| queue.read(DEADLINE, |_| panic!("on purpose"))));
    let panicked = (0..100).find_map(|_| read_once().err()).unwrap();
    assert_eq!(panicked.downcast_ref(), Some(&"on purpose"));
    // That message has been seen, and the queue goes on after it.
    let next = (0..100).find_map(|_| take(&mut queue, DEADLINE, 1).pop()).unwrap();
    assert_eq!(next.unwrap().1.offset, 1);
}

#[test]
fn what_was_fetched_before_a_seek_does_not_come_after_it() {
    let (_broker, connection) = filled();
    let mut queue = MessageQueue::new(Arc::new(consumer(&connection))).unwrap();
    queue.consumer().assign(&at(Offset::Beginning)).unwrap();
    let begun = Instant::now();
    while queue.consumer().poll(Duration::from_millis(100)).is_none() {
        assert!(begun.elapsed() < DEADLINE);
    }
    // Added late, and twice: what was fetched lies in the consumer's own queue, and perhaps in this one.
    for partition in (0..PARTITIONS).chain(0..PARTITIONS) {
        queue.add("orders", partition).unwrap();
    }
    take(&mut queue, Duration::from_millis(100), 10);
    queue.consumer().seek_partitions(at(Offset::Offset(1_000)), DEADLINE).unwrap();
    let found = taken(&mut queue, 100);
    assert_eq!(found.len(), PARTITIONS as usize);
    for (partition, messages) in found {
        let offsets: Vec<i64> = messages.iter().map(|message| message.offset).collect();
        let end = (MESSAGES as i64 + 2 - i64::from(partition)) / i64::from(PARTITIONS);
        assert_eq!(offsets, (1_000..end).collect::<Vec<_>>(), "partition {partition}");
    }
}

#[test]
fn an_empty_queue_waits_and_gives_nothing() {
    let broker = EmbeddedBroker::start(&[("orders", PARTITIONS)]).unwrap();
    let connection = Connection::new(&broker.settings(), "test").unwrap();
    let mut queue = MessageQueue::new(Arc::new(consumer(&connection))).unwrap();
    let begun = Instant::now();
    assert!(take(&mut queue, Duration::from_millis(30), 100).is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(29));
    assert!(queue.add("a\0b", 0).is_err());
}
