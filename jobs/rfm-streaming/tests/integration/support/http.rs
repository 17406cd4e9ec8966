//! What the program's metrics and health say.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::GUARD;
use super::running::Running;

/// The status and the body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Running {
    /// `GET` of a path, from a program that was started with `--listen 127.0.0.1:0`.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let line = self.wait_for_log("metrics, /healthz and /readyz");
        let address = line.split_once("address=").unwrap().1.split_whitespace().next().unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(GUARD)).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        Answer { status, body: body.to_owned() }
    }

    /// The value of a metric, with its labels: `rfm_streaming_lag{topic="orders",partition="0"}`.
    #[track_caller]
    pub(crate) fn metric(&mut self, name: &str) -> Option<f64> {
        let metrics = self.get("/metrics").body;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.split(' ').next().unwrap().parse().ok()
    }
}
