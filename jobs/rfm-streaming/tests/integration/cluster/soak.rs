//! Instances that are killed, stopped for so long that they are taken for dead, and started, by chance and for long.
//!
//! `RFM_SOAK_KILLS` says how often one is killed, `RFM_SOAK_SEED` what is done; when is up to the machine.

use std::time::Duration;

use test_cluster::{Cluster, Part};

use crate::support::fleet::Fleet;
use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::random::Random;
use crate::support::topic::Topic;

const PARTITIONS: [i32; 4] = [0, 1, 2, 3];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', which is no number")))
}

fn soak(name: &str, instances: usize, kills: u64) {
    let seed = number("RFM_SOAK_SEED").unwrap_or_else(Random::seed);
    eprintln!("{name}: RFM_SOAK_SEED={seed} RFM_SOAK_KILLS={kills}");
    let cluster = Cluster::shared(&[Part::Kafka, Part::Hive]);
    let place = Place::on_cluster(cluster, name);
    let topic = Topic::create(&place.brokers, name, PARTITIONS.len() as i32);
    let job = Job::new(&place, &topic);
    // One of them is a static member of the group.
    let job_of = |number| match number {
        0 => job.clone().instance("static"),
        _ => job.clone(),
    };
    let mut fleet = Fleet::new((0..instances).map(job_of).collect(), seed);
    let orders = Orders::of_days(seed, &["2011-12-08", "2011-12-09"]);
    topic.send_while(orders, 60, Duration::from_millis(300), &PARTITIONS, || {
        let mut random = Random::new(seed + 1);
        let mut killed = 0;
        while killed < kills {
            killed += u64::from(fleet.disturb());
            std::thread::sleep(Duration::from_millis(random.below(1_800)));
        }
    });
    fleet.look_after();
    fleet.stop();
    job.catch_up();
    place.check_at_rest(&topic);
    place.check_in_hive(&mut cluster.beeline(), &topic);
}

#[test]
fn three_instances_of_one_group() {
    soak("soak", 3, number("RFM_SOAK_KILLS").unwrap_or(10));
}
