//! The engine for several nodes against the local one, with scheduler and executors as processes that are killed.

mod processes;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;

use serde_json::Value;

use self::processes::{Cluster, Process, until};
use crate::job::{Ended, HEADER, Job, ended, orders};

const TABLES: [&str; 2] = ["ecom_user_rfm_batch", "ecom_user_segments"];

/// Everything that may not depend on the engine: data files, counts, rejected rows by input file.
#[derive(PartialEq)]
struct Outcome {
    tables: Vec<Vec<(String, Vec<u8>)>>,
    report: Value,
    rejects: Vec<Vec<u8>>,
}

fn outcome(job: &Job, args: &[&str]) -> Outcome {
    let report = job.report(args);
    outcome_of(job, report)
}

fn outcome_of(job: &Job, mut report: Value) -> Outcome {
    let date = report["snapshot_date"].as_str().unwrap().to_owned();
    let tables = TABLES.iter().map(|table| job.file_bytes(table, &date)).collect();
    let mut named = Vec::new();
    let mut rejects = Vec::new();
    for file in report["files"].as_array_mut().unwrap() {
        let paths = file["rejects_files"].take();
        let mut rows = Vec::new();
        for path in paths.as_array().unwrap() {
            let path = job.path().join(path.as_str().unwrap());
            let text = std::fs::read(&path).unwrap();
            rows.extend_from_slice(text.strip_prefix(b"line,reason,detail,row\n").unwrap());
            named.push(path);
        }
        rejects.push(rows);
    }
    let folder = job.warehouse().join("_rejects").join(report["run_id"].as_str().unwrap());
    let mut there = files_in(folder);
    there.sort();
    assert_eq!(
        there, named,
        "those of other attempts are gone, and by their names they are in the order of the input"
    );
    let same = ["files", "rows", "customers", "orders", "revenue", "clustering", "segments"];
    let report = same.iter().map(|key| (key.to_string(), report[*key].clone()));
    Outcome { tables, report: Value::Object(report.collect()), rejects }
}

fn expect_same(found: &Outcome, expected: &Outcome, what: &str) {
    assert_eq!(found.report, expected.report, "{what}");
    let lengths = |outcome: &Outcome| outcome.rejects.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(found), lengths(expected), "{what}");
    assert!(found == expected, "{what}: the bytes differ");
}

/// The flags of a run on a cluster, with small pieces.
fn on<'a>(endpoint: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    let cluster = ["--engine", "ballista", "--scheduler", endpoint];
    let pieces = ["--set", "batch.ballista.piece=512 KiB"];
    [args, &cluster, &pieces].concat()
}

/// A run under way.
fn start(job: &Job, args: &[&str]) -> Child {
    let mut command = job.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(child: Child) -> Ended {
    ended(child.wait_with_output().unwrap())
}

fn files_in(folder: PathBuf) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// The files of attempts at pieces that there are: each has read something that was rejected.
fn attempts(job: &Job) -> Vec<PathBuf> {
    let is_of_piece = |path: &PathBuf| {
        // FILE-NAME.PIECE-ATTEMPT.rejects.csv
        let name = path.file_name().unwrap().to_str().unwrap();
        name.matches('.').count() == 3 && name.ends_with(".rejects.csv")
    };
    let runs = files_in(job.warehouse().join("_rejects"));
    runs.into_iter().flat_map(files_in).filter(is_of_piece).collect()
}

/// So that the attempts are those of the next run.
fn forget_rejects(job: &Job) {
    std::fs::remove_dir_all(job.warehouse().join("_rejects")).unwrap();
}

#[test]
fn the_result_is_that_of_the_local_engine() {
    let cluster = Cluster::start(2, 2);
    let endpoint = cluster.endpoint();
    let endpoint = endpoint.to_str().unwrap();
    let job = Job::new();
    let csv = orders(60_000, 5, 0.02);
    job.put("a/1.csv", &csv);
    // Other columns, other line ends, blank lines, a line beyond the limit, and a file that is only a header.
    let mut other = format!("\u{feff}More,{HEADER}").into_bytes();
    for line in orders(30_000, 6, 0.01).split(|&byte| byte == b'\n').skip(1) {
        other.extend([b"x,", line, b"\r\n\n"].concat());
    }
    other.extend("y".repeat(3 << 20).into_bytes());
    other.extend(b"\nz,1,2");
    job.put("a/2.csv", &other);
    job.put("a/3.csv", HEADER);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&orders(20_000, 7, 0.05)).unwrap();
    job.put("a/4.csv.gz", packed.finish().unwrap());
    for args in [
        &["--input", "a"][..],
        &["--input", "a", "--snapshot-date", "2011-06-01"],
        &["--input", "a", "--set", "batch.drop_duplicates=true"],
        &["--input", "a", "--set", "batch.rejects=malformed"],
        &["--input", "a/1.csv", "--set", "batch.rejects=none"],
    ] {
        let here = outcome(&job, args);
        let there = outcome(&job, &on(endpoint, args));
        expect_same(&there, &here, &format!("{args:?}"));
    }
    forget_rejects(&job);
    assert!(job.run(&on(endpoint, &["--input", "a", "--dry-run"])).code == Some(0));
    assert!(attempts(&job).is_empty());
}

