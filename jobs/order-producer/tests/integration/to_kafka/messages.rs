//! What the messages are.

use std::collections::{HashMap, HashSet};

use kafka_client::EmbeddedBroker;
use order_message::{Decoder, Limits};
use order_model::Timestamp;

use super::topic::{Record, read, totals};
use crate::program::check_ok;

const PARTITIONS: i32 = 5;

/// What the program sends to a topic of its own.
fn send(args: &[&str]) -> (Vec<Record>, std::process::Output) {
    let folder = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(&[("orders", PARTITIONS)]).unwrap();
    let brokers = broker.bootstrap_servers();
    let output = check_ok(folder.path(), &[&["--brokers", brokers], args].concat());
    (read(brokers, "orders"), output)
}

fn limits() -> Limits {
    Limits::until(Timestamp::from_micros(4_102_444_800_000_000))
}

/// The partitioner of Java's clients: org.apache.kafka.common.utils.Utils.murmur2.
fn javas_partition(key: &[u8], partitions: i32) -> i32 {
    const M: i32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c_u32 as i32 ^ key.len() as i32;
    let mix = |k: i32| {
        let k = k.wrapping_mul(M);
        (k ^ ((k as u32 >> 24) as i32)).wrapping_mul(M)
    };
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        h = h.wrapping_mul(M) ^ mix(i32::from_le_bytes(chunk.try_into().unwrap()));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= i32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= (h as u32 >> 13) as i32;
    h = h.wrapping_mul(M);
    h ^= (h as u32 >> 15) as i32;
    (h & 0x7fff_ffff) % partitions
}

#[test]
fn the_test_knows_javas_hash() {
    // From Kafka's own UtilsTest.
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
    ] {
        assert_eq!(javas_partition(key.as_bytes(), 1_009), (hash & 0x7fff_ffff) % 1_009, "{key}");
    }
}

#[test]
fn orders_have_their_customers_keys_and_come_in_their_order() {
    let (records, output) = send(&["--count", "3000", "--rate", "max"]);
    assert_eq!((records.len(), totals(&output)), (3_000, (3_000, 3_000)));
    let (mut decoder, limits) = (Decoder::new(), limits());
    let (mut guests, mut last) = (0, HashMap::new());
    for record in &records {
        let order = decoder.decode(record.value.as_deref(), &limits).unwrap();
        let id = order.customer_id.map(|id| id.to_string().into_bytes());
        assert_eq!(record.key, id);
        let Some(id) = order.customer_id else {
            guests += 1;
            continue;
        };
        assert_eq!(record.partition, javas_partition(id.to_string().as_bytes(), PARTITIONS));
        let number: u64 =
            order.invoice_no.trim_start_matches(|c: char| c.is_alphabetic()).parse().unwrap();
        let before = last.insert(id, number).unwrap_or(0);
        assert!(before <= number, "customer {id}: {before} came before {number}");
    }
    assert!((600..900).contains(&guests), "{guests}");
    assert!(last.len() > 100, "{}", last.len());
}

#[test]
fn all_but_the_malformed_are_orders() {
    let rates = ["--fault-rate", "0.1", "--late-rate", "0.05", "--duplicate-rate", "0.05"];
    let (records, output) = send(&[&["--count", "2000", "--rate", "max"], &rates[..]].concat());
    let (mut decoder, limits) = (Decoder::new(), limits());
    let mut bad = 0;
    for record in &records {
        bad += u64::from(decoder.decode(record.value.as_deref(), &limits).is_err());
    }
    assert_eq!(records.len(), 2_000);
    let text = String::from_utf8(output.stdout).unwrap();
    let total = text.lines().last().unwrap();
    assert!(total.contains(&format!(", {bad} malformed (")), "{bad}: {total}");
    assert!(total.contains(" late, ") && total.contains(" duplicates, "), "{total}");
}

#[test]
fn the_same_seed_and_start_send_the_same_messages() {
    let messages = |seed: &str| {
        let start = ["--start-time", "2026-01-01T00:00:00Z", "--fault-rate", "0.05"];
        let (records, _) =
            send(&[&["--count", "1500", "--rate", "max", "--seed", seed], &start[..]].concat());
        let mut messages: Vec<_> = records.into_iter().map(|r| (r.key, r.value)).collect();
        // Guests' orders are in any partition.
        messages.sort();
        messages
    };
    let first = messages("7");
    assert!(first == messages("7"));
    assert!(first != messages("8"));
    let text = String::from_utf8_lossy(first.last().unwrap().1.as_ref().unwrap()).into_owned();
    assert!(text.contains("\"invoice_date\":\"2026-01-01T00:00:0"), "{text}");
}

#[test]
fn customers_may_come_from_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("ids.csv");
    let ids: Vec<String> = (1..=40).map(|id| (id * 1_000).to_string()).collect();
    std::fs::write(&list, format!("customer_id\n{}\n", ids.join("\n"))).unwrap();
    let set = format!("producer.customer_ids={}", list.display());
    let unknown = "producer.unknown_customers=0";
    let (records, _) = send(&["--count", "1000", "--rate", "max", "--set", &set, "--set", unknown]);
    let known: HashSet<Vec<u8>> = ids.into_iter().map(String::into_bytes).collect();
    let seen: HashSet<Vec<u8>> = records.into_iter().filter_map(|record| record.key).collect();
    assert!(seen.is_subset(&known) && seen.len() > 20, "{}", seen.len());
}
