//! Much to catch up with: what waits between Kafka and the job is bounded.

use super::{Shop, rejected};

const PARTITIONS: i32 = 4;
/// What librdkafka holds of one takes some 600 bytes beside its value.
const MESSAGES_PER_PARTITION: usize = 100_000;
/// Of the whole process. It was 80 MiB, and 150 MiB at three quarters of the messages while reading left off in the middle of a queue.
const MOST_MIB: u64 = 120;

#[test]
fn does_not_pile_up_in_memory() {
    let shop = Shop::new(PARTITIONS);
    let topic = shop.topic.producing_with(&[("compression.codec", "lz4")]);
    for partition in 0..PARTITIONS {
        let message = |_| rejected("x", "not_json");
        topic.send_all((0..MESSAGES_PER_PARTITION).map(message), partition);
    }
    let mut job = shop.job().start();
    job.wait_for_messages(PARTITIONS as u64 * MESSAGES_PER_PARTITION as u64);
    let status = std::fs::read_to_string(format!("/proc/{}/status", job.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak / 1024 < MOST_MIB, "{} MiB at most", peak / 1024);
    assert_eq!(job.stop().code, Some(0));
}
