//! The program while it runs, and what it leaves behind.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{GUARD, wait_until};

/// A process. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// What came from a process so far, line by line.
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// What a process said, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// None after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Sends a signal: `TERM`, `STOP`, `CONT`. Nothing if it has ended: the number may be another process's by then.
    pub(crate) fn signal(&mut self, name: &str) {
        // One that ends from here on keeps its number until somebody asks again.
        if self.has_ended() {
            return;
        }
        let command = format!("kill -{name} {} 2>/dev/null || true", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Asks it to stop, and expects it to do so in good order.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Ended {
        self.signal("TERM");
        let ended = self.wait();
        assert_eq!(ended.code, Some(0), "{ended}");
        ended
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(start.elapsed() < 2 * GUARD, "it does not end");
        };
        self.ended(status)
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        self.stdout.join();
        self.stderr.join();
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }

    /// Lines of the log so far that contain this.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let lines = self.stderr.lines.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Batches that it has told of.
    pub(crate) fn batches(&self) -> usize {
        let lines = self.stdout.lines.lock().unwrap();
        lines.iter().filter(|line| line.starts_with("batch ")).count()
    }

    /// Messages in those batches.
    pub(crate) fn messages(&self) -> u64 {
        messages(&self.stdout.text())
    }

    /// Waits for a line of the log that contains this, and gives it.
    #[track_caller]
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let mut found = None;
        self.wait_for(&format!("no log line with {text:?}"), |running| {
            found = running.logged(text).pop();
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until so many messages are in committed batches.
    #[track_caller]
    pub(crate) fn wait_for_messages(&mut self, messages: u64) {
        self.wait_for(&format!("no {messages} messages"), |running| running.messages() >= messages);
    }

    /// Waits until it has told of more batches than `before`, or has ended.
    #[track_caller]
    pub(crate) fn wait_for_next_batch_or_end(&mut self, before: usize) {
        wait_until("neither a batch nor the end", || self.has_ended() || self.batches() > before);
    }

    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, is_so: impl FnMut(&Self) -> bool) {
        let mut is_so = is_so;
        wait_until(what, || {
            // Asked for first: it may have come with the end.
            let ended = self.has_ended();
            if ended {
                self.stdout.join();
                self.stderr.join();
            }
            let is_so = is_so(self);
            assert!(is_so || !ended, "{what}: it has ended");
            is_so
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Also one that is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let (id, stdout, stderr) = (self.id(), self.stdout.text(), self.stderr.text());
            eprintln!("process {id}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        }
    }
}

impl Lines {
    fn of(from: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                into.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { lines, reader: Some(reader) }
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

impl Ended {
    /// The message that it ended with, in one line.
    pub(crate) fn message(&self) -> &str {
        self.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default()
    }

    /// Messages in the batches that it has told of.
    pub(crate) fn messages(&self) -> u64 {
        messages(&self.stdout)
    }

    #[track_caller]
    pub(crate) fn assert_fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        let message = self.message();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, signal, stdout, stderr } = self;
        write!(f, "exit code {code:?}, signal {signal:?}\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// `batch 3  1,234 messages  ...`
fn messages(stdout: &str) -> u64 {
    let batches = stdout.lines().filter(|line| line.starts_with("batch "));
    let count = |line: &str| -> u64 {
        let number = line.split_whitespace().nth(2).unwrap();
        number.replace(',', "").parse().unwrap()
    };
    batches.map(count).sum()
}
