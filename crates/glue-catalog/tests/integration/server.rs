//! `glue_server.py`, once for all tests of a process.

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
        let script = format!("{ROOT}/crates/glue-catalog/tests/integration/glue_server.py");
        let mut child = Command::new(format!("{}/python3", programs.trim()))
            .args(["-B", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no Glue: {line:?}"));
        let input = child.stdin.take().unwrap();
        Self { _child: child, _input: input, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What is to happen to the next request of this kind: see `glue_server.py`.
    pub(crate) fn on(&self, database: &str, operation: &str, fault: &str) {
        self.ask(&serde_json::json!({
            "database": database, "operation": operation, "fault": fault
        }));
    }

    /// All that was to happen has happened.
    pub(crate) fn check(&self, database: &str) {
        let answer = self.ask(&serde_json::json!({ "database": database, "operation": "" }));
        assert_eq!(answer["left"], 0, "some requests were never made");
    }

    fn ask(&self, question: &serde_json::Value) -> serde_json::Value {
        let body = question.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request =
            format!("POST /of-the-test HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}
