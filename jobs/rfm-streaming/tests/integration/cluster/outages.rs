//! Servers that are away, slow, full or refuse while it runs.

use std::cell::Cell;
use std::time::{Duration, Instant};

use test_cluster::{Cluster, Daemon, Part};

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::running::Running;
use crate::support::topic::Topic;
use crate::support::wait_until;

const PARTITIONS: [i32; 2] = [0, 1];

struct World<'c> {
    cluster: &'c Cluster,
    place: Place,
    topic: Topic,
    /// Counts the days that orders were sent of.
    days: Cell<u64>,
}

impl World<'_> {
    /// Orders of a day that there are none of yet, so that a partition has to be registered.
    fn send(&self) {
        self.days.set(self.days.get() + 1);
        let day = format!("2011-{:02}-{:02}", 1 + self.days.get() / 28, 1 + self.days.get() % 28);
        self.topic.send(&mut Orders::of_days(self.days.get(), &[&day]), 60, &PARTITIONS);
    }

    fn dfsadmin(&self, args: &[&str]) {
        let output = self.cluster.hdfs(&[&["dfsadmin"], args].concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// Everything is there after all, and one more batch, too.
    #[track_caller]
    fn recovers(&self, running: &mut Running) {
        self.place.wait_until_committed(&self.topic);
        self.send();
        self.place.wait_until_visible(&self.topic);
        assert!(!running.has_ended());
    }
}

#[test]
fn outages() {
    let cluster = Cluster::private(&[Part::Kafka, Part::Metastore]);
    let place = Place::on_cluster(&cluster, "outages");
    let topic = Topic::create(&place.brokers, "outages", 2);
    let world = &World { cluster: &cluster, place, topic, days: Cell::new(0) };
    world.send();
    broker(world);
    broker_that_hangs(world);
    metastore(world);
    name_node(world);
    data_node(world);
    safe_mode(world);
    full(world);
    impatient(world);
}

fn start(world: &World<'_>) -> Running {
    let mut running = Job::new(&world.place, &world.topic).start();
    running.wait_for_log("taken over source");
    running
}

fn broker(world: &World<'_>) {
    let mut running = start(world);
    world.send();
    world.cluster.stop(Daemon::Kafka);
    world.cluster.start(Daemon::Kafka);
    world.recovers(&mut running);
    world.cluster.kill(Daemon::Kafka);
    world.cluster.start(Daemon::Kafka);
    world.recovers(&mut running);
    running.stop();
    world.place.check_at_rest(&world.topic);
}

/// Whoever stops it does not wait for a broker that does not answer.
fn broker_that_hangs(world: &World<'_>) {
    let mut running = start(world);
    world.send();
    world.place.wait_until_visible(&world.topic);
    world.cluster.pause(Daemon::Kafka);
    let told = Instant::now();
    running.signal("TERM");
    let ended = running.wait();
    assert!(told.elapsed() < Duration::from_secs(20), "it took {:?}", told.elapsed());
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("the group does not answer"), "{ended}");
    world.cluster.resume(Daemon::Kafka);
    world.send();
    Job::new(&world.place, &world.topic).catch_up();
    world.place.check_at_rest(&world.topic);
}

fn metastore(world: &World<'_>) {
    let mut running = start(world);
    let visible = world.place.wait_until_visible(&world.topic).tagged.len();
    world.cluster.stop(Daemon::Metastore);
    // What is committed meanwhile is not lost, and not seen.
    for _ in 0..3 {
        world.send();
        world.place.wait_until_committed(&world.topic);
    }
    running.wait_for_log("committed orders cannot be made visible now");
    world.cluster.start(Daemon::Metastore);
    running.wait_for_log("committed orders are visible again");
    world.recovers(&mut running);
    assert!(world.place.check(&world.topic).tagged.len() > visible);

    // It ends while the metastore is away, and the next one makes it visible.
    world.cluster.stop(Daemon::Metastore);
    world.send();
    world.place.wait_until_committed(&world.topic);
    let ended = running.stop();
    assert!(ended.stderr.contains("not visible yet; the next run sees to it"), "{ended}");
    world.cluster.start(Daemon::Metastore);
    Job::new(&world.place, &world.topic).catch_up();
    world.place.check_at_rest(&world.topic);
}

fn name_node(world: &World<'_>) {
    let mut running = start(world);
    world.send();
    world.cluster.kill(Daemon::NameNode);
    world.send();
    running.wait_for_log("cannot go on now");
    world.cluster.start(Daemon::NameNode);
    world.recovers(&mut running);
    // Stopped in good order, with nothing to do.
    world.cluster.stop(Daemon::NameNode);
    world.cluster.start(Daemon::NameNode);
    world.recovers(&mut running);
    running.stop();
    world.place.check_at_rest(&world.topic);
}

fn data_node(world: &World<'_>) {
    let mut running = start(world);
    world.cluster.stop(Daemon::DataNode);
    world.send();
    running.wait_for_log("cannot go on now");
    world.cluster.start(Daemon::DataNode);
    world.recovers(&mut running);
    running.stop();
    world.place.check_at_rest(&world.topic);
}

fn safe_mode(world: &World<'_>) {
    let mut running = start(world);
    world.dfsadmin(&["-safemode", "enter"]);
    world.send();
    let line = running.wait_for_log("cannot go on now");
    assert!(line.contains("safe mode"), "{line}");
    world.dfsadmin(&["-safemode", "leave"]);
    world.recovers(&mut running);
    running.stop();
    world.place.check_at_rest(&world.topic);
}

fn full(world: &World<'_>) {
    let warehouse = world.place.catalog.warehouse().clone();
    let mut running = start(world);
    world.dfsadmin(&["-setSpaceQuota", "1", warehouse.path()]);
    world.send();
    let line = running.wait_for_log("cannot go on now");
    assert!(line.contains("quota"), "{line}");
    world.dfsadmin(&["-clrSpaceQuota", warehouse.path()]);
    world.recovers(&mut running);
    running.stop();
    world.place.check_at_rest(&world.topic);
}

fn impatient(world: &World<'_>) {
    let job = Job::new(&world.place, &world.topic).set("streaming.keep_trying", "3s");
    let mut running = job.start();
    running.wait_for_log("taken over source");
    world.cluster.kill(Daemon::NameNode);
    world.send();
    let nothing_lost = "nothing is lost, run again later";
    running.wait().assert_fails(3, &["streaming.keep_trying", nothing_lost, "hdfs://"]);
    // Nor does it begin.
    job.run().assert_fails(3, &["hdfs://"]);
    world.cluster.start(Daemon::NameNode);
    wait_until("it begins", || job.clone().until_caught_up().run().code == Some(0));
    world.place.check_at_rest(&world.topic);
}
