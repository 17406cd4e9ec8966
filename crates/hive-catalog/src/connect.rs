//! Opens connections to a metastore and says on each of them who the user is.
//!
//! This is the one place where transport and authentication meet: a connection that leaves it is ready for calls. A
//! metastore without Kerberos takes the user's word (`set_ugi`), for one connection at a time, so a pool of
//! connections has to do it here, before the pool sees the connection. The SASL handshake of a metastore with
//! Kerberos (`hive.metastore.sasl.enabled`) belongs here too.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Take};
use tokio::net::TcpStream;
use volo::net::Address;
use volo::net::conn::{ConnStream, OwnedReadHalf, OwnedWriteHalf};
use volo::net::dial::MakeTransport;

// Thrift's binary protocol.
const CALL: u32 = 0x8001_0001;
const REPLY: u32 = 0x8001_0002;
const EXCEPTION: u32 = 0x8001_0003;
const STOP: u8 = 0;
const I32: u8 = 8;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;
const SET_UGI: &str = "set_ugi";
/// Longer answers to `set_ugi` are none of Hive's: it holds the names of the user's groups.
const MAX_REPLY: u64 = 1 << 20;

/// Makes connections to one metastore.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    host: Arc<str>,
    port: u16,
    user: Arc<str>,
    /// For the connection and the first exchange on it.
    timeout: Duration,
}

impl Connect {
    pub(crate) fn new(host: &str, port: u16, user: &str, timeout: Duration) -> Self {
        Self { host: host.into(), port, user: user.into(), timeout }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        set_ugi(&mut stream, &self.user).await?;
        Ok(stream)
    }
}

impl MakeTransport for Connect {
    type ReadHalf = OwnedReadHalf;
    type WriteHalf = OwnedWriteHalf;

    /// The address is only what the pool knows the server by: the name is looked up anew for each connection.
    async fn make_transport(&self, _: Address) -> io::Result<(Self::ReadHalf, Self::WriteHalf)> {
        match tokio::time::timeout(self.timeout, self.connect()).await {
            Ok(stream) => Ok(ConnStream::from(stream?).into_split()),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {:?}", self.timeout),
            )),
        }
    }

    fn set_connect_timeout(&mut self, _: Option<Duration>) {}
    fn set_read_timeout(&mut self, _: Option<Duration>) {}
    fn set_write_timeout(&mut self, _: Option<Duration>) {}
}

/// `set_ugi(user, [user])`: the calls that follow on this connection are this user's.
async fn set_ugi(stream: &mut TcpStream, user: &str) -> io::Result<()> {
    let mut call = Vec::new();
    call.extend(CALL.to_be_bytes());
    push_text(&mut call, SET_UGI);
    call.extend(0_u32.to_be_bytes());
    call.push(STRING);
    call.extend(1_u16.to_be_bytes());
    push_text(&mut call, user);
    call.push(LIST);
    call.extend(2_u16.to_be_bytes());
    call.push(STRING);
    call.extend(1_u32.to_be_bytes());
    push_text(&mut call, user);
    call.push(STOP);
    stream.write_all(&call).await?;
    Reply::new(stream).read(user).await
}

/// The answer to `set_ugi`, of which not a byte more is read than belongs to it.
struct Reply<R>(Take<R>);

impl<R: AsyncRead + Unpin> Reply<R> {
    fn new(stream: R) -> Self {
        Self(stream.take(MAX_REPLY))
    }

    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for an answer that no metastore gives, [`io::ErrorKind::PermissionDenied`] for a
    /// refusal.
    async fn read(mut self, user: &str) -> io::Result<()> {
        let kind = self.0.read_u32().await?;
        if !matches!(kind, REPLY | EXCEPTION) || self.text().await? != SET_UGI {
            return Err(not_understood());
        }
        self.0.read_u32().await?;
        // A reply is a struct: field 0 is the list of groups, field 1 an exception, itself a struct with a text. An
        // exception of the protocol is that struct alone, with a number for its kind.
        if kind == EXCEPTION {
            let message = self.exception().await?;
            let message = format!("it does not let clients say who they are: {message}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let mut refusal = None;
        loop {
            match self.field().await? {
                STOP => break,
                LIST if self.0.read_u8().await? == STRING => {
                    for _ in 0..self.0.read_u32().await? {
                        self.text().await?;
                    }
                }
                STRUCT => refusal = Some(self.exception().await?),
                _ => return Err(not_understood()),
            }
        }
        match refusal {
            None => Ok(()),
            Some(message) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("it refuses the user '{user}': {message}"),
            )),
        }
    }

