//! A publication in a process of its own, so that it can be killed, paused, or put into a namespace.
//!
//! The process is this test binary again, told by an environment variable to run one "test" that does the work. In a
//! normal run of the tests that one finds nothing to do.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::shop::{LOCK_WAIT, N_ROWS, Shop, ddl, write_and_publish};

const TASK: &str = "WAREHOUSE_TEST_TASK";
const THIS_TEST: [&str; 3] = ["helper::publish_in_this_process", "--exact", "--nocapture"];

/// What a helper process is to publish.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) date: &'static str,
    pub(crate) salt: i64,
    pub(crate) n_rows: i64,
    pub(crate) lock_wait: Duration,
}

impl Task {
    pub(crate) fn new(date: &'static str, salt: i64) -> Self {
        Self { date, salt, n_rows: N_ROWS, lock_wait: LOCK_WAIT }
    }

    /// Starts a process that publishes into `warehouse`, with this value of `RFM_FAULT`.
    pub(crate) fn spawn(&self, warehouse: &Path, fault: &str) -> Child {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        self.prepare(&mut command, warehouse).env("RFM_FAULT", fault).spawn().unwrap()
    }

    fn prepare<'a>(&self, command: &'a mut Command, warehouse: &Path) -> &'a mut Command {
        command
            .args(THIS_TEST)
            .env(TASK, self.to_text(warehouse))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }

    fn to_text(&self, warehouse: &Path) -> String {
        let millis = self.lock_wait.as_millis();
        format!("{}|{}|{}|{millis}|{}", self.date, self.salt, self.n_rows, warehouse.display())
    }
}

/// Runs publications one after the other in namespaces of their own, where `mount`, a shell command, can mount what
/// it likes without being root. Before each publication its shell command runs.
pub(crate) fn publish_in_namespace(
    warehouse: &Path,
    mount: &str,
    steps: &[(&str, Task)],
) -> Vec<Result<String, String>> {
    let mut script = format!("set -e; {mount}; ");
    for (shell, task) in steps {
        let task = task.to_text(warehouse);
        script.push_str(&format!("{shell}; {TASK}='{task}' \"$0\" \"$@\"; "));
    }
    let output = Command::new("unshare")
        .args(["-Urm", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(THIS_TEST)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "this test needs `unshare -Urm` and a tmpfs (user namespaces must be allowed): {stderr}"
    );
    results_in(&output)
}

/// What a helper process says when it ends by itself.
pub(crate) fn result_of(output: &Output) -> Result<String, String> {
    results_in(output).remove(0)
}

fn results_in(output: &Output) -> Vec<Result<String, String>> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let result = |line: &str| match (line.strip_prefix("published "), line.strip_prefix("failed "))
    {
        (Some(shown), _) => Some(Ok(shown.to_owned())),
        (_, Some(message)) => Some(Err(message.to_owned())),
        _ => None,
    };
    let results: Vec<_> = stdout.lines().filter_map(result).collect();
    assert!(!results.is_empty(), "no result: {stdout}{}", String::from_utf8_lossy(&output.stderr));
    results
}

/// Waits until `ready`, which is asked again and again for at most 30 seconds.
pub(crate) fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn publish_in_this_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let mut parts = task.splitn(5, '|');
    let mut next = || parts.next().unwrap();
    let (date, salt, n_rows) = (next(), next().parse().unwrap(), next().parse().unwrap());
    let lock_wait = Duration::from_millis(next().parse().unwrap());
    let shop = Shop::at(Path::new(next()));
    let ddl = ddl();
    let published = shop
        .begin_tables(&ddl.tables, &ddl.views, date, lock_wait)
        .and_then(|publication| write_and_publish(publication, &ddl.tables, n_rows, salt));
    let shown = shop.check_views();
    let leftovers = shop.leftovers().len();
    match published {
        Ok(published) => tell_parent(&format!("published {}", published.current_snapshot)),
        Err(error) => {
            let mut message = format!("failed retryable={} {error}", error.is_retryable());
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                message.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            tell_parent(&format!("{message} [views show {shown:?}, {leftovers} leftovers]"));
        }
    }
}

#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn tell_parent(line: &str) {
    // a line of its own: the test runner leaves one open
    println!("\n{line}");
}
