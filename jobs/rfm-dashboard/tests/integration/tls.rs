//! HTTPS with a certificate made here: HTTP/2 where the browser offers it, HTTP/1.1 where not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::GUARD;
use crate::support::program::{Running, command, output};
use crate::support::shop::Shop;
use crate::support::wait_for;

const TOKEN: &str = "a-token-of-twenty-five-chars";

/// A certificate that signs itself, and its key, as files of the shop's folder.
struct Keys {
    certificate: CertificateDer<'static>,
    files: [PathBuf; 2],
}

fn keys(shop: &Shop) -> Keys {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let files = ["page.pem", "page.key"].map(|name| shop.folder.path().join(name));
    std::fs::write(&files[0], made.cert.pem()).unwrap();
    std::fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    Keys { certificate: made.cert.der().clone(), files }
}

/// The page over HTTPS, with a sign-in. Its snapshot is loaded.
fn start(shop: &Shop, keys: &Keys) -> Running {
    let [certificate, key] = keys.files.each_ref().map(|file| file.to_str().unwrap());
    let mut command = shop.command();
    command
        .env("RFM_DASHBOARD__TOKEN", TOKEN)
        .args(["--set", &format!("dashboard.tls_certificate={certificate}")])
        .args(["--set", &format!("dashboard.tls_key={key}")]);
    let dashboard = Running::start(&mut command);
    wait_for("the snapshot", || dashboard.log().contains("snapshot loaded").then_some(()));
    dashboard
}

fn trusting(keys: &Keys, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(keys.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(tls: TlsConnector, address: &str) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(GUARD, work).await.unwrap() });
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// A request over HTTP/2; answers with the head.
async fn ask(sender: &mut SendRequest<Body>, path: &str) -> Response<hyper::body::Incoming> {
    let request = Request::get(format!("https://localhost{path}"))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    sender.ready().await.unwrap();
    sender.send_request(request).await.unwrap()
}

async fn json_of(response: Response<hyper::body::Incoming>) -> Value {
    assert_eq!(response.status(), 200);
    let bytes = to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn one_connection_carries_the_page_and_many_streams() {
    let shop = Shop::open().with_broker();
    let keys = keys(&shop);
    let dashboard = start(&shop, &keys);
    assert!(dashboard.log().contains("url=\"https://"), "{}", dashboard.log());
    let mut topic = shop.topic();
    block_on(async {
        let tls = connect(trusting(&keys, &[b"h2", b"http/1.1"]), &dashboard.address).await;
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls));
        let (mut sender, connection) = made.await.unwrap();
        tokio::spawn(connection);
        // More than the six that a browser opens to a host over HTTP/1.1.
        let mut streams = Vec::new();
        for _ in 0..12 {
            let stream = ask(&mut sender, "/api/stream/orders").await;
            assert_eq!((stream.status().as_u16(), stream.version()), (200, hyper::Version::HTTP_2));
            assert_eq!(stream.headers()["content-type"], "text/event-stream");
            streams.push(Body::new(stream.into_body()).into_data_stream());
        }
        // Beside them everything else is answered.
        let segments = json_of(ask(&mut sender, "/api/segments").await).await;
        assert_eq!(segments["data"]["model"]["revenue"], "88223.2300");
        let customer = json_of(ask(&mut sender, "/api/customers/12347").await).await;
        assert_eq!(customer["data"]["customer_id"], "12347");
        topic.send_many(20);
        for mut stream in streams {
            let mut text = String::new();
            while !text.contains("\"0-19\"") {
                let next = std::future::poll_fn(|cx| {
                    futures::Stream::poll_next(std::pin::Pin::new(&mut stream), cx)
                });
                let bytes = next.await.expect("the stream ended").unwrap();
                text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
            assert!(text.contains("event: heartbeat"), "{text}");
        }
    });
    // Open streams do not keep it.
    dashboard.stop();
}

#[test]
fn a_browser_without_http_2_is_served_too() {
    let shop = Shop::open();
    let keys = keys(&shop);
    let dashboard = start(&shop, &keys);
    block_on(async {
        let mut tls = connect(trusting(&keys, &[b"http/1.1"]), &dashboard.address).await;
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let body = json!({"token": TOKEN}).to_string();
        let head = format!(
            "POST /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        tls.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // The cookie never travels without encryption.
        let cookie =
            answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie")).unwrap();
        assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");

        // Somebody who does not speak TLS, and somebody who begins and says no more, keep nobody from it.
        let mut plain = TcpStream::connect(&dashboard.address).await.unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = plain.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
        let _silent = TcpStream::connect(&dashboard.address).await.unwrap();
        let tls = connect(trusting(&keys, &[b"http/1.1"]), &dashboard.address).await;
        drop(tls);
    });
    dashboard.stop();
}

#[test]
fn certificates_that_cannot_be_used() {
    let shop = Shop::open();
    let keys = keys(&shop);
    let other = Shop::open();
    let others = self::keys(&other);
    let [certificate, key] = keys.files.each_ref().map(|file| file.to_str().unwrap());
    let strange = others.files[1].to_str().unwrap();
    for (certificate, key, expected) in [
        ("missing.pem", key, "dashboard.tls_certificate 'missing.pem'"),
        (certificate, "missing.key", "dashboard.tls_key 'missing.key'"),
        (certificate, strange, "dashboard.tls_certificate and dashboard.tls_key do not fit"),
        (key, key, "dashboard.tls_certificate"),
    ] {
        let settings = [
            format!("dashboard.tls_certificate={certificate}"),
            format!("dashboard.tls_key={key}"),
        ];
        let [certificate, key] = &settings;
        let out = output(
            command().args(["--listen", "127.0.0.1:0", "--set", certificate, "--set", key]),
            "",
        );
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