    /// The type of the next field, [`STOP`] if there is none.
    async fn field(&mut self) -> io::Result<u8> {
        let kind = self.0.read_u8().await?;
        if kind != STOP {
            self.0.read_u16().await?;
        }
        Ok(kind)
    }

    /// The text of an exception.
    async fn exception(&mut self) -> io::Result<String> {
        let mut message = String::new();
        loop {
            match self.field().await? {
                STOP => return Ok(message),
                STRING => message = self.text().await?,
                I32 => drop(self.0.read_u32().await?),
                _ => return Err(not_understood()),
            }
        }
    }

    async fn text(&mut self) -> io::Result<String> {
        let length = self.0.read_u32().await?;
        if u64::from(length) > self.0.limit() {
            return Err(not_understood());
        }
        let mut bytes = vec![0; length as usize];
        self.0.read_exact(&mut bytes).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn not_understood() -> io::Error {
    let problem = "it does not answer as a Hive metastore without Kerberos and TLS does";
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The outcome and how much was left unread.
    fn read(bytes: &[u8]) -> (io::Result<()>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rest = bytes;
        // Slices are always ready, so this does not wait for anything.
        let outcome = runtime.block_on(Reply::new(&mut rest).read("alice"));
        (outcome, rest.len())
    }

    fn reply(kind: u32, name: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        push_text(&mut bytes, name);
        bytes.extend(7_u32.to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn text(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_text(&mut bytes, text);
        bytes
    }

    fn groups(names: &[&str]) -> Vec<u8> {
        let mut body = vec![LIST, 0, 0, STRING];
        body.extend((names.len() as u32).to_be_bytes());
        body.extend(names.iter().flat_map(|name| text(name)));
        body.push(STOP);
        body
    }

    /// A struct with a text as field 1 and a number as field 2.
    fn exception(message: &str) -> Vec<u8> {
        [&[STRING, 0, 1][..], &text(message), &[I32, 0, 2, 0, 0, 0, 1, STOP]].concat()
    }

    #[test]
    fn what_is_said_and_nothing_more() {
        for names in [&[][..], &["alice"], &["alice", "日本"]] {
            let mut bytes = reply(REPLY, SET_UGI, &groups(names));
            bytes.extend(b"next");
            let (outcome, left) = read(&bytes);
            outcome.unwrap();
            assert_eq!(left, 4);
        }
    }

    #[test]
    fn refusals() {
        let meta_exception = [&[STRUCT, 0, 1][..], &exception("go away"), &[STOP]].concat();
        let (outcome, _) = read(&reply(REPLY, SET_UGI, &meta_exception));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "it refuses the user 'alice': go away");

        let (outcome, _) = read(&reply(EXCEPTION, SET_UGI, &exception("Invalid method name")));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().ends_with("who they are: Invalid method name"), "{error}");
    }

    #[test]
    fn other_servers() {
        let long = [&u32::MAX.to_be_bytes()[..], &[0; 64]].concat();
        let many = [&[LIST, 0, 0, STRING][..], &u32::MAX.to_be_bytes(), &[0; 64]].concat();
        for (bytes, kind) in [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), io::ErrorKind::InvalidData),
            // TLS's alert, and what a metastore with Kerberos says to a plain client.
            (b"\x15\x03\x03\x00\x02\x02\x46".to_vec(), io::ErrorKind::InvalidData),
            (b"\x04\x00\x00\x00\x13Invalid status -128".to_vec(), io::ErrorKind::InvalidData),
            (reply(REPLY, "get_table", &groups(&[])), io::ErrorKind::InvalidData),
            ([&REPLY.to_be_bytes()[..], &long].concat(), io::ErrorKind::InvalidData),
            (reply(REPLY, SET_UGI, &[I32, 0, 0, 0, 0, 0, 0]), io::ErrorKind::InvalidData),
            (reply(REPLY, SET_UGI, &many), io::ErrorKind::UnexpectedEof),
            (Vec::new(), io::ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(read(&bytes).0.unwrap_err().kind(), kind, "{bytes:?}");
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let start = reply(REPLY, SET_UGI, &[LIST, 0, 0, STRING, 0xff, 0xff, 0xff, 0xff]);
        let endless = (&start[..]).chain(tokio::io::repeat(0));
        let error = runtime.block_on(Reply::new(endless).read("alice")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn any_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let _ = read(&bytes);
            let _ = read(&reply(REPLY, SET_UGI, &bytes));
            let _ = read(&reply(EXCEPTION, SET_UGI, &bytes));
            let whole = reply(REPLY, SET_UGI, &groups(&["alice", "staff"]));
            let part = &whole[..cut.index(whole.len())];
            prop_assert_eq!(read(part).0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
