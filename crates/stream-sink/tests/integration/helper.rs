//! A process of the streaming job, so that it can be killed.
//!
//! The process is this test binary again, told by an environment variable to run one "test" that does the work. In a
//! normal run of the tests that one finds nothing to do.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stream_sink::error::SinkError;

use crate::cluster;
use crate::orders::source;
use crate::s3;
use crate::world::{Job, World};

const TASK: &str = "STREAM_SINK_TEST_TASK";
const THIS_TEST: [&str; 3] = ["helper::work_in_this_process", "--exact", "--nocapture"];

/// Where a process writes to.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    Folder(PathBuf),
    Cluster(cluster::Place),
    S3(s3::Place),
}

/// What a process does.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Takes sources over and writes so many commits, each visible at once.
    Stream { sources: i32, commits: usize },
    /// Waits for this file, takes the source over so many times, and commits until it is fenced, or so many times.
    Fight { start: PathBuf, take_overs: usize, commits: usize },
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) work: Work,
}

impl Task {
    pub(crate) fn spawn(&self, fault: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(THIS_TEST)
            .env(TASK, serde_json::to_string(self).unwrap())
            .env("RFM_FAULT", fault)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Whether it was killed at the place that `fault` names; else it has done its work.
    pub(crate) fn is_killed_at(&self, fault: &str) -> bool {
        let output = self.spawn(fault).wait_with_output().unwrap();
        const SIGABRT: i32 = 6;
        match output.status.signal() {
            Some(SIGABRT) => true,
            None if output.status.success() => false,
            _ => panic!("{fault}: {} {}", output.status, text(&output.stdout, &output.stderr)),
        }
    }
}

/// The lines that a process has told.
pub(crate) fn told_by(child: Child) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout, &output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout);
    lines.lines().filter_map(|line| line.strip_prefix("told ")).map(str::to_owned).collect()
}

fn text(stdout: &[u8], stderr: &[u8]) -> String {
    format!("{}{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
}

/// Waits until `ready`, which is asked again and again for at most 30 seconds.
pub(crate) fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen within 30 s");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn work_in_this_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let Task { name, place, work } = serde_json::from_str(&task).unwrap();
    let mut job = match place {
        Place::Folder(folder) => World::at(&folder).job(&name),
        Place::Cluster(place) => {
            let (catalog, tables) = place.open();
            Job::new(&name, Arc::default(), Arc::new(catalog), &tables)
        }
        Place::S3(place) => {
            let (catalog, tables) = place.open();
            Job::new(&name, Arc::default(), Arc::new(catalog), &tables)
        }
    };
    match work {
        Work::Stream { sources, commits } => stream(&mut job, sources, commits),
        Work::Fight { start, take_overs, commits } => {
            fight(&mut job, &name, &start, take_overs, commits);
        }
    }
}

fn stream(job: &mut Job, sources: i32, commits: usize) {
    for number in 0..sources {
        job.take_over(&source(number)).unwrap();
    }
    job.publish_all();
    for commit in 0..commits {
        for number in 0..sources {
            job.write(&source(number), 12 + 5 * (commit as i64 % 3)).unwrap();
        }
        job.commit().unwrap();
        job.publish_all();
    }
}

fn fight(job: &mut Job, name: &str, start: &Path, take_overs: usize, commits: usize) {
    std::fs::write(start.with_file_name(format!("{name}.ready")), "").unwrap();
    wait_for("the start", || start.exists());
    let orders = source(0);
    for _ in 0..take_overs {
        let mut fight = || -> Result<(), SinkError> {
            job.take_over(&orders)?;
            for _ in 0..commits {
                job.write(&orders, 15)?;
                job.commit()?;
                let progress = job.publish()?;
                assert!(progress.problem.is_none(), "{:?}", progress.problem);
            }
            Ok(())
        };
        match fight() {
            Ok(()) => tell_parent("won"),
            Err(SinkError::Fenced { by, .. }) => tell_parent(&format!("fenced by {by}")),
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
    // What it has committed before it was fenced may be its own to publish.
    job.publish_all();
}

#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn tell_parent(line: &str) {
    // A line of its own: the test runner leaves one open.
    println!("\ntold {line}");
}
