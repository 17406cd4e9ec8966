//! Opens connections to a metastore and says on each of them who the user is.
//!
//! This is the one place where transport and authentication meet: a connection that leaves it is ready for calls. A
//! metastore without Kerberos takes the user's word (`set_ugi`), for one connection at a time, so a pool of
//! connections has to do it here, before the pool sees the connection. The SASL handshake of a metastore with
//! Kerberos (`hive.metastore.sasl.enabled`) belongs here too.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use volo::net::Address;
use volo::net::conn::{ConnStream, OwnedReadHalf, OwnedWriteHalf};
use volo::net::dial::MakeTransport;

// Thrift's binary protocol.
const VERSION_CALL: u32 = 0x8001_0001;
const VERSION_MASK: u32 = 0xffff_0000;
const REPLY: u32 = 2;
const STOP: u8 = 0;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;
/// Longer texts in an answer to `set_ugi` are none of Hive's.
const MAX_TEXT: usize = 1 << 20;

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
    call.extend(VERSION_CALL.to_be_bytes());
    push_text(&mut call, "set_ugi");
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

    let version = stream.read_u32().await?;
    if version & VERSION_MASK != VERSION_CALL & VERSION_MASK {
        return Err(io::Error::other(
            "it does not answer as a Hive metastore without Kerberos and TLS does",
        ));
    }
    read_text(stream).await?;
    stream.read_u32().await?;
    let is_reply = version & 0xff == REPLY;
    let mut refusal = None;
    // A reply is a struct: field 0 is the list of groups, field 1 an exception, itself a struct with a text. What is
    // no reply is an exception of the protocol: the same with field 1 the text.
    loop {
        match stream.read_u8().await? {
            STOP => break,
            LIST => {
                stream.read_u16().await?;
                stream.read_u8().await?;
                for _ in 0..stream.read_u32().await? {
                    read_text(stream).await?;
                }
            }
            STRUCT => {
                stream.read_u16().await?;
                refusal = Some(read_exception(stream).await?);
            }
            STRING => {
                stream.read_u16().await?;
                refusal = Some(read_text(stream).await?);
            }
            _ => {
                stream.read_u16().await?;
                stream.read_u32().await?;
            }
        }
    }
    match refusal {
        None if is_reply => Ok(()),
        problem => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it refuses the user '{user}': {}", problem.unwrap_or_default()),
        )),
    }
}

async fn read_exception(stream: &mut TcpStream) -> io::Result<String> {
    let mut message = String::new();
    while stream.read_u8().await? == STRING {
        stream.read_u16().await?;
        message = read_text(stream).await?;
    }
    Ok(message)
}

async fn read_text(stream: &mut TcpStream) -> io::Result<String> {
    let length = stream.read_u32().await? as usize;
    if length > MAX_TEXT {
        return Err(io::Error::other("it does not answer as a Hive metastore does"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text.as_bytes());
}
