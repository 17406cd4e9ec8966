//! Instances that come and go in the middle of a commit, and partitions that are added to the topic.

use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use stream_sink::fault;
use test_cluster::{Cluster, Part};

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::running::Running;
use crate::support::topic::Topic;
use crate::support::wait_until;

const PARTITIONS: [i32; 4] = [0, 1, 2, 3];
const DAYS: [&str; 2] = ["2011-12-08", "2011-12-09"];

fn open(name: &str, partitions: i32) -> (Place, Topic) {
    let place = Place::on_cluster(Cluster::shared(&[Part::Kafka, Part::Metastore]), name);
    let topic = Topic::create(&place.brokers, name, partitions);
    (place, topic)
}

/// Waits until `running` has been given partitions, and has opened them.
fn wait_until_open(running: &mut Running) {
    running.wait_for_log("taken over source");
}

/// Starts one, and sends orders until it pauses as `fault` says.
fn start_and_pause(job: &Job, topic: &Topic, orders: &mut Orders, fault: &str) -> Running {
    let mut paused = job.clone().fault(fault).start();
    wait_until_open(&mut paused);
    while paused.logged("pause asked for").is_empty() {
        let batches = paused.batches();
        topic.send(orders, 40, &PARTITIONS);
        paused.wait_for(fault, |paused| {
            paused.batches() > batches || !paused.logged("pause asked for").is_empty()
        });
    }
    paused
}

/// Pauses one at each of these places while another one joins, reads and leaves.
fn pause_at(name: &str, points: &[&str]) {
    let (place, topic) = open(name, 4);
    let mut orders = Orders::of_days(21, &DAYS);
    let job = Job::new(&place, &topic);
    for point in points {
        let fault = format!("{point}#3:pause=3000");
        let paused = start_and_pause(&job, &topic, &mut orders, &fault);
        let mut joining = job.start();
        topic.send(&mut orders, 40, &PARTITIONS);
        wait_until_open(&mut joining);
        topic.send(&mut orders, 40, &PARTITIONS);
        joining.stop();
        paused.stop();
    }
    job.catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn one_joins_and_leaves_while_another_pauses_before_it_commits() {
    let points =
        [fault::FILE_CREATED, fault::FILE_FINISHED, fault::FILES_FINISHED, fault::ENTRY_WRITTEN];
    pause_at("paused_before", &points);
}

#[test]
fn one_joins_and_leaves_while_another_pauses_after_it_has_committed() {
    let points = [fault::COMMITTED, fault::ALL_COMMITTED, fault::FILE_EXPOSED, fault::REGISTERED];
    pause_at("paused_after", &points);
}

/// Stops one, and in the moment before it leaves the group, in which it does not hear of anything, lets `change` happen. The group's
/// question waits for it then, and librdkafka asks a second one, to give up everything.
fn change_while_leaving(mut leaving: Running, change: impl FnOnce()) {
    leaving.signal("TERM");
    leaving.wait_for_log("pause asked for");
    change();
    let ended = leaving.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains(fault::ASKED), "it was not asked twice: {ended}");
    assert!(!ended.stderr.contains("the group does not answer"), "{ended}");
}

#[test]
fn one_leaves_while_the_group_divides_the_partitions_anew() {
    let (place, topic) = open("unheard", 4);
    let mut orders = Orders::of_days(25, &DAYS);
    let job = Job::new(&place, &topic).option("heartbeat.interval.ms", "500");
    // It would end at a second answer: for that librdkafka may wait for ever, though only now and then.
    let faults =
        format!("{}:pause=4000,{}#2:pause=1,{}#2", fault::LEAVING, fault::ASKED, fault::ANSWERED);
    let pausing = job.clone().fault(&faults);

    // Another one leaves.
    let mut leaving = pausing.start();
    wait_until_open(&mut leaving);
    let mut other = job.start();
    wait_until_open(&mut other);
    topic.send(&mut orders, 40, &PARTITIONS);
    change_while_leaving(leaving, || drop(other.stop()));

    // Another one comes.
    let mut leaving = pausing.start();
    wait_until_open(&mut leaving);
    topic.send(&mut orders, 40, &PARTITIONS);
    let mut joining = None;
    change_while_leaving(leaving, || joining = Some(job.start()));
    let mut joining = joining.unwrap();
    wait_until_open(&mut joining);
    joining.stop();
    job.catch_up();
    place.check_at_rest(&topic);
}

