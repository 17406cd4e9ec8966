//! What is in a topic, read by a client that is not the program's.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// For what has to come at some time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A name that no other test, of this run or another, uses.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    format!("producer-{name}-{now}-{next}")
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap()
}

/// The number of records in each partition, once there is such a topic.
pub(crate) fn ends(brokers: &str, topic: &str) -> Option<Vec<i64>> {
    let consumer = consumer(brokers);
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).ok()?;
    let partitions: Vec<i32> =
        metadata.topics().first()?.partitions().iter().map(|partition| partition.id()).collect();
    let end = |partition| consumer.fetch_watermarks(topic, partition, DEADLINE).ok().map(|w| w.1);
    if partitions.is_empty() {
        return None;
    }
    partitions.into_iter().map(end).collect()
}

/// Waits until so many records are there.
pub(crate) fn wait_for(brokers: &str, topic: &str, records: i64) {
    let start = Instant::now();
    while ends(brokers, topic).is_none_or(|ends| ends.iter().sum::<i64>() < records) {
        assert!(start.elapsed() < DEADLINE, "{records} records did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

/// All records, by partition and offset. Their offsets have no gap.
pub(crate) fn read(brokers: &str, topic: &str) -> Vec<Record> {
    let ends = ends(brokers, topic).unwrap();
    let consumer = consumer(brokers);
    let mut assignment = TopicPartitionList::new();
    for partition in 0..ends.len() as i32 {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut records, mut open, start) = (Vec::new(), ends.len(), Instant::now());
    while open > 0 {
        assert!(start.elapsed() < DEADLINE, "{} records, and no end", records.len());
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => records.push(Record {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            // The client forgets its old connections by itself.
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown,
            )))
            | None => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
    records.sort();
    let mut next = BTreeMap::new();
    for record in &records {
        let expected = next.entry(record.partition).or_insert(0);
        assert_eq!(record.offset, *expected);
        *expected += 1;
    }
    assert_eq!(records.len() as i64, ends.iter().sum::<i64>());
    records
}

/// The two numbers of `Delivered 1,000 of 1,000 messages`.
pub(crate) fn totals(output: &Output) -> (u64, u64) {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_else(|| panic!("no totals: {output:?}"));
    let mut numbers = line
        .split(' ')
        .map(|word| word.replace(',', ""))
        .filter_map(|word| word.parse::<u64>().ok());
    assert!(line.contains(" Delivered "), "{line}");
    (numbers.next().unwrap(), numbers.next().unwrap())
}
