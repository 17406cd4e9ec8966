//! What clients get.

use std::net::SocketAddr;
use std::time::Duration;

use service_kit::{Health, Limits, Metrics, ServeError, Server, endpoints};

use crate::client::{Client, get, serve, serve_endpoints};
use crate::exposition::Exposition;

#[test]
fn ready_and_live() {
    let health = Health::new();
    let assigned = health.condition("assigned", "no partitions yet");
    let loaded = health.condition("segments loaded", "a \"quoted\" reason");
    let server = serve(endpoints(&health, &Metrics::new("a", "1")), Limits::default());
    let body = |path: &str| {
        let answer = get(server.local_addr(), path);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        (answer.status, serde_json::from_str::<serde_json::Value>(&answer.body).unwrap())
    };
    let missing = serde_json::json!({"status": "not ready", "missing": [
        {"condition": "assigned", "why": "no partitions yet"},
        {"condition": "segments loaded", "why": "a \"quoted\" reason"},
    ]});
    assert_eq!(body("/readyz"), (503, missing));
    assigned.set();
    loaded.set();
    assert_eq!(body("/readyz"), (200, serde_json::json!({"status": "ready"})));
    assert_eq!(body("/healthz"), (200, serde_json::json!({"status": "live"})));

    let heartbeat = health.heartbeat("consumer", Duration::from_millis(1));
    crate::wait_for("stall", || !health.is_live());
    let (status, stalled) = body("/healthz");
    assert_eq!((status, &stalled["status"]), (503, &"stalled".into()));
    let thread = &stalled["stalled"][0];
    assert_eq!((&thread["thread"], &thread["limit_seconds"]), (&"consumer".into(), &0.001.into()));
    assert!(thread["silent_seconds"].as_f64().unwrap() > 0.001);
    // a thread that hangs does not make the job less ready: it has to be restarted
    assert_eq!(body("/readyz").0, 200);
    heartbeat.rest();
    assert_eq!(body("/healthz").0, 200);
}

#[test]
fn metrics_as_text() {
    let metrics = Metrics::new("test-job", "1.2.3");
    metrics.counter("orders", "Orders").inc_by(7);
    let server = serve(endpoints(&Health::new(), &metrics), Limits::default());
    let answer = get(server.local_addr(), "/metrics");
    assert_eq!(answer.status, 200);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert_eq!(Exposition::parse(&answer.body).value("test_job_orders_total"), 7.0);
}

#[test]
fn several_requests_on_a_connection() {
    let server = serve_endpoints(Limits::default());
    let mut client = Client::connect(server.local_addr());
    for path in ["/healthz", "/readyz", "/metrics?ignored=1"] {
        let head = client.request("HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let get = client.request("GET", path);
        assert_eq!(get.status, 200);
        assert_eq!(head.header("content-type"), get.header("content-type"));
        if !path.starts_with("/metrics") {
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
        }
    }
    for path in ["/", "/metrics/", "/metrics/..", "/%2e%2e/etc/passwd", "/healthz%00"] {
        assert_eq!(client.request("GET", path).status, 404, "{path}");
    }
    // two at once
    let request = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    assert!(client.send(request.repeat(2).as_bytes()));
    assert_eq!([client.answer(true).status, client.answer(true).status], [200, 200]);
}

#[test]
fn other_methods() {
    let server = serve_endpoints(Limits::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NONSENSE"] {
        for path in ["/metrics", "/healthz", "/unknown"] {
            let answer = Client::connect(server.local_addr()).request(method, path);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {path}");
        }
    }
    // with a body that nobody wants
    let mut client = Client::connect(server.local_addr());
    let head = "POST /metrics HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n";
    assert!(client.send(head.as_bytes()));
    assert_eq!(client.answer(true).status, 405);
}

#[test]
fn not_http() {
    let server = serve_endpoints(Limits::default());
    let damaged: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost : a\r\n\xff\xfe\r\n\r\n",
    ];
    for bytes in damaged {
        let mut client = Client::connect(server.local_addr());
        client.send(bytes);
        let rest = client.rest();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{bytes:?}");
    }
    assert_eq!(get(server.local_addr(), "/healthz").status, 200);
}

#[test]
fn an_address_that_is_taken() {
    let server = serve_endpoints(Limits::default());
    let addr = server.local_addr();
    let routes = endpoints(&Health::new(), &Metrics::new("a", "1"));
    let error = Server::start(addr, routes.clone()).unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }) && !error.is_retryable());
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {addr}: another program listens there; choose another port (0 takes a free one) or stop \
             that program"
        )
    );
    // as soon as it is free it can be had, although there were connections
    assert_eq!(get(addr, "/healthz").status, 200);
    drop(server);
    let server = Server::start(addr, routes).unwrap();
    assert_eq!(server.local_addr(), addr);
    assert_eq!(get(addr, "/healthz").status, 200);
}

#[test]
fn an_address_of_another_machine() {
    // of the network for documentation, RFC 5737
    let addr: SocketAddr = "203.0.113.1:0".parse().unwrap();
    let routes = endpoints(&Health::new(), &Metrics::new("a", "1"));
    let message = Server::start(addr, routes).unwrap_err().to_string();
    let expected =
        "cannot listen on 203.0.113.1:0: it is not an address of this machine; choose 127.0.0.1";
    assert!(message.starts_with(expected), "{message}");
}
