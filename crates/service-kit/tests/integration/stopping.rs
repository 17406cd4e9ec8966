//! The end of a server, with clients on it.

use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use axum::routing::get as route;
use service_kit::{Limits, Router};

use crate::client::{Client, serve, serve_endpoints};

#[test]
fn connections_of_all_kinds() {
    let server = serve_endpoints(Limits::default());
    let addr = server.local_addr();
    let mut kept = Client::connect(addr);
    assert_eq!(kept.request("GET", "/healthz").status, 200);
    let mut silent = Client::connect(addr);
    let mut half = Client::connect(addr);
    half.send(b"GET /healthz HTT");
    drop(server);
    for client in [&mut kept, &mut silent, &mut half] {
        assert_eq!(client.rest(), b"");
    }
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn a_request_under_way_is_answered() {
    let (tell, begun) = channel();
    let work = async move || {
        tell.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        "done"
    };
    let server = serve(Router::new().route("/work", route(work)), Limits::default());
    let mut client = Client::connect(server.local_addr());
    client.send(b"GET /work HTTP/1.1\r\nHost: test\r\n\r\n");
    begun.recv().unwrap();
    drop(server);
    let answer = client.answer(true);
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_request_that_never_ends() {
    let (tell, begun) = channel();
    let work = async move || {
        tell.send(()).unwrap();
        std::future::pending::<&str>().await
    };
    let server = serve(Router::new().route("/work", route(work)), Limits::default());
    let mut client = Client::connect(server.local_addr());
    client.send(b"GET /work HTTP/1.1\r\nHost: test\r\n\r\n");
    begun.recv().unwrap();
    drop(server);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_handler_that_blocks_the_thread() {
    let (tell, begun) = channel();
    let (release, held) = channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let work = async move || {
        tell.send(()).unwrap();
        let _ = held.lock().unwrap().recv();
        "done"
    };
    let server = serve(Router::new().route("/work", route(work)), Limits::default());
    let mut client = Client::connect(server.local_addr());
    client.send(b"GET /work HTTP/1.1\r\nHost: test\r\n\r\n");
    begun.recv().unwrap();
    let (dropped, is_dropped) = channel();
    let dropping = thread::spawn(move || {
        drop(server);
        dropped.send(()).unwrap();
    });
    // Only then the handler may go on, so this would never happen if the end waited for it.
    is_dropped.recv_timeout(Duration::from_secs(30)).unwrap();
    dropping.join().unwrap();
    drop(release);
}
