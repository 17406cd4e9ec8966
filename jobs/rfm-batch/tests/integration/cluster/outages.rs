//! What a run says and leaves when a server of the cluster is away, slow, full, or refuses.

use std::time::{Duration, Instant};

use test_cluster::{Cluster, Daemon, Part};
use warehouse::fault;

use super::HiveJob;
use crate::job::{Ended, ended, orders};

const DATE: &str = "2012-01-01";
/// What makes a run give up soon.
const HASTY: [&str; 4] = ["--set", "catalog.keep_trying=1s", "--set", "catalog.timeout=3s"];

/// The whole message in one line.
fn message(ended: &Ended) -> &str {
    ended.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default()
}

#[track_caller]
fn assert_fails(ended: &Ended, code: i32, parts: &[&str]) {
    let message = message(ended);
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn outages() {
    let cluster = Cluster::private(&[Part::Hive]);
    let hive = HiveJob::new(&cluster, "outages");
    hive.put("a.csv", &orders(3_000, 1, 0.0));
    hive.put("b.csv", &orders(3_000, 2, 0.0));
    hive.report("a.csv", DATE);
    let old = hive.seen(&mut cluster.beeline());
    let is_unchanged = || assert_eq!(hive.seen(&mut cluster.beeline()), old);
    let run = |more: &[&str]| hive.run("b.csv", DATE, more);
    let metastore = cluster.metastore_uri().to_owned();

    // the metastore is away
    cluster.stop(Daemon::Metastore);
    let start = Instant::now();
    assert_fails(&run(&HASTY), 3, &["Hive metastore", &metastore, "does not answer"]);
    assert!(start.elapsed() < Duration::from_secs(30));
    cluster.start(Daemon::Metastore);
    is_unchanged();

    // it hangs for longer than a call may take
    cluster.pause(Daemon::Metastore);
    let start = Instant::now();
    assert_fails(&run(&HASTY), 3, &["Hive metastore", &metastore, "does not answer"]);
    assert!(start.elapsed() < Duration::from_secs(40));
    cluster.resume(Daemon::Metastore);
    is_unchanged();

    // the NameNode is in safe mode
    assert!(cluster.hdfs(&["dfsadmin", "-safemode", "enter"]).status.success());
    assert_fails(&run(&[]), 3, &["hdfs://", "/tests/outages/warehouse", "safe mode"]);
    assert!(cluster.hdfs(&["dfsadmin", "-safemode", "leave"]).status.success());
    is_unchanged();

    // nobody gives the blocks of the input
    cluster.stop(Daemon::DataNode);
    assert_fails(&run(&[]), 3, &["/tests/outages/input/b.csv"]);
    cluster.start(Daemon::DataNode);
    is_unchanged();

    // the folder's quota is used up
    let warehouse = hive.warehouse();
    let dfsadmin =
        |args: &[&str]| assert!(cluster.hdfs(&[&["dfsadmin"], args].concat()).status.success());
    dfsadmin(&["-setSpaceQuota", "1", warehouse.path()]);
    assert_fails(&run(&[]), 1, &["/tests/outages/warehouse", "quota"]);
    dfsadmin(&["-clrSpaceQuota", warehouse.path()]);
    is_unchanged();

    // it is somebody else's
    let args = hive.run_on("b.csv", DATE);
    let mut command = hive.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let stranger = ended(command.env("HADOOP_USER_NAME", "stranger").output().unwrap());
    assert_fails(&stranger, 1, &["/tests/outages/warehouse", "this user may not"]);
    is_unchanged();

    // the metastore restarts while the run is about to publish, and the run waits for it
    let args = hive.run_on("b.csv", DATE);
    let mut command = hive.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.args(["--set", "catalog.keep_trying=2m"]);
    command.env("RFM_FAULT", format!("{}:pause=15000", fault::PUBLISH_STARTED));
    command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let waiting = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_written = || {
        let profiles = warehouse.join("ecom_segment_profiles/_runs").list_if_exists().unwrap();
        profiles.len() == 2
    };
    while !is_written() {
        assert!(Instant::now() < deadline, "the run did not get to publish");
        std::thread::sleep(Duration::from_millis(20));
    }
    cluster.kill(Daemon::Metastore);
    // Until the run has found that it is away.
    std::thread::sleep(Duration::from_secs(17));
    cluster.start(Daemon::Metastore);
    let waited = ended(waiting.wait_with_output().unwrap());
    assert_eq!(waited.code, Some(0), "{}", waited.stderr);
    assert!(waited.stderr.contains("trying again"), "{}", waited.stderr);
    let new = hive.seen(&mut cluster.beeline());
    assert!(old.iter().zip(&new).all(|(old, new)| old != new && !new.is_empty()));

    // no NameNode at all
    cluster.stop(Daemon::NameNode);
    assert_fails(&run(&[]), 3, &["hdfs://"]);
}
