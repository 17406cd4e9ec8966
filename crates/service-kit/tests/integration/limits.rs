//! Clients that take more than is theirs.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use axum::routing::get as route;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use service_kit::{Health, Limits, Metrics, Router, endpoints};

use crate::client::{Client, get, serve, serve_endpoints};
use crate::wait_for;

/// Limits that a test can wait for. The others stay as long as they are, so that each test meets one alone.
const SHORT: Duration = Duration::from_secs(1);

#[test]
fn a_head_that_comes_byte_by_byte() {
    let server = serve_endpoints(Limits { head: SHORT, ..Limits::default() });
    let beginnings: [&[u8]; 4] = [b"", b"GET /healthz HTTP/1.1\r\nX: ", b"\r\n\r\n", b"\n\n\n"];
    let mut slow = beginnings.map(|beginning| {
        let mut client = Client::connect(server.local_addr());
        assert!(client.send(beginning));
        client
    });
    for client in &mut slow {
        wait_for("cut", || {
            // others are served all the while
            assert_eq!(get(server.local_addr(), "/healthz").status, 200);
            !client.send(b"x") || client.is_closed()
        });
    }
    // also after requests that were in order
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.request("GET", "/healthz").status, 200);
    wait_for("cut", || !client.send(b"G") || client.is_closed());
}

#[test]
fn a_silent_client() {
    let server = serve_endpoints(Limits { head: SHORT, ..Limits::default() });
    assert_eq!(Client::connect(server.local_addr()).rest(), b"");
}

#[test]
fn a_connection_that_is_kept_for_nothing() {
    let server = serve_endpoints(Limits { idle: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.request("GET", "/healthz").status, 200);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_head_that_is_too_large() {
    let server = serve_endpoints(Limits::default());
    let with_header = |len: usize| {
        let mut client = Client::connect(server.local_addr());
        client.send(format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(len)).as_bytes());
        client
    };
    assert_eq!(with_header(16_000).answer(true).status, 200);
    assert_eq!(with_header(17_000).rest(), b"");
    assert_eq!(with_header(10 << 20).rest(), b"");
    // many small ones
    let mut client = Client::connect(server.local_addr());
    client.send(b"GET /healthz HTTP/1.1\r\n");
    client.send("A: b\r\n".repeat(500).as_bytes());
    client.send(b"\r\n");
    assert!(String::from_utf8(client.rest()).unwrap().starts_with("HTTP/1.1 431 "));
}

#[test]
fn two_hundred_idle_connections() {
    let server = serve_endpoints(Limits::default());
    let mut idle: Vec<_> = (0..200).map(|_| Client::connect(server.local_addr())).collect();
    for client in idle.iter_mut().step_by(2) {
        assert_eq!(client.request("GET", "/healthz").status, 200);
    }
    assert_eq!(get(server.local_addr(), "/metrics").status, 200);
    for client in &mut idle[..10] {
        assert_eq!(client.request("GET", "/readyz").status, 200);
    }
}

#[test]
fn more_connections_than_there_may_be() {
    let server = serve_endpoints(Limits { connections: 3, ..Limits::default() });
    let mut first: Vec<_> = (0..3).map(|_| Client::connect(server.local_addr())).collect();
    for client in &mut first {
        assert_eq!(client.request("GET", "/healthz").status, 200);
    }
    let mut waiting = Client::connect(server.local_addr());
    waiting.send(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    // its turn comes when another one ends, and until then the others go on
    assert_eq!(first[0].request("GET", "/readyz").status, 200);
    assert!(!waiting.has_answer());
    first.pop();
    assert_eq!(waiting.answer(true).status, 200);

    // those that do nothing cannot keep the others out
    let server = serve_endpoints(Limits { connections: 3, head: SHORT, ..Limits::default() });
    let _idle: Vec<_> = (0..6).map(|_| Client::connect(server.local_addr())).collect();
    assert_eq!(get(server.local_addr(), "/healthz").status, 200);
}

#[test]
fn a_client_that_does_not_read() {
    let large = "x".repeat(64 << 20);
    let routes = Router::new().route("/large", route(async move || large));
    let limits = Limits { connections: 1, read: SHORT, ..Limits::default() };
    let server = serve(routes, limits);
    let mut greedy = Client::connect(server.local_addr());
    assert!(greedy.send(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n"));
    // there is one place, so this is served when the other one has been cut
    assert_eq!(get(server.local_addr(), "/unknown").status, 404);
    assert!(greedy.rest().len() < 64 << 20);
}

/// Takes a message for every scrape before it answers.
#[derive(Debug)]
struct Slow(Mutex<Receiver<()>>);

impl Collector for Slow {
    fn encode(&self, _: DescriptorEncoder<'_>) -> std::fmt::Result {
        self.0.lock().unwrap().recv().map_err(|_| std::fmt::Error)
    }
}

#[test]
fn a_collector_that_hangs() {
    let (release, held) = channel();
    let metrics = Metrics::new("a", "1");
    metrics.collect(Slow(Mutex::new(held)));
    let routes = endpoints(&Health::new(), &metrics);
    let server = serve(routes, Limits { answer: SHORT, ..Limits::default() });
    for _ in 0..3 {
        let answer = get(server.local_addr(), "/metrics");
        assert_eq!((answer.status, answer.body.as_str()), (503, "no answer within 1 s\n"));
        assert_eq!(get(server.local_addr(), "/healthz").status, 200);
    }
    // they did not pile up: after the one that is under way the next one has its turn
    (0..100).for_each(|_| release.send(()).unwrap());
    wait_for("an answer", || get(server.local_addr(), "/metrics").status == 200);
    // one that fails
    drop(release);
    wait_for("failure", || get(server.local_addr(), "/metrics").status == 500);
}

#[test]
fn a_collector_that_panics() {
    #[derive(Debug)]
    struct Broken;
    impl Collector for Broken {
        fn encode(&self, _: DescriptorEncoder<'_>) -> std::fmt::Result {
            panic!("on purpose")
        }
    }
    let metrics = Metrics::new("a", "1");
    metrics.collect(Broken);
    let server = serve(endpoints(&Health::new(), &metrics), Limits::default());
    for _ in 0..3 {
        assert_eq!(get(server.local_addr(), "/metrics").status, 500);
        assert_eq!(get(server.local_addr(), "/healthz").status, 200);
    }
}
