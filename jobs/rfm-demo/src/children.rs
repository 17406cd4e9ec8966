//! The other programs as children of this one: started, watched, and ended with it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use job_kit::exit::{BAD_USAGE, UsageError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use service_kit::Stop;

const NAMES: [&str; 4] = ["order-producer", "rfm-batch", "rfm-streaming", "rfm-dashboard"];
/// Settings of the page that make sense here: who may see it.
const OF_THE_PAGE: [&str; 6] =
    ["TOKEN", "USER", "PASSWORD_HASH", "TLS_CERTIFICATE", "TLS_KEY", "HOSTS"];
/// Time for the programs to end in order before they are killed.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// Lines of a program's log that are kept, and that are told when it fails.
const KEPT_LINES: usize = 200;
const LAST_LINES: usize = 8;

/// Where the programs are, and in which folder they run.
#[derive(Debug)]
pub(crate) struct Programs {
    bin: PathBuf,
    folder: PathBuf,
}

/// How a run of a program ended, if it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done,
    /// The user did not want to wait for it.
    Stopped,
}

impl Outcome {
    pub(crate) fn is_stopped(self) -> bool {
        self == Self::Stopped
    }
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Programs {
    /// Those beside this program. They run in `folder`.
    ///
    /// # Errors
    /// [`UsageError`] if one is missing.
    pub(crate) fn beside_this(folder: &Path) -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot tell where this program lies")?;
        let bin = this.parent().map(Path::to_owned).unwrap_or_default();
        if let Some(name) = NAMES.iter().find(|name| !bin.join(name).is_file()) {
            return Err(UsageError(format!(
                "there is no {name} in '{}'; build all programs first: make build",
                bin.display()
            ))
            .into());
        }
        Ok(Self { bin, folder: folder.to_owned() })
    }

    /// Starts a program.
    pub(crate) fn start(&self, name: &'static str, arguments: &[&str]) -> anyhow::Result<Running> {
        let mut command = Command::new(self.bin.join(name));
        // Settings of this shell are meant for other runs.
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            let of_the_page =
                text.strip_prefix("RFM_DASHBOARD__").filter(|_| name == "rfm-dashboard");
            if text.starts_with("RFM_")
                && !of_the_page.is_some_and(|key| OF_THE_PAGE.contains(&key))
            {
                command.env_remove(&variable);
            }
        }
        for variable in ["RUST_LOG", "HADOOP_CONF_DIR", "HADOOP_HOME", "HIVE_CONF_DIR", "HIVE_HOME"]
        {
            command.env_remove(variable);
        }
        let mut child = command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stderr) = child.stderr.take() {
            let lines = Arc::clone(&log);
            std::thread::spawn(move || {
                // Bytes: a line that is no UTF-8 must not stop the reading, or the program would wait for it.
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    tracing::debug!(program = name, "{line}");
                    let mut lines = lock(&lines);
                    if lines.len() == KEPT_LINES {
                        lines.pop_front();
                    }
                    lines.push_back(line);
                }
            });
        }
        Ok(Running { name, child, log })
    }

    /// Runs a program to its end, unless this one is stopped.
    pub(crate) fn run(
        &self,
        name: &'static str,
        arguments: &[&str],
        stop: &Stop,
    ) -> anyhow::Result<Outcome> {
        let mut running = self.start(name, arguments)?;
        loop {
            match running.ended()? {
                Some(status) if status.success() => return Ok(Outcome::Done),
                // Ctrl-C in a terminal reaches it as well.
                Some(_) if stop.is_set() => return Ok(Outcome::Stopped),
                Some(status) => return Err(running.failure(status)),
                None if stop.wait_timeout(POLL) => {
                    // A run that is cut short fails in its own way.
                    let _ = stop_all(vec![running]);
                    return Ok(Outcome::Stopped);
                }
                None => {}
            }
        }
    }
}

impl Running {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot watch {}", self.name))
    }

    /// An error if it has ended: it should run for as long as this program.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.ended()? {
            Some(status) => Err(self.failure(status)),
            None => Ok(()),
        }
    }

    /// What follows `mark` in its log.
    pub(crate) fn logged(&self, mark: &str) -> Option<String> {
        lock(&self.log).iter().find_map(|line| Some(line.split_once(mark)?.1.to_owned()))
    }

    fn failure(&self, status: ExitStatus) -> anyhow::Error {
        // Its last words may still be on their way.
        std::thread::sleep(POLL);
        let lines = lock(&self.log);
        let last: Vec<&str> =
            lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).map(String::as_str).collect();
        let last = if last.is_empty() { "it said nothing".to_owned() } else { last.join(" | ") };
        let name = self.name;
        match status.code() {
            Some(code) if code == i32::from(BAD_USAGE) => {
                // What it refuses comes from this command's line, such as an address that is taken.
                let words = last.rsplit("error: ").next().unwrap_or(&last);
                UsageError(format!("{name}: {words}")).into()
            }
            _ => anyhow!("{name} ended with {status}, and with it the demo: {last}"),
        }
    }

    fn ask_to_end(&self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // One that has ended meanwhile has not been waited for, so the number is still its own.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks all to end, and waits until they have.
///
/// # Errors
/// One that had to be killed.
pub(crate) fn stop_all(mut children: Vec<Running>) -> anyhow::Result<()> {
    let mut waiting = Vec::new();
    for child in &mut children {
        if child.ended()?.is_none() {
            // After Ctrl-C it is on its way already, for a terminal tells all: so soon, that counts as one wish.
            child.ask_to_end();
        }
    }
    let started = Instant::now();
    loop {
        waiting.clear();
        for child in &mut children {
            if child.ended()?.is_none() {
                waiting.push(child.name);
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            let (names, seconds) = (waiting.join(", "), PATIENCE.as_secs());
            return Err(anyhow!("{names} did not end within {seconds} s and was killed"));
        }
        std::thread::sleep(POLL);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
