//! Tagged orders in another topic, for whoever wants to see them at once.

use std::collections::BTreeMap;

use order_model::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message as _};
use serde_json::{Value, json};

use crate::support::ledger::Key;
use crate::support::orders::{CUSTOMERS, Orders};
use crate::support::tables::{Tables, Tagged};
use crate::support::wait_until;

use super::Shop;

const FEED: &str = "orders-tagged";

/// Names that would break JSON if they were written as they are.
const NAMES: [&str; 4] =
    ["a \"quoted\" {name}}", "back\\slash\"", "Größe 🌹", "line\nbreak\t\u{1}"];

/// Keys and values of a topic, each as it came.
fn read_all(brokers: &str, topic: &str, partitions: i32) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "reader");
    config.set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut messages, mut ended) = (Vec::new(), 0);
    wait_until("the end of the topic", || {
        match consumer.poll(std::time::Duration::from_millis(50)) {
            Some(Ok(message)) => {
                let value = message.payload().unwrap().to_vec();
                messages.push((message.key().map(<[u8]>::to_vec), value));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
        ended == partitions
    });
    messages
}

/// The message that stands for a row of the table.
fn message_of(row: &Tagged) -> Value {
    let time =
        |micros| format!("{}Z", Timestamp::from_micros(micros).to_string().replace(' ', "T"));
    let order = &row.order;
    json!({
        "invoice_no": order.invoice_no,
        "stock_code": order.stock_code,
        "description": order.description,
        "quantity": order.quantity,
        "invoice_date": time(order.event_time),
        "unit_price": order.unit_price as f64 / 10_000.0,
        "customer_id": order.customer_id,
        "country": order.country,
        "segment_id": row.segment_id,
        "segment": row.segment,
        "segment_snapshot": row.snapshot,
        "is_return": order.is_return,
        "ingest_time": time(row.ingest_time),
        "kafka_partition": row.source.partition,
        "kafka_offset": row.offset,
    })
}

/// A whole price is an integer in JSON.
fn normal(mut message: Value) -> Value {
    let price = message["unit_price"].as_f64().unwrap();
    message["unit_price"] = json!(price);
    message
}

#[test]
fn every_tagged_order_is_in_the_topic() {
    let shop = Shop::new(2);
    shop.broker.create_topic(FEED, 3).unwrap();
    let mut orders = Orders::of_days(51, &["2011-12-08", "2011-12-09"]);
    let job = shop.job().set("streaming.tagged_topic", FEED);
    shop.topic.send(&mut orders, 200, &[0, 1]);
    job.catch_up();
    let customers = (1..=CUSTOMERS as i64 / 2).map(|id| (id, (id % 4) as i32));
    shop.place.publish_named_segments("2011-12-10", customers.collect(), &NAMES);
    shop.topic.send(&mut orders, 400, &[0, 1]);
    job.catch_up();

    let tables = Tables::read(&shop.place);
    let expected: BTreeMap<Key, Value> = tables
        .tagged
        .iter()
        .map(|row| ((row.source.partition, row.offset), normal(message_of(row))))
        .collect();
    assert_eq!(expected.len() + tables.rejected.len(), 600);
    let names = |name: &&&str| tables.tagged.iter().any(|row| row.segment == ***name);
    assert_eq!(NAMES.iter().filter(names).count(), NAMES.len());

    let messages = read_all(&shop.place.brokers, FEED, 3);
    assert_eq!(messages.len(), expected.len());
    for (key, value) in messages {
        let message: Value = serde_json::from_slice(&value).unwrap();
        let number = |field: &str| message[field].as_i64().unwrap();
        let from = (number("kafka_partition") as i32, number("kafka_offset"));
        assert_eq!(normal(message.clone()), expected[&from]);
        let customer = message["customer_id"].as_i64().map(|id| id.to_string().into_bytes());
        assert_eq!(key, customer, "{message}");
    }
}

#[test]
fn a_topic_that_is_not_there_or_the_same() {
    let shop = Shop::new(1);
    shop.topic.send(&mut Orders::of_days(52, &["2011-12-08"]), 20, &[0]);
    let job = |feed| shop.job().set("streaming.tagged_topic", feed).until_caught_up().run();
    job("order").assert_fails(1, &["has no topic 'order'", "did you mean 'orders'?"]);
    job("orders").assert_fails(2, &["streaming.tagged_topic is 'orders'", "streaming.topic"]);
    // Nothing was written, and nothing is in the way of a run without it.
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}
