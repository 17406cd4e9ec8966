//! Connections that end when their client is too slow or sends too much.
//!
//! axum's server has no limits of its own for this, so they are kept where the bytes pass. A connection is always in
//! one of four states, each with a deadline:
//!
//! - a request's head arrives (also: nothing has arrived on it yet)
//! - the head is whole, the answer has not begun
//! - the answer is written, or was: the next head may begin
//! - the client does not read what was written, beside any of the above

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::Limits;

/// Accepts as many connections as there may be at the same time.
pub(super) struct LimitedListener {
    listener: TcpListener,
    free: Arc<Semaphore>,
    limits: Limits,
}

impl LimitedListener {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        let n = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { listener, free: Arc::new(Semaphore::new(n)), limits }
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let Ok(place) = Arc::clone(&self.free).acquire_owned().await else {
            // only a semaphore that was closed refuses, and nobody closes this one
            return std::future::pending().await;
        };
        // errors, such as too many open files, are logged and waited for in there
        let (stream, addr) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%addr, %error, "cannot turn off delays");
        }
        (Connection::new(stream, place, self.limits), addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with its limits.
pub(super) struct Connection {
    stream: TcpStream,
    limits: Limits,
    state: State,
    /// Of the state.
    deadline: Pin<Box<Sleep>>,
    /// Until when the client must have read something, while it does not.
    stuck: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Head(Head),
    Answering,
    Answered,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, limits: Limits) -> Self {
        let state = State::Head(Head::default());
        let deadline = Box::pin(tokio::time::sleep(limits.head));
        Self { stream, limits, state, deadline, stuck: None, _place: place }
    }

    fn enter(&mut self, state: State, limit: Duration) {
        self.state = state;
        self.deadline.as_mut().reset(Instant::now() + limit);
    }

    /// Notes what has arrived.
    fn arrived(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut head = match self.state {
            // What comes now is a body, which nobody reads, or the next request, whose time begins with the answer.
            State::Answering => return Ok(()),
            State::Answered => {
                self.enter(State::Head(Head::default()), self.limits.head);
                Head::default()
            }
            State::Head(head) => head,
        };
        let is_whole = head.push(bytes);
        if head.len > self.limits.head_bytes {
            return Err(io::Error::new(ErrorKind::InvalidData, "the request's head is too large"));
        }
        if is_whole {
            // The limit of an answer is kept elsewhere; this one is for whatever is not a request to the server.
            self.enter(State::Answering, self.limits.answer + self.limits.head);
        } else {
            self.state = State::Head(head);
        }
        Ok(())
    }

    /// Notes whether something was written.
    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stuck = None;
            self.enter(State::Answered, self.limits.idle);
            return result;
        }
        let limit = self.limits.read;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match stuck.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(self.arrived(&buf.filled()[before..])),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match self.deadline.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// As much of a request's head as is needed to know its end: an empty line that is not the first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Head {
    /// Bytes so far.
    len: usize,
    /// Whether a line that is not empty has begun: the parser skips empty ones before the first.
    has_begun: bool,
    /// Whether the line that arrives is empty so far.
    is_line_empty: bool,
}

impl Head {
    /// Adds bytes; whether the head is whole.
    fn push(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.len += 1;
            match byte {
                b'\n' if self.has_begun && self.is_line_empty => return true,
                b'\n' => self.is_line_empty = true,
                b'\r' => {}
                _ => (self.has_begun, self.is_line_empty) = (true, false),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head() {
        let whole: &[&str] = &[
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        for text in whole {
            let mut head = Head::default();
            assert!(head.push(text.as_bytes()), "{text:?}");
            assert_eq!(head.len, text.len(), "{text:?}");
            // byte by byte
            let (last, others) = text.as_bytes().split_last().unwrap();
            let mut head = Head::default();
            assert!(others.iter().all(|byte| !head.push(&[*byte])), "{text:?}");
            assert!(head.push(&[*last]), "{text:?}");
        }
        for text in ["", "\r\n\r\n\r\n", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r"] {
            assert!(!Head::default().push(text.as_bytes()), "{text:?}");
        }
        // what follows is not part of it
        let mut head = Head::default();
        assert!(head.push(b"GET / HTTP/1.1\r\n\r\nbody"));
        assert_eq!(head.len, 18);
    }
}