#[test]
fn a_commit_that_takes_longer_than_the_group_waits() {
    let (place, topic) = open("slow", 4);
    let mut orders = Orders::of_days(22, &DAYS);
    let job = Job::new(&place, &topic);
    // Longer than a revocation waits for a commit.
    let slow = format!("{}:pause=60000", fault::ENTRY_WRITTEN);
    // The first entries are those of the take-over.
    let slow = slow.replacen(':', "#5:", 1);
    let mut paused = job.clone().fault(&slow).start();
    wait_until_open(&mut paused);
    // Partitions are committed at the same time, and one of them pauses: it has to be one that is given away.
    topic.send(&mut orders, 40, &[0]);
    paused.wait_for_log("pause asked for");
    let mut joining = job.start();
    wait_until_open(&mut joining);
    let revoked = paused.wait_for_log("revoked");
    assert!(
        revoked.contains("[0, 1]"),
        "the test relies on partition 0 being given away: {revoked}"
    );
    paused.wait_for_log("taken over by somebody else");
    // Both go on with what is theirs.
    topic.send(&mut orders, 400, &PARTITIONS);
    place.wait_until_committed(&topic);
    joining.stop();
    topic.send(&mut orders, 40, &PARTITIONS);
    place.wait_until_committed(&topic);
    paused.stop();
    job.catch_up();
    place.check_at_rest(&topic);
}

