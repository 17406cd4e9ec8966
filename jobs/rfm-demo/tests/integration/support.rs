//! The demo while it runs, and what it may leave behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A test that waits for longer hangs. Nothing is measured by it.
const GUARD: Duration = Duration::from_secs(120);

/// Waits until there is something, asking again and again.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < GUARD, "{what}: not within {} s", GUARD.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The demo, with a folder of its own for whatever it keeps. It is killed, with its children, when this is dropped.
pub(crate) struct Demo {
    child: Child,
    folder: tempfile::TempDir,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// All that were ever seen, with their names: numbers are given away again.
    seen: Vec<(i32, String)>,
    address: Option<String>,
}

impl Demo {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", arguments)
    }

    pub(crate) fn start_on(address: &str, arguments: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_rfm-demo"));
        for name in ["order-producer", "rfm-batch", "rfm-streaming", "rfm-dashboard"] {
            assert!(program.with_file_name(name).is_file(), "no {name}: cargo build --workspace");
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RFM_")) {
            command.env_remove(name);
        }
        let mut child = command
            .env("TMPDIR", folder.path())
            // Settings of other runs: none of them may count.
            .env("RFM_KAFKA__BROKERS", "localhost:1")
            .env("RFM_WAREHOUSE__PATH", "/nowhere")
            .env("RFM_DASHBOARD__TOPIC", "another")
            .env("RUST_LOG", "error")
            .args(["--listen", address])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().unwrap(), &stdout),
            collect(child.stderr.take().unwrap(), &stderr),
        ];
        Self { child, folder, stdout, stderr, readers, seen: Vec::new(), address: None }
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// Waits until it says what to try; gives the address of the page, with a slash at its end.
    #[track_caller]
    pub(crate) fn banner(&mut self) -> String {
        let text = wait_for("the banner", || {
            self.children();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.stderr.lock().unwrap());
            let text = self.stdout();
            text.contains("Ctrl-C ends everything").then_some(text)
        });
        let rest = text.split_once("http://").unwrap().1;
        let host = rest.split_once('/').unwrap().0.to_owned();
        let address = format!("http://{host}/");
        self.address = Some(host);
        address
    }

    /// What the page's server answers to a request that it should answer.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let address = self.address.as_ref().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        let head = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.split(' ').nth(1) == Some("200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The processes it has started that still run, with their names.
    pub(crate) fn children(&mut self) -> Vec<(i32, String)> {
        let parent = self.child.id().to_string();
        let mut found = Vec::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that ends meanwhile is no longer there.
            let Some((name, of)) = name_and_parent(id) else { continue };
            if of == parent {
                found.push((id, name));
            }
        }
        for child in &found {
            if !self.seen.contains(child) {
                self.seen.push(child.clone());
            }
        }
        found
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.signal_child(i32::try_from(self.child.id()).unwrap(), signal);
    }

    pub(crate) fn signal_child(&self, id: i32, signal: Signal) {
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Waits until it has ended, with this code, and checks that nothing is left: no process, no file, no listener. Gives
    /// what it wrote to stderr.
    #[track_caller]
    pub(crate) fn expect_the_end(&mut self, code: Option<i32>) -> String {
        let status = wait_for("the end", || self.child.try_wait().unwrap());
        // The pipes end when the last process that holds them has.
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        let stderr = self.stderr.lock().unwrap().clone();
        assert_eq!(status.code(), code, "{stderr}");
        for (id, name) in &self.seen {
            let still = name_and_parent(*id).filter(|(known, _)| known == name);
            assert!(still.is_none(), "{name} still runs as {id}");
        }
        let files: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().flatten().collect();
        assert!(files.is_empty(), "{files:?}");
        if let Some(address) = &self.address {
            assert!(TcpStream::connect(address).is_err(), "somebody listens on {address}");
        }
        stderr
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let children =
            if self.child.try_wait().unwrap().is_none() { self.children() } else { Vec::new() };
        let _ = self.child.kill();
        let _ = self.child.wait();
        for (id, _) in children {
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// Name and parent of a process that has not ended.
fn name_and_parent(id: i32) -> Option<(String, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    let name = before.split_once('(')?.1.to_owned();
    (state != "Z").then_some((name, fields.next()?.to_owned()))
}

fn collect(pipe: impl Read + Send + 'static, text: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut text = text.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    })
}
