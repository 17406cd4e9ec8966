//! The program while it runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::client::{Answer, Events, send};
use super::wait_for;

/// The program, with nothing of the environment that the tests run in.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rfm-dashboard"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RFM_")) {
        command.env_remove(name);
    }
    for name in ["RUST_LOG", "HADOOP_CONF_DIR", "HADOOP_HOME", "HIVE_CONF_DIR", "HIVE_HOME"] {
        command.env_remove(name);
    }
    command
}

/// A process that serves. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it and waits until it serves.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut running = Self { child, address: String::new(), log, reader: Some(reader) };
        running.address = wait_for("an address in the log", || {
            let log = running.log.lock().unwrap().join("\n");
            assert!(running.child.try_wait().unwrap().is_none(), "{log}");
            let rest = log.split_once("://")?.1;
            Some(rest.split_once('/')?.0.to_owned())
        });
        running
    }

    /// The same, and waits until the newest snapshot is loaded.
    #[track_caller]
    pub(crate) fn ready(command: &mut Command) -> Self {
        let running = Self::start(command);
        running.wait_until_ready();
        running
    }

    #[track_caller]
    pub(crate) fn wait_until_ready(&self) {
        wait_for("a snapshot", || (self.get("/readyz").status == 200).then_some(()));
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    #[track_caller]
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(&self.address, "GET", path, headers, "")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("Content-Type", "application/json")];
        send(&self.address, "POST", path, &json, &body.to_string())
    }

    #[track_caller]
    pub(crate) fn events(&self, query: &str) -> Events {
        Events::open(&self.address, query, &[])
    }

    /// The value of a metric.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics");
        let line = text.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name}: {}", text.text())).parse().unwrap()
    }

    /// Memory in use, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Asks it to stop, and expects it to do so in good order; gives its log.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let status = wait_for("the end", || self.child.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end.
pub(crate) fn output(command: &mut Command, stdin: &str) -> Output {
    use std::io::Write as _;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
