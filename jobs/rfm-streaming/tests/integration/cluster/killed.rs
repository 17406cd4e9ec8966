//! Runs that are ended at every step of a commit.

use stream_sink::fault;
use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::topic::Topic;

const PARTITIONS: [i32; 3] = [0, 1, 2];
/// Every place is reached within a few batches, unless the program was built without them.
const MOST_ROUNDS: u32 = 100;
/// What `abort` ends a process with.
const SIGABRT: i32 = 6;

/// Lets runs end at these places, one run a place, while messages come; then lets one run to the end.
fn end_at(name: &str, seed: u64, places: &[String]) {
    let cluster = Cluster::shared(&[Part::Kafka, Part::Hive]);
    let place = Place::on_cluster(cluster, name);
    let topic = Topic::create(&place.brokers, name, 3);
    let mut orders = Orders::of_days(seed, &["2011-12-08", "2011-12-09", "2012-02-29"]);
    // Its successor need not wait until the group has noticed.
    let job = Job::new(&place, &topic).instance("one").set("streaming.flush_interval", "100ms");
    for at in places {
        let mut running = job.clone().fault(at).start();
        let mut rounds = 0;
        while !running.has_ended() {
            rounds += 1;
            assert!(rounds < MOST_ROUNDS, "{at} is not reached");
            let batches = running.batches();
            topic.send(&mut orders, 60, &PARTITIONS);
            running.wait_for_next_batch_or_end(batches);
        }
        let ended = running.wait();
        assert_eq!(ended.signal, Some(SIGABRT), "{at} was not reached: {ended}");
        assert!(ended.stderr.contains("end asked for by RFM_FAULT"), "{at}: {ended}");
    }
    job.catch_up();
    place.check_at_rest(&topic);
    place.check_in_hive(&mut cluster.beeline(), &topic);
}

#[test]
fn when_a_step_is_first_taken() {
    let places: Vec<String> = fault::POINTS.iter().map(|&point| point.to_owned()).collect();
    end_at("killed_first", 11, &places);
}

#[test]
fn when_a_step_has_been_taken_before() {
    // A take-over is done once a partition, all else with every commit.
    let turn = |point: &str| match point {
        fault::TAKEN_OVER | fault::RECOVERED => 3,
        fault::ALL_COMMITTED | fault::EXPOSED | fault::REGISTERED => 4,
        _ => 10,
    };
    let places: Vec<String> =
        fault::POINTS.iter().map(|&point| format!("{point}#{}", turn(point))).collect();
    end_at("killed_later", 12, &places);
}
