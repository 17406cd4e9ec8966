//! Connections: accepted as many as there may be, encrypted if so configured, and ended when their client does nothing.

mod stall;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use job_kit::exit::UsageError;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use self::stall::Stalling;
use crate::http::Peer;

/// Time for a request's head to arrive, and for a connection to stay open without one.
const HEAD: Duration = Duration::from_secs(60);
/// Time for TLS to agree.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for what is under way when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Memory of a connection for what was not sent yet, and for a request's head.
const BUFFER: usize = 32 << 10;
/// Connections beside those of streams.
const OTHERS: usize = 512;
/// Open files beside connections: those of snapshots, Kafka's, what the runtime needs.
const FILES: usize = 256;

/// A listener that is bound.
pub(crate) struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    most: usize,
}

/// Certificate and key from PEM files.
pub(crate) fn tls(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let usage = |problem: String| anyhow::Error::new(UsageError(problem));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect())
        .map_err(|e| {
            usage(format!("dashboard.tls_certificate '{}': {e}", certificate.display()))
        })?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| usage(format!("dashboard.tls_key '{}': {e}", key.display())))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| {
            usage(format!("dashboard.tls_certificate and dashboard.tls_key do not fit: {e}"))
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Server {
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        streams: usize,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => anyhow!(UsageError(format!(
                "cannot listen on {address}: another program does; choose another port with --listen (0 takes a free \
                 one) or stop that program"
            ))),
            std::io::ErrorKind::AddrNotAvailable => anyhow!(UsageError(format!(
                "cannot listen on {address}: it is not an address of this machine"
            ))),
            _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
        })?;
        let most = streams.saturating_add(OTHERS).min(Semaphore::MAX_PERMITS);
        allow_files(most.saturating_add(FILES));
        Ok(Self { listener, tls, most })
    }

    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stopped`; then ends what is under way within seconds.
    pub(crate) async fn run(self, routes: Router, stopped: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(self.most));
        let graceful = GracefulShutdown::new();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                () = &mut stopped => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let Some((stream, peer, place)) = accepted else { continue };
            let (tls, routes) = (self.tls.clone(), routes.clone());
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _place = place;
                let stream = Stalling::new(stream);
                match tls {
                    None => serve(stream, peer, routes, watcher).await,
                    Some(tls) => {
                        let agreed = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
                        if let Ok(Ok(stream)) = agreed {
                            serve(stream, peer, routes, watcher).await;
                        }
                    }
                }
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

/// Has the system let this process open so many files: a connection is one, and the usual limit of 1,024 is for programs that
/// know nothing better.
fn allow_files(wanted: usize) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = wanted as u64;
    if soft >= wanted {
        return;
    }
    let more = wanted.min(hard);
    let is_set = setrlimit(Resource::RLIMIT_NOFILE, more, hard).is_ok();
    if !is_set || more < wanted {
        tracing::warn!(
            allowed = if is_set { more } else { soft },
            wanted,
            "not all connections of dashboard.max_streams can be open: raise the limit on open files (ulimit -n)"
        );
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    // Those beyond wait in the system's queue.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of files, most likely: it passes.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn serve<I>(
    io: I,
    peer: SocketAddr,
    routes: Router,
    watcher: hyper_util::server::graceful::Watcher,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        routes.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_header_list_size(BUFFER as u32)
        .max_send_buf_size(BUFFER)
        .max_concurrent_streams(64);
    let connection = builder.serve_connection(TokioIo::new(io), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}