/// What is read of partitions that an instance keeps is committed in time, although those that it gives away take the
/// batch with them.
#[test]
fn the_rest_of_a_batch_need_not_wait_for_more_messages() {
    let (place, topic) = open("rest", 2);
    let mut orders = Orders::of_days(23, &DAYS);
    let job = Job::new(&place, &topic)
        .set("streaming.flush_interval", "5s")
        .arg("--listen")
        .arg("127.0.0.1:0");
    let mut first = job.start();
    wait_until_open(&mut first);
    topic.send(&mut orders, 100, &[0, 1]);
    wait_until("all is read", || first.metric("rfm_streaming_messages_total") == Some(100.0));
    let mut second = job.start();
    first.wait_for_log("revoked");
    place.wait_until_committed(&topic);
    wait_until_open(&mut second);
    place.wait_until_visible(&topic);
    first.stop();
    second.stop();
    place.check_at_rest(&topic);
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning() {
    let (place, topic) = open("grown", 2);
    let mut orders = Orders::of_days(24, &DAYS);
    // What was there before is not asked for; what is added later is.
    let job = Job::new(&place, &topic).set("streaming.start", "latest");
    topic.send(&mut orders, 50, &[0, 1]);
    let ends = topic.ledger.ends();
    let mut running = job.start();
    wait_until("both are taken over", || {
        place.committed(&topic).len() == 2 && running.logged("taken over source").len() == 2
    });
    for (partition, end) in ends {
        topic.ledger.lose(partition, 0..end);
    }
    topic.grow(5);
    topic.send(&mut orders, 250, &[0, 1, 2, 3, 4]);
    running.wait_for_messages(250);
    place.wait_until_visible(&topic);
    running.stop();
    place.check_at_rest(&topic);
    assert_eq!(topic.ledger.ends().len(), 5);
}

#[test]
fn a_member_that_was_replaced_ends() {
    let (place, topic) = open("replaced", 2);
    let mut orders = Orders::of_days(25, &DAYS);
    let job = Job::new(&place, &topic).instance("one");
    let mut old = job.start();
    topic.send(&mut orders, 100, &[0, 1]);
    old.wait_for_messages(100);
    old.signal("STOP");
    let mut new = job.start();
    topic.send(&mut orders, 100, &[0, 1]);
    new.wait_for_messages(100);
    old.signal("CONT");
    old.wait().assert_fails(1, &["another instance of the group is called 'one'"]);
    topic.send(&mut orders, 100, &[0, 1]);
    new.wait_for_messages(200);
    place.wait_until_visible(&topic);
    new.stop();
    place.check_at_rest(&topic);
}

/// A run that is to end, beside an instance that has half of the partitions and commits nothing, after it has read its own half.
fn catch_up_beside(idle: &BaseConsumer, job: &Job, messages: u64) -> Running {
    let mut running = job.clone().until_caught_up().start();
    running.wait_for("its half", |running| {
        let _ = idle.poll(Duration::from_millis(20));
        running.messages() >= messages / 2
    });
    assert_eq!(running.messages(), messages / 2);
    running
}

#[test]
fn to_be_caught_up_is_to_have_read_what_others_leave_behind() {
    let (place, topic) = open("left_behind", 4);
    let mut orders = Orders::of_days(32, &DAYS);
    let job = Job::new(&place, &topic);
    topic.send(&mut orders, 200, &PARTITIONS);
    let idle = topic.idle_member(&topic.name);
    let mut running = catch_up_beside(&idle, &job, 200);
    for _ in 0..30 {
        let _ = idle.poll(Duration::from_millis(100));
        assert!(!running.has_ended());
    }
    let waiting = running.wait_for_log("waiting for what other instances have yet to write");
    assert!(waiting.contains("messages=100"), "{waiting}");
    drop(idle);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    place.check_at_rest(&topic);
}

#[test]
fn what_others_never_commit_is_not_waited_for_without_end() {
    let (place, topic) = open("never_read", 4);
    let mut orders = Orders::of_days(33, &DAYS);
    let job = Job::new(&place, &topic);
    topic.send(&mut orders, 200, &PARTITIONS);
    let idle = topic.idle_member(&topic.name);
    let mut running = catch_up_beside(&idle, &job, 200);
    wait_until("it gives up", || {
        let _ = idle.poll(Duration::from_millis(50));
        running.has_ended()
    });
    let left = "belong to other instances of the group";
    running.wait().assert_fails(3, &["not everything is read", left, "100 messages"]);
    drop(idle);
    job.catch_up();
    place.check_at_rest(&topic);
}

/// One that is stopped in the middle of a commit, and another one that has committed all that there is since.
fn zombie_and_other(
    (place, topic): (&Place, &Topic),
    orders: &mut Orders,
    job: &Job,
    point: &str,
) -> (Running, Running) {
    // Entries are written by the take-over, too.
    let mut zombie = start_and_pause(job, topic, orders, &format!("{point}#6:pause=2000"));
    zombie.signal("STOP");
    let mut other = job.start();
    topic.send(orders, 40, &PARTITIONS);
    wait_until_open(&mut other);
    place.wait_until_committed(topic);
    (zombie, other)
}

/// Stopped in the middle of a commit for so long that another one has gone on with its partitions. It finds out, and
/// takes nothing back.
#[test]
fn a_zombie_that_wakes_in_the_middle_of_a_commit() {
    let (place, topic) = open("zombie", 4);
    let mut orders = Orders::of_days(26, &DAYS);
    let job = Job::new(&place, &topic);
    for point in [fault::FILES_FINISHED, fault::ENTRY_WRITTEN, fault::COMMITTED] {
        let (mut zombie, other) = zombie_and_other((&place, &topic), &mut orders, &job, point);
        zombie.signal("CONT");
        zombie.wait_for_log("revoked");
        // Both are members, and all that comes is read.
        topic.send(&mut orders, 40, &PARTITIONS);
        place.wait_until_committed(&topic);
        zombie.stop();
        other.stop();
    }
    job.catch_up();
    place.check_at_rest(&topic);
}

/// It has lost what it was about to commit to another one, which reads that again: the end is in order.
#[test]
fn a_zombie_that_is_told_to_stop_when_it_wakes() {
    let (place, topic) = open("zombie_stops", 4);
    let mut orders = Orders::of_days(27, &DAYS);
    let job = Job::new(&place, &topic);
    for _ in 0..2 {
        let (mut zombie, other) =
            zombie_and_other((&place, &topic), &mut orders, &job, fault::FILES_FINISHED);
        zombie.signal("TERM");
        zombie.signal("CONT");
        let ended = zombie.wait();
        assert_eq!(ended.code, Some(0), "{ended}");
        other.stop();
    }
    job.catch_up();
    place.check_at_rest(&topic);
}