#[test]
fn all_executors_take_part_and_leave_nothing() {
    let mut cluster = Cluster::start(2, 2);
    let endpoint = cluster.endpoint();
    let job = Job::new();
    job.put("x.csv", orders(150_000, 8, 0.0));
    job.report(&on(endpoint.to_str().unwrap(), &["--input", "x.csv"]));
    for executor in &mut cluster.executors {
        let tasks = executor.log().matches("Finished task").count();
        assert!(tasks >= 5, "{tasks}");
        executor.signal("TERM");
        assert_eq!(executor.wait(), Some(0), "{}", executor.log());
    }
    assert_eq!(cluster.work_files(), Vec::<PathBuf>::new());
    cluster.scheduler.signal("TERM");
    assert_eq!(cluster.scheduler.wait(), Some(0));
}

#[test]
fn an_executor_that_is_lost_in_the_middle_changes_nothing() {
    let job = Job::new();
    job.put("x.csv", orders(300_000, 9, 0.02));
    let here = outcome(&job, &["--input", "x.csv"]);
    // One that is dead, and one that is only silent, comes back, and is not believed any more.
    for signal in ["KILL", "STOP"] {
        forget_rejects(&job);
        let mut cluster = Cluster::start(2, 2);
        let endpoint = cluster.endpoint();
        let args = on(endpoint.to_str().unwrap(), &["--input", "x.csv", "--report", "report.json"]);
        let run = start(&job, &args);
        let begun = until("the first attempts", || Some(attempts(&job).len()).filter(|&n| n >= 6));
        cluster.executors[0].signal(signal);
        // 25 MB in pieces of half a megabyte.
        assert!(begun < 30, "too late: {begun} pieces");
        let ended = finish(run);
        if signal == "STOP" {
            cluster.executors[0].signal("CONT");
        }
        assert_eq!(ended.code, Some(0), "{signal}\n{}", ended.stderr);
        let log = cluster.scheduler.log();
        // Of one that is dead the scheduler may also hear when it gives it more to do.
        let is_refused = signal == "KILL" && log.contains("Failed to launch new task");
        assert!(log.contains("heartbeat timed out") || is_refused, "{log}");
        let report = std::fs::read(job.path().join("report.json")).unwrap();
        let there = outcome_of(&job, serde_json::from_slice(&report).unwrap());
        expect_same(&there, &here, signal);
        if signal == "STOP" {
            assert_eq!(cluster.executors[0].wait(), Some(3), "{}", cluster.executors[0].log());
        }
    }
}

#[test]
fn all_executors_are_lost_and_others_come_or_none() {
    let job = Job::new();
    job.put("x.csv", orders(300_000, 9, 0.02));
    let here = outcome(&job, &["--input", "x.csv"]);
    let seen = || format!("{:?}", job.rows("ecom_user_segments_current", None));
    let before = seen();
    for others_come in [true, false] {
        forget_rejects(&job);
        let mut cluster = Cluster::start(2, 2);
        let endpoint = cluster.endpoint();
        let args = on(endpoint.to_str().unwrap(), &["--input", "x.csv", "--report", "report.json"]);
        let run = start(&job, &args);
        until("the first attempts", || (attempts(&job).len() >= 6).then_some(()));
        for executor in &cluster.executors {
            executor.signal("KILL");
        }
        if others_come {
            cluster.add_executor();
        }
        let ended = finish(run);
        if others_come {
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            let report = std::fs::read(job.path().join("report.json")).unwrap();
            let there = outcome_of(&job, serde_json::from_slice(&report).unwrap());
            expect_same(&there, &here, "one after two");
        } else {
            assert_eq!(ended.code, Some(3), "{}", ended.stderr);
            assert!(ended.stderr.contains("the executors were lost"), "{}", ended.stderr);
            assert!(attempts(&job).is_empty());
        }
        assert_eq!(seen(), before);
    }
}

