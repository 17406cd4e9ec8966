//! HTTP as far as the tests need it: one connection a request, and event streams.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::GUARD;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// What a successful answer holds.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["data"].clone()
    }

    /// The code of a problem, after checking that it is one of this status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|text| text.ends_with('.')), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads the whole answer.
#[track_caller]
pub(crate) fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let (answer, mut rest) = open(address, method, path, headers, body);
    let mut bytes = Vec::new();
    rest.read_to_end(&mut bytes).unwrap();
    let is_chunked = answer.header("transfer-encoding").is_some_and(|value| value == "chunked");
    Answer { body: if is_chunked { join_chunks(&bytes) } else { bytes }, ..answer }
}

/// Sends a request and reads the head of the answer.
#[track_caller]
pub(crate) fn open(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (Answer, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
    let mut found = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        found.push((name.to_lowercase(), value.trim().to_owned()));
    }
    (Answer { status, headers: found, body: Vec::new() }, reader)
}

fn join_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    body
}

/// An event of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// An open event stream.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
    pub(crate) retry: Option<u64>,
}

impl Events {
    #[track_caller]
    pub(crate) fn open(address: &str, query: &str, headers: &[(&str, &str)]) -> Self {
        let path = format!("/api/stream/orders{query}");
        let (answer, reader) = open(address, "GET", &path, headers, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-accel-buffering"), Some("no"));
        assert_eq!(answer.header("content-encoding"), None);
        Self { reader, retry: None }
    }

    /// The next event; `None` when the stream has ended. Chunks begin and end between lines.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            // A server that is killed resets the connection.
            if self.reader.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            match line.split_once(": ") {
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(("retry", value)) => self.retry = Some(value.parse().unwrap()),
                _ => {}
            }
            if line.is_empty() && data.is_some() {
                return Some(Event { name: name?, id, data: data? });
            }
        }
    }

    /// The next event of a kind; the others are passed over.
    #[track_caller]
    pub(crate) fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the stream ended before '{name}'"));
            if event.name == name {
                return event;
            }
        }
    }

    /// Keys of orders, until there are so many, and the id of the last frame.
    #[track_caller]
    pub(crate) fn keys(&mut self, n: usize) -> (Vec<String>, String) {
        let (mut keys, mut last) = (Vec::new(), String::new());
        while keys.len() < n {
            let event = self.next_of("orders");
            assert_eq!(event.data["n"], event.data["orders"]["key"].as_array().unwrap().len());
            let of_frame = event.data["orders"]["key"].as_array().unwrap();
            keys.extend(of_frame.iter().map(|key| key.as_str().unwrap().to_owned()));
            last = event.id.unwrap();
        }
        (keys, last)
    }
}
