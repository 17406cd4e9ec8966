//! The clusters of tests start, answer, fail as told and leave nothing behind.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use test_cluster::{Cluster, Daemon, Part};

/// Tells the test that is run as a child process where to say that its cluster is up.
const CHILD: &str = "RFM_TEST_KILLED_CHILD";

fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processes that were started for a cluster, or whose current folder is in its home.
fn processes_of(home: &Path) -> BTreeSet<String> {
    let setting = format!("RFM_CLUSTER_HOME={}", home.to_str().expect("a path in UTF-8"));
    std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(Result::ok)
        .filter(|process| {
            let settings = std::fs::read(process.path().join("environ")).unwrap_or_default();
            let folder = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
            settings.split(|&byte| byte == 0).any(|one| one == setting.as_bytes())
                || folder.starts_with(home)
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

fn home_of(cluster: &Cluster) -> PathBuf {
    cluster.hadoop_conf_dir().ancestors().nth(2).expect("a home").to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn hdfs_of_the_shared_cluster_keeps_files_and_permissions() {
    let cluster = Cluster::shared(&[Part::Hdfs]);
    let folder = format!("/tmp/permissions-{}", std::process::id());
    let made = cluster.hdfs_as("alice", &["dfs", "-mkdir", &folder]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let closed = cluster.hdfs(&["dfs", "-chmod", "700", &folder]);
    assert!(closed.status.success(), "{}", text(&closed.stderr));
    let refused = cluster.hdfs_as("bob", &["dfs", "-ls", &folder]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("Permission denied: user=bob"));
    let core = std::fs::read_to_string(cluster.hadoop_conf_dir().join("core-site.xml"));
    assert!(core.expect("core-site.xml").contains(cluster.hdfs_url()));
    assert!(cluster.envs().iter().any(|(name, _)| name == "HADOOP_CONF_DIR"));
    cluster.hdfs(&["dfs", "-rm", "-r", "-skipTrash", &folder]);
}

#[test]
fn beeline_answers_with_rows_or_with_what_is_wrong() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let mut beeline = cluster.beeline();
    let sql = "select 1, cast(null as string), 'a,\tb', ''\nunion all select 2, 'NULL', 'ä|c', 'x'";
    let mut rows = beeline.query(sql).expect("rows");
    rows.sort();
    assert_eq!(rows, [["1", "NULL", "a,\tb", ""], ["2", "NULL", "ä|c", "x"]]);

    let refusal = beeline.query("select * from no_such_table").expect_err("no such table");
    assert!(refusal.contains("Table not found 'no_such_table'"), "{refusal}");
    // And goes on.
    assert_eq!(beeline.query("select 'still there';").expect("a row"), [["still there"]]);

    let table = format!("beeline_{}", std::process::id());
    beeline.execute(&format!("create table {table} (id int) stored as parquet")).expect("create");
    beeline.execute(&format!("insert into {table} values (7)")).expect("insert");
    assert_eq!(beeline.query(&format!("select id from {table}")).expect("rows"), [["7"]]);
    assert!(beeline.query(&format!("select id from {table} where id > 7")).expect("").is_empty());
    beeline.execute(&format!("drop table {table}")).expect("drop");
}

#[test]
fn beeline_runs_a_file_as_for_a_user() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("query.sql");
    std::fs::write(&file, "select concat('it is ', '${what}');\n").expect("a file");
    let printed = cluster.beeline_text(&file, &[("what", "printed")]).expect("an answer");
    assert!(printed.contains("| it is printed  |"), "{printed}");
    std::fs::write(&file, "select 1 from no_such_table;\n").expect("a file");
    let refusal = cluster.beeline_text(&file, &[]).expect_err("no such table");
    assert!(refusal.contains("no_such_table"), "{refusal}");
}

#[test]
fn one_daemon_stops_and_starts_while_the_others_run() {
    let cluster = Cluster::private(&[Part::Metastore]);
    let home = home_of(&cluster);
    let address = cluster.metastore_uri().strip_prefix("thrift://").expect("thrift").to_owned();
    let answers = || std::net::TcpStream::connect(&address).is_ok();
    assert!(answers());
    cluster.stop(Daemon::Metastore);
    assert!(!answers());
    cluster.start(Daemon::Metastore);
    assert!(answers());
    cluster.kill(Daemon::Metastore);
    assert!(!answers());

    cluster.kill(Daemon::NameNode);
    cluster.start(Daemon::NameNode);
    let mode = cluster.hdfs(&["dfsadmin", "-safemode", "get"]);
    assert!(text(&mode.stdout).contains("Safe mode is OFF"), "{mode:?}");
    assert!(!cluster.log(Daemon::NameNode).is_empty());
    // A paused daemon ends as well.
    cluster.pause(Daemon::NameNode);
    drop(cluster);
    assert!(!home.exists());
    // The supervisor has been told to end; the pause that it is in lasts half a second.
    wait_for("nothing of it runs", Duration::from_secs(10), || processes_of(&home).is_empty());
}

#[test]
fn a_killed_test_process_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("home");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD, &report)
        .env_remove("RFM_TEST_CLUSTER_HOME")
        // At its end the child ends, in case this test fails first.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    wait_for("the child's cluster is up", Duration::from_secs(180), || {
        let ended = child.try_wait().expect("the child's state");
        assert!(ended.is_none(), "the child ended: {ended:?}");
        report.exists()
    });
    let home = PathBuf::from(std::fs::read_to_string(&report).expect("the child's report"));
    assert!(processes_of(&home).len() >= 3, "NameNode, DataNode, and who watches");
    child.kill().expect("SIGKILL");
    child.wait().expect("the child's end");
    wait_for("nothing is left", Duration::from_secs(60), || {
        processes_of(&home).is_empty() && !home.exists()
    });
}

/// Not a test by itself: the process that the test above kills.
#[test]
fn child_that_is_killed() {
    let Some(report) = std::env::var_os(CHILD) else { return };
    let cluster = Cluster::private(&[Part::Hdfs]);
    let report = PathBuf::from(report);
    let new = report.with_extension("new");
    std::fs::write(&new, home_of(&cluster).to_str().expect("UTF-8")).expect("a report");
    std::fs::rename(&new, &report).expect("a report");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
