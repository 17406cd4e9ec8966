//! Signals to a process that listens for them. It is this test binary again, told by an environment variable to run one
//! "test"; in a normal run of the tests that one finds nothing to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use service_kit::signals;

use crate::wait_for;

const CHILD: &str = "SERVICE_KIT_TEST_CHILD";
/// What a process that ended in order gives.
const IN_ORDER: i32 = 7;

struct Job {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Job {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["signals::listen_in_this_process", "--exact", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut job = Self { child, lines: Box::new(lines) };
        job.expect("listening");
        job
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Waits for a line.
    fn expect(&mut self, line: &str) {
        assert!(self.lines.any(|l| l == line), "no line {line:?}");
    }

    /// Lets it end in order.
    fn release(&mut self) {
        drop(self.child.stdin.take());
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // of a test that failed
        let _ = self.child.kill();
    }
}

#[test]
fn the_first_signal_is_a_wish() {
    for (name, line) in [("TERM", "stop SIGTERM 143"), ("INT", "stop SIGINT 130")] {
        let mut job = Job::start();
        job.signal(name);
        job.expect(line);
        // at once again: the same wish, sent twice
        job.signal(name);
        job.release();
        assert_eq!(job.exit_code(), Some(IN_ORDER), "{name}");
    }
}

#[test]
fn the_second_signal_ends_it() {
    for (first, second, code) in [("TERM", "TERM", 143), ("INT", "INT", 130), ("TERM", "INT", 130)]
    {
        let mut job = Job::start();
        job.signal(first);
        job.expect(&format!("stop SIG{first} {}", if first == "TERM" { 143 } else { 130 }));
        // it hangs, and is not released
        wait_for("end", || {
            let ended = job.child.try_wait().unwrap();
            if ended.is_none() {
                job.signal(second);
            }
            ended.is_some()
        });
        assert_eq!(job.exit_code(), Some(code), "{first} {second}");
    }
}

#[test]
fn listen_in_this_process() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let stop = signals::listen().unwrap();
    tell_parent("listening");
    stop.wait();
    let signal = stop.signal().unwrap();
    tell_parent(&format!("stop {} {}", signal.name(), signal.exit_code()));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    std::process::exit(IN_ORDER);
}

fn tell_parent(line: &str) {
    // a line of its own, after what the test harness began to write
    let mut stdout = std::io::stdout();
    stdout.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}
