//! `s3_server.py`, once for all tests of a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Ends when this process does: it waits for the end of its input.
pub(crate) struct Server {
    _child: Child,
    _input: ChildStdin,
    port: u16,
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

pub(crate) fn server() -> &'static Server {
    &SERVER
}

impl Server {
    fn start() -> Self {
        let venv = Command::new(format!("{ROOT}/dev/venv"))
            .arg(format!("{ROOT}/emr/tests/aws/aws-imitation.txt"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&venv.stderr);
        assert!(venv.status.success(), "dev/venv makes no Python with moto: {said}");
        let programs = String::from_utf8(venv.stdout).unwrap();
        let script = format!("{ROOT}/crates/s3-store/tests/integration/s3_server.py");
        let mut child = Command::new(format!("{}/python3", programs.trim()))
            .args(["-B", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no S3: {line:?}"));
        let input = child.stdin.take().unwrap();
        Self { _child: child, _input: input, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What is to happen to the next request of this method whose path ends so: see `s3_server.py`.
    #[allow(dead_code, reason = "not every crate with this file makes faults")]
    pub(crate) fn on(&self, method: &str, path: &str, fault: &str) {
        self.ask(&format!(r#"{{"method": "{method}", "path": "{path}", "fault": "{fault}"}}"#));
    }

    /// All that was to happen to this path has happened.
    #[allow(dead_code, reason = "not every crate with this file makes faults")]
    pub(crate) fn check(&self, path: &str) {
        let answer = self.ask(&format!(r#"{{"path": "{path}"}}"#));
        assert_eq!(answer, r#"{"left": 0}"#, "{path}: some requests were never made");
    }

    /// Puts an object past all conditions: `/BUCKET/KEY`.
    #[allow(dead_code, reason = "not every crate with this file has no client of its own")]
    pub(crate) fn put(&self, path: &str, contents: &[u8]) {
        self.request("PUT", path, contents);
    }

    fn ask(&self, question: &str) -> String {
        self.request("POST", "/of-the-test", question.as_bytes())
    }

    /// The body of the answer, which must be good.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{answer}");
        body.to_owned()
    }
}
