//! Messages that Kafka has deleted before they were read, and topics that were created anew.

use std::time::Duration;

use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::topic::Topic;

const DAYS: [&str; 2] = ["2011-12-08", "2011-12-09"];

fn open(name: &str) -> (Place, Topic) {
    let place = Place::on_cluster(Cluster::shared(&[Part::Kafka, Part::Metastore]), name);
    let topic = Topic::create(&place.brokers, name, 2);
    (place, topic)
}

fn going_on<'p>(job: &Job<'p>) -> Job<'p> {
    job.clone().set("streaming.on_lost_offsets", "continue")
}

#[test]
fn deleted_while_it_was_away() {
    let (place, topic) = open("deleted");
    let mut orders = Orders::of_days(31, &DAYS);
    let job = Job::new(&place, &topic);
    topic.send(&mut orders, 100, &[0, 1]);
    job.catch_up();
    topic.send(&mut orders, 100, &[0, 1]);
    // What was read may be deleted.
    topic.delete_before(1, 30);
    topic.delete_before(0, 70);
    let lost = "[0]: the messages from offset 50 to 69 were not read, and Kafka has deleted them";
    let ended = job.clone().until_caught_up().run();
    ended.assert_fails(1, &[&topic.name, lost, "streaming.on_lost_offsets = \"continue\""]);
    assert_eq!(ended.messages(), 0, "{ended}");

    let ended = going_on(&job).catch_up();
    assert!(ended.stderr.contains(lost), "{ended}");
    assert!(ended.stderr.contains("going on at offset 70"), "{ended}");
    topic.ledger.lose(0, 50..70);
    place.check_at_rest(&topic);
    job.catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn deleted_while_it_runs() {
    let (place, topic) = open("deleted_live");
    let mut orders = Orders::of_days(32, &DAYS);
    let job = Job::new(&place, &topic);
    for (goes_on, job) in [(false, job.clone()), (true, going_on(&job))] {
        let mut running = job.start();
        topic.send(&mut orders, 100, &[0, 1]);
        place.wait_until_committed(&topic);
        running.wait_for_log("taken over source");
        running.signal("STOP");
        // The fetch that is under way is answered without a message after 100 ms.
        std::thread::sleep(Duration::from_secs(1));
        topic.send(&mut orders, 100, &[0, 1]);
        let (_, end) = topic.offsets(0);
        topic.delete_before(0, end - 10);
        running.signal("CONT");
        let lost = format!("[0]: the messages from offset {} to {} were", end - 50, end - 11);
        topic.ledger.lose(0, end - 50..end - 10);
        if goes_on {
            let line = running.wait_for_log(&lost);
            assert!(line.contains(&format!("going on at offset {}", end - 10)), "{line}");
            place.wait_until_visible(&topic);
            running.stop();
        } else {
            running.wait().assert_fails(1, &[&topic.name, &lost]);
            going_on(&job).catch_up();
        }
        place.check_at_rest(&topic);
    }
}

#[test]
fn a_topic_created_anew_while_it_was_away() {
    let (place, mut topic) = open("anew");
    let mut orders = Orders::of_days(33, &DAYS);
    let job = Job::new(&place, &topic);
    topic.send(&mut orders, 100, &[0, 1]);
    job.catch_up();
    topic.recreate(2);
    topic.send(&mut orders, 40, &[0, 1]);
    let ended = job.clone().until_caught_up().run();
    let problem =
        "the next message to read has offset 50, but Kafka ends at 20: the topic was created anew";
    ended.assert_fails(1, &[&topic.name, problem, "to go on at offset 0 set streaming.on_lost"]);

    let ended = going_on(&job).catch_up();
    assert_eq!(ended.messages(), 40, "{ended}");
    place.check_at_rest(&topic);
}

#[test]
fn a_topic_created_anew_while_it_runs() {
    let (place, mut topic) = open("anew_live");
    let mut orders = Orders::of_days(34, &DAYS);
    let job = Job::new(&place, &topic);
    let mut running = job.start();
    topic.send(&mut orders, 100, &[0, 1]);
    running.wait_for_messages(100);
    topic.recreate(2);
    topic.send(&mut orders, 40, &[0, 1]);
    running.wait().assert_fails(1, &[&topic.name, "created anew"]);

    let mut running = going_on(&job).start();
    running.wait_for_messages(40);
    topic.recreate(2);
    topic.send(&mut orders, 20, &[0, 1]);
    running.wait_for_messages(60);
    place.wait_until_visible(&topic);
    running.stop();
    place.check_at_rest(&topic);
}