#[test]
fn an_executor_that_never_comes_is_missed_by_name() {
    let mut cluster = Cluster::start(2, 1);
    let endpoint = cluster.endpoint();
    let endpoint = endpoint.to_str().unwrap();
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    let args = on(endpoint, &["--input", "x.csv"]);
    let is_there =
        || cluster.executors[0].log().contains("Executor registration succeed").then_some(());
    until("the first executor", is_there);
    let hasty = [&args[..], &["--set", "batch.ballista.wait=4s"]].concat();
    let ended = job.run(&hasty);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("was not there in 4 s: 1/2 executors registered"),
        "{}",
        ended.stderr
    );
    // Late is not never.
    let run = start(&job, &args);
    cluster.add_executor();
    assert_eq!(finish(run).code, Some(0));
}

#[test]
fn when_the_scheduler_dies_the_old_snapshot_stays() {
    let mut cluster = Cluster::start(2, 2);
    let endpoint = cluster.endpoint();
    let job = Job::new();
    job.put("old.csv", orders(30_000, 1, 0.0));
    job.put("x.csv", orders(300_000, 9, 0.02));
    job.report(&["--input", "old.csv"]);
    let seen = || format!("{:?}", job.rows("ecom_user_segments_current", None));
    let before = seen();
    let run = start(&job, &on(endpoint.to_str().unwrap(), &["--input", "x.csv"]));
    until("the first attempts", || (attempts(&job).len() >= 6).then_some(()));
    cluster.scheduler.signal("KILL");
    let ended = finish(run);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("was lost while it worked on the job"), "{}", ended.stderr);
    assert_eq!(seen(), before);
    for executor in &mut cluster.executors {
        assert_eq!(executor.wait(), Some(3), "{}", executor.log());
        assert!(executor.log().contains("does not answer any more"), "{}", executor.log());
    }
    assert_eq!(cluster.work_files(), Vec::<PathBuf>::new());
}

#[test]
fn what_a_scan_says_is_what_the_user_reads() {
    let cluster = Cluster::start(1, 1);
    let endpoint = cluster.endpoint();
    let endpoint = endpoint.to_str().unwrap();
    let job = Job::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&orders(30_000, 1, 0.02)).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() / 2);
    job.put("in \"x\"/cut.csv.gz", packed);
    let args = ["--input", "in \"x\""];
    let error = |ended: Ended| {
        let line = ended.stderr.lines().find(|line| line.starts_with("error: ")).map(str::to_owned);
        (ended.code, line.unwrap_or(ended.stderr))
    };
    let (here, there) = (error(job.run(&args)), error(job.run(&on(endpoint, &args))));
    assert_eq!(here.0, Some(1));
    // The executor knows the file by its whole path.
    let absolute = job.path().canonicalize().unwrap().join("in \"x\"/cut.csv.gz");
    let escaped = |path: &str| path.replace('"', "\\\"");
    let relative = escaped("in \"x\"/cut.csv.gz");
    assert_eq!(there, (Some(1), here.1.replace(&relative, &escaped(absolute.to_str().unwrap()))));
    assert!(attempts(&job).is_empty());
}

#[test]
fn an_executor_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Something is there, and says nothing.
    let mut silenced = Process::lonely_executor(&address, folder.path());
    let _connection = listener.accept().unwrap();
    until("the executor begins", || silenced.log().contains("the executor begins").then_some(()));
    silenced.signal("TERM");
    assert_eq!(silenced.wait(), Some(0));
    // Nothing is there any more, as a file may say that an older scheduler has left.
    drop(listener);
    let file = folder.path().join("endpoint");
    std::fs::write(&file, format!("{address}\n")).unwrap();
    for scheduler in [address.as_str(), file.to_str().unwrap()] {
        let mut executor = Process::lonely_executor(scheduler, folder.path());
        assert_eq!(executor.wait(), Some(3));
        let log = executor.log();
        assert!(log.contains("no scheduler in 1 s") && log.contains(&address), "{log}");
    }
}

#[test]
fn wrong_addresses() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    let run = |args: &[&str]| {
        let common =
            ["--input", "x.csv", "--engine", "ballista", "--set", "batch.ballista.wait=1s"];
        let ended = job.run(&[&common[..], args].concat());
        (ended.code, ended.stderr)
    };
    let (code, text) = run(&[]);
    assert!(code == Some(2) && text.contains("give --scheduler HOST:PORT"), "{text}");
    let (code, text) = run(&["--scheduler", "somewhere"]);
    assert!(code == Some(2) && text.contains("'somewhere' is not the address"), "{text}");
    let (code, text) = run(&["--scheduler", "no/endpoint"]);
    assert!(code == Some(3) && text.contains("there is no file no/endpoint yet"), "{text}");
    // A port that is free, and one where something else answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-x\r\n").unwrap();
    });
    let (code, text) = run(&["--scheduler", &address]);
    server.join().unwrap();
    assert!(code == Some(3) && text.contains("was not there in 1 s"), "{text}");
}
