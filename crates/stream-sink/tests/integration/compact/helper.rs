//! A compaction in a process of its own, so that it can be killed or paused at a point of `RFM_FAULT`.
//!
//! The process is this test binary again, told by an environment variable to run one "test" that does the work. In a
//! normal run of the tests that one finds nothing to do.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use stream_sink::compact::CompactOptions;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::world::{World, keep_nothing};

const TASK: &str = "COMPACT_TEST_TASK";
const THIS_TEST: [&str; 3] = ["compact::helper::compact_in_this_process", "--exact", "--nocapture"];
const PAUSED: &str = "paused at";
const ENDED: &str = "ended:";

/// A compaction in another process.
pub(crate) struct Compaction {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// Starts a compaction that keeps no old files, with this value of `RFM_FAULT`. `retain_days` may be 0 for none.
pub(crate) fn start(folder: &Path, fault: &str, retain_days: u32) -> Compaction {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(THIS_TEST)
        .env(TASK, format!("{retain_days}|{}", folder.display()))
        .env("RFM_FAULT", fault)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    Compaction { child, stdout }
}

/// Runs a compaction that is killed at a point. Whether it has reached it.
pub(crate) fn kill_at(folder: &Path, point: &str, retain_days: u32) -> bool {
    start(folder, point, retain_days).end().is_none()
}

impl Compaction {
    /// Waits until it pauses. Whether it does; else it has ended.
    pub(crate) fn pauses(&mut self) -> bool {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if line.starts_with(PAUSED) {
                return true;
            }
            line.clear();
        }
        false
    }

    /// What it says when it ends by itself; nothing if it was killed.
    pub(crate) fn end(mut self) -> Option<String> {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        let said = rest.lines().find_map(|line| line.strip_prefix(ENDED)).map(str::to_owned);
        assert_eq!(said.is_some(), status.success(), "{status}: {rest}");
        said
    }
}

#[test]
fn compact_in_this_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (retain_days, folder) = task.split_once('|').unwrap();
    let retain_days = Some(retain_days.parse().unwrap()).filter(|days| *days > 0);
    tracing::subscriber::set_global_default(TellPauses).unwrap();
    let world = World::local(Path::new(folder));
    match world.compact(&CompactOptions { retain_days, ..keep_nothing() }) {
        Ok(report) => tell_parent(&format!("{ENDED} {report:?}")),
        Err(error) => tell_parent(&format!("{ENDED} failed: {error}")),
    }
}

#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn tell_parent(line: &str) {
    // a line of its own: the test runner leaves one open
    println!("\n{line}");
}

/// Tells the parent when `RFM_FAULT` pauses the process.
struct TellPauses;

impl Subscriber for TellPauses {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Pause(Option<String>);
        impl Visit for Pause {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "millis" {
                    self.0 = Some(format!("{value:?}"));
                }
            }
        }
        let mut pause = Pause(None);
        event.record(&mut pause);
        if let Pause(Some(millis)) = pause {
            tell_parent(&format!("{PAUSED} a point for {millis} ms"));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
