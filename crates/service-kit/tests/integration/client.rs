//! HTTP as bytes on a socket, so that a test can also do what a proper client would not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use service_kit::{Health, Limits, Metrics, Router, Server, endpoints};

/// For whatever has to happen: a deadline, not an expectation.
const DEADLINE: Duration = Duration::from_secs(30);

/// Starts a server at a free port.
pub(crate) fn serve(routes: Router, limits: Limits) -> Server {
    Server::start_with(([127, 0, 0, 1], 0).into(), routes, limits).unwrap()
}

/// Starts one with the routes that every job has.
pub(crate) fn serve_endpoints(limits: Limits) -> Server {
    serve(endpoints(&Health::new(), &Metrics::new("test-job", "1.2.3")), limits)
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        Some(value)
    }
}

pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends bytes; whether the connection still took them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                assert!(is_closed(error.kind()), "{error}");
                false
            }
        }
    }

    pub(crate) fn request(&mut self, method: &str, path: &str) -> Answer {
        assert!(self.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()));
        self.answer(method != "HEAD")
    }

    pub(crate) fn answer(&mut self, has_body: bool) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if has_body {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).unwrap();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    /// Waits until the server closes the connection; what it sent before.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert!(is_closed(error.kind()), "not closed: {error}"),
        }
        rest
    }

    /// Whether the server has closed it, without waiting.
    pub(crate) fn is_closed(&self) -> bool {
        match self.peek() {
            Ok(n) => n == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Whether something of an answer has arrived, without waiting.
    pub(crate) fn has_answer(&self) -> bool {
        self.peek().is_ok_and(|n| n > 0)
    }

    fn peek(&self) -> io::Result<usize> {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        peeked
    }
}

/// Whether an error says that the other side has closed, not that it is slow.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// One request on a connection of its own.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Answer {
    Client::connect(addr).request("GET", path)
}
