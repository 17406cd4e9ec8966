//! Where the scheduler is: an address, or a file that holds one.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use store::{Location, StoreError, Stores};

/// How long a scheduler may take to answer a question.
const ANSWER: Duration = Duration::from_secs(5);

/// `HOST:PORT`, or a file in which a scheduler has written it. The file may come later, and may change when the scheduler is
/// started anew.
#[derive(Clone, Debug)]
pub enum SchedulerAddress {
    /// `HOST:PORT`.
    Fixed(String),
    /// The file.
    File(Location),
}

/// Neither.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAddress {
    /// Not an address.
    #[error(
        "'{0}' is not the address of a scheduler: give HOST:PORT, or the file that rfm-scheduler writes it to (--endpoint-file), with a / in its name"
    )]
    Form(String),
    /// A file in a store that this program does not know.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SchedulerAddress {
    /// Text with a `/` is a file.
    pub fn parse(text: &str, stores: &Stores) -> Result<Self, InvalidAddress> {
        if text.contains('/') {
            return Ok(Self::File(stores.locate(text)?));
        }
        match is_host_and_port(text) {
            true => Ok(Self::Fixed(text.to_owned())),
            false => Err(InvalidAddress::Form(text.to_owned())),
        }
    }

    /// The address as it is now; what is missing otherwise.
    pub(crate) fn now(&self) -> Result<String, String> {
        let file = match self {
            Self::Fixed(address) => return Ok(address.clone()),
            Self::File(file) => file,
        };
        let contents = file.read().map_err(|error| store::chain(&error))?;
        let contents = contents.ok_or_else(|| format!("there is no file {file} yet"))?;
        let text = String::from_utf8_lossy(&contents).trim().to_owned();
        match is_host_and_port(&text) {
            true => Ok(text),
            false => Err(format!("the file {file} does not hold HOST:PORT")),
        }
    }
}

impl fmt::Display for SchedulerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(address) => f.write_str(address),
            Self::File(file) => write!(f, "of {file}"),
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Writes an address to a file, in one step for those who read it; in the place of an older one.
pub(crate) fn publish(address: &str, file: &Location) -> Result<(), StoreError> {
    let name = format!("{}.{}.new", file.name(), std::process::id());
    let beside = match file.parent() {
        Some(folder) => folder.join(&name),
        None => Location::new(file.store().clone(), &name),
    };
    beside.remove_file()?;
    beside.write(format!("{address}\n").as_bytes())?;
    beside.replace(file)
}

/// Whether as many executors are there as the scheduler was told; what it says otherwise.
pub(crate) fn ask_ready(address: &str) -> Result<(), String> {
    ask(connect(address)?, address).map_err(|error| unreachable(address, &error))?
}

/// A connection; what keeps it from being made otherwise.
pub(crate) fn connect(address: &str) -> Result<TcpStream, String> {
    let addresses = address.to_socket_addrs().map_err(|error| unreachable(address, &error))?;
    let mut last = None;
    for socket in addresses {
        match TcpStream::connect_timeout(&socket, ANSWER) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| format!("{address} is no host"), |error| unreachable(address, &error)))
}

fn unreachable(address: &str, error: &std::io::Error) -> String {
    format!("the scheduler {address} cannot be reached ({error})")
}

fn ask(mut stream: TcpStream, address: &str) -> std::io::Result<Result<(), String>> {
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or("no answer");
    Ok(match status {
        "200" => Ok(()),
        "503" => Err(body.trim().trim_start_matches("not ready: ").to_owned()),
        other => Err(format!("{address} does not answer as a scheduler does ({other})")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_files() {
        let stores = Stores::local();
        for text in ["host:1", "10.0.0.1:65535", "[::1]:50050"] {
            let address = SchedulerAddress::parse(text, &stores).unwrap();
            assert_eq!(address.now().unwrap(), text);
        }
        for text in ["host", "host:", ":1", "host:0", "host:65536", "a b:1", ""] {
            assert!(SchedulerAddress::parse(text, &stores).is_err(), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/endpoint");
        let address = SchedulerAddress::parse(path.to_str().unwrap(), &stores).unwrap();
        assert!(address.now().unwrap_err().contains("there is no file"));
        for text in ["a:1", "b:2"] {
            publish(text, &Location::local(&path)).unwrap();
            assert_eq!(address.now().unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        std::fs::write(&path, "nothing").unwrap();
        assert!(address.now().unwrap_err().contains("does not hold HOST:PORT"));
    }
}
