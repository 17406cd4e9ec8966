//! A small HTTP server for machines that look after the job.
//!
//! It has a thread of its own, so that it answers while the job's threads are busy, and limits for everything that a
//! client can do, so that no client keeps it from answering others.

mod connection;
mod endpoints;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use self::connection::LimitedListener;
pub use self::endpoints::endpoints;

/// How long requests that are under way may go on when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// How long [`Server::drop`] waits for the thread, which a handler that blocks may keep.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// What a client may do. The default suits scrapes and probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections at the same time. Further ones wait until one of these is closed. Default 256.
    pub connections: usize,
    /// Time for a request to be answered, or to begin to be. Default 10 s.
    pub answer: Duration,
    /// Time for a request's head, and for the first one of a new connection, to arrive. Default 5 s.
    pub head: Duration,
    /// Size of a request's head in bytes. Default 16 KiB.
    pub head_bytes: usize,
    /// How long a connection may stay open after the last byte of an answer. Also the longest pause within an answer
    /// that is a stream. Default 75 s: more than the usual minute between scrapes.
    pub idle: Duration,
    /// How long a client may take to read what fills its window. Default 10 s.
    pub read: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            answer: Duration::from_secs(10),
            head: Duration::from_secs(5),
            head_bytes: 16 << 10,
            idle: Duration::from_secs(75),
            read: Duration::from_secs(10),
        }
    }
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}{}", advice(source))]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no thread for it, or no files.
    #[error(
        "cannot start the HTTP server on {addr}; check the limits on threads and open files (ulimit -u, -n)"
    )]
    Start {
        /// The address.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

impl ServeError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Bind { .. } => false,
            Self::Start { .. } => true,
        }
    }
}

/// The end of a sentence.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program listens there; choose another port (0 takes a free one) or stop that program"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": it is not an address of this machine; choose 127.0.0.1 for this machine alone, or 0.0.0.0 for all networks"
        }
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 are for the superuser; choose a higher one"
        }
        _ => "",
    }
}

/// A server that runs until it is dropped.
///
/// Only GET and HEAD are answered; there are no request bodies. When it is dropped it accepts no more, gives requests
/// that are under way a second, closes all connections, and ends within two seconds.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    /// Nothing is ever sent: it is closed when the thread ends.
    ended: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `routes` (see [`endpoints`]) at `addr`; with port 0 at a free port.
    pub fn start(addr: SocketAddr, routes: Router) -> Result<Self, ServeError> {
        Self::start_with(addr, routes, Limits::default())
    }

    /// Serves within other limits.
    pub fn start_with(
        addr: SocketAddr,
        routes: Router,
        limits: Limits,
    ) -> Result<Self, ServeError> {
        let bind = || {
            let listener = TcpListener::bind(addr)?;
            listener.set_nonblocking(true)?;
            let local_addr = listener.local_addr()?;
            Ok((listener, local_addr))
        };
        let (listener, local_addr) = bind().map_err(|source| ServeError::Bind { addr, source })?;

        let (stop, stopped) = watch::channel(false);
        let (ending, ended) = mpsc::channel::<()>();
        let start = || {
            // The one thread that may block writes the metrics.
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .max_blocking_threads(1)
                .thread_name("http-blocking")
                .build()?;
            let listener = {
                let _inside = runtime.enter();
                tokio::net::TcpListener::from_std(listener)?
            };
            let listener = LimitedListener::new(listener, limits);
            thread::Builder::new().name("http".to_owned()).spawn(move || {
                run(runtime, listener, limit(routes, limits), stopped);
                drop(ending);
            })
        };
        let thread = start().map_err(|source| ServeError::Start { addr, source })?;
        Ok(Self { local_addr, stop, ended, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.ended.recv_timeout(STOP_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(addr = %self.local_addr, "the HTTP server hangs; it is left behind");
            return;
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(addr = %self.local_addr, "the HTTP server ended by a panic");
        }
    }
}

fn run(
    runtime: Runtime,
    listener: LimitedListener,
    routes: Router,
    stopped: watch::Receiver<bool>,
) {
    // An error of `wait_for` is a sender that is gone, which is a reason to stop as well.
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|&stop| stop).await;
    };
    let out_of_patience = wait(stopped.clone());
    runtime.block_on(async {
        let serve = axum::serve(listener, routes).with_graceful_shutdown(wait(stopped));
        tokio::select! {
            // It never fails: errors of a connection end that connection.
            _ = serve => {}
            () = async { out_of_patience.await; tokio::time::sleep(GRACE).await } => {}
        }
    });
    // Ends what is left of connections; does not wait for a collector of metrics that hangs.
    runtime.shutdown_background();
}

/// Adds what holds for every request.
fn limit(routes: Router, limits: Limits) -> Router {
    let answer = move |request: Request, next: Next| async move {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let allow = [(header::ALLOW, "GET, HEAD")];
            return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
        }
        in_time(limits.answer, next.run(request)).await
    };
    routes.layer(from_fn(answer))
}

async fn in_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(response) => response,
        Err(_) => {
            let text = format!("no answer within {} s\n", limit.as_secs_f64());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}
