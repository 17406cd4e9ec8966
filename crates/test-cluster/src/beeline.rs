//! Queries through Hive's own client.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between the fields of a row: a character that is in no value.
const DELIMITER: char = '\u{1}';

/// How long an answer may take. The first query of a session takes seconds, on a busy machine many.
const PATIENCE: Duration = Duration::from_secs(180);

/// A `beeline` that stays connected to HiveServer2.
///
/// Rows go to a file and messages through a pipe. After each statement comes a command that `beeline` does not know: when
/// its complaint comes through the pipe, all rows of the statement are in the file.
pub struct Beeline {
    child: Child,
    /// Until the end.
    input: Option<ChildStdin>,
    rows: File,
    messages: Receiver<String>,
    log: PathBuf,
    statements: u64,
}

impl Beeline {
    /// `log` is HiveServer2's.
    pub(crate) fn connect(mut command: Command, log: PathBuf) -> Result<Beeline, String> {
        let failed = |error: std::io::Error| format!("can't run beeline: {error}");
        let rows = tempfile::NamedTempFile::new().map_err(failed)?;
        let mut child = command
            .args(["--silent=true", "--showHeader=false", "--outputformat=dsv", "--force=true"])
            .arg(format!("--delimiterForDSV={DELIMITER}"))
            .args(["-f", "/dev/stdin"])
            .stdin(Stdio::piped())
            .stdout(rows.reopen().map_err(failed)?)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (sender, messages) = channel();
        if let Some(errors) = child.stderr.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(errors).split(b'\n').map_while(Result::ok);
                for line in lines {
                    if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                        return;
                    }
                }
            });
        }
        let input = child.stdin.take();
        let rows = rows.into_file();
        let mut beeline = Beeline { child, input, rows, messages, log, statements: 0 };
        // What it says of its start, and whether it is connected.
        let answer = beeline.ask("select 'connected'")?;
        if answer != [["connected"]] {
            return Err(format!("beeline answered {answer:?} when it was to say 'connected'"));
        }
        Ok(beeline)
    }

    /// The rows of one statement, each field as Hive prints it and null as `NULL`. A line break within a field begins a
    /// new row.
    ///
    /// # Errors
    ///
    /// What `beeline` said; with the end of HiveServer2's log when that is that there was no answer.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        // Hive's Tez within one process mixes up the paths of two queries that run at the same time.
        static ONE_STATEMENT: Mutex<()> = Mutex::new(());
        let _alone = ONE_STATEMENT.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(sql)
    }

    fn ask(&mut self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let messages = self.run(sql)?;
        let mut text = Vec::new();
        self.rows
            .read_to_end(&mut text)
            .map_err(|error| format!("can't read beeline's rows: {error}"))?;
        if is_failure(&messages) {
            return Err(messages);
        }
        let text = String::from_utf8_lossy(&text);
        Ok(text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| line.split(DELIMITER).map(str::to_owned).collect())
            .collect())
    }

    /// Runs one statement without an answer, as `create` and `insert`.
    ///
    /// # Errors
    ///
    /// As [`Beeline::query`].
    pub fn execute(&mut self, sql: &str) -> Result<(), String> {
        self.query(sql).map(drop)
    }

    /// What it says about a statement.
    fn run(&mut self, sql: &str) -> Result<String, String> {
        self.statements += 1;
        let end = format!("rfm-end-{}", self.statements);
        let statement = sql.trim().trim_end_matches(';');
        let mut messages = String::new();
        let input = self.input.as_mut().ok_or("beeline was closed")?;
        let sent = input
            .write_all(format!("{statement};\n!{end}\n").as_bytes())
            .and_then(|()| input.flush());
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(&end) => break,
                Ok(line) => {
                    messages.push_str(&line);
                    messages.push('\n');
                }
                Err(RecvTimeoutError::Timeout) => {
                    let limit = PATIENCE.as_secs();
                    return Err(self.no_answer(&format!("no answer within {limit} s"), &messages));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let why = sent.err().map(|error| error.to_string()).unwrap_or_default();
                    return Err(self.no_answer(&format!("beeline has ended {why}"), &messages));
                }
            }
        }
        Ok(messages)
    }

    fn no_answer(&self, what: &str, messages: &str) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        format!("{what}; it said:\n{messages}\nThe end of {}:\n{tail}", self.log.display())
    }
}

impl Drop for Beeline {
    fn drop(&mut self) {
        // An orderly end would take a second, and HiveServer2 closes the session of a lost connection.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run of `beeline -f` printed, which ends with 0 even when it could not connect.
pub(crate) fn text(output: Output) -> Result<String, String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && !is_failure(&said) {
        return Ok(text);
    }
    Err(format!("beeline failed ({}):\n{text}\n{said}", output.status))
}

fn is_failure(messages: &str) -> bool {
    messages.lines().any(|line| {
        line.starts_with("Error:")
            || line.starts_with("No current connection")
            || line.starts_with("Could not open connection")
    })
}
