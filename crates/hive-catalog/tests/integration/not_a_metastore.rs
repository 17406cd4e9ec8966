//! Addresses behind which there is no metastore, or one that answers what none does.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hive_catalog::{Metastore, MetastoreError, MetastoreErrorKind};

use crate::helper::settings;

/// `get_table_req`, tried again for less than the time of one further try.
fn call(uri: &str) -> Result<(), MetastoreError> {
    let mut settings = settings(uri);
    settings.timeout = Duration::from_secs(2);
    settings.keep_trying = Duration::from_millis(100);
    let start = Instant::now();
    let found = Metastore::new(settings).unwrap().get_table("default", "orders");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    found.map(drop)
}

/// Serves each connection with `serve`, until the process ends.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("thrift://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    uri
}

/// A call's name and number.
fn read_call(stream: &mut TcpStream) -> Option<(Vec<u8>, [u8; 4])> {
    let mut bytes = vec![0; 1 << 16];
    let length = stream.read(&mut bytes).ok().filter(|length| *length > 0)?;
    let end = 8 + u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
    assert!(end + 4 <= length);
    Some((bytes[8..end].to_vec(), bytes[end..end + 4].try_into().unwrap()))
}

fn message(kind: u8, name: &[u8], number: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = (name.len() as u32).to_be_bytes();
    [&[0x80, 1, 0, kind], &length[..], name, &number, body].concat()
}

/// A metastore that knows users, and answers each other call with `body`. `kind` is 2 for an answer, 3 for an exception
/// of the protocol.
fn answering(kind: u8, body: &[u8]) -> String {
    let body = body.to_vec();
    server(move |mut stream| {
        while let Some((name, number)) = read_call(&mut stream) {
            let groups = [15, 0, 0, 11, 0, 0, 0, 0, 0];
            let answer = match &name[..] {
                b"set_ugi" => message(2, &name, number, &groups),
                _ => message(kind, &name, number, &body),
            };
            stream.write_all(&answer).unwrap();
        }
    })
}

/// A struct with a text as field 1 and a number as field 2, as exceptions are.
fn exception(text: &str, number: u8) -> Vec<u8> {
    let length = (text.len() as u32).to_be_bytes();
    [&[11, 0, 1], &length[..], text.as_bytes(), &[8, 0, 2, 0, 0, 0, number, 0]].concat()
}

fn check(uri: &str, kind: MetastoreErrorKind, text: &str) {
    let error = call(uri).unwrap_err();
    let said = format!("{error}: {}", error.source);
    assert_eq!(error.kind, kind, "{said}");
    assert!(said.contains(text) && said.contains(uri), "{said}");
    assert!(!said.contains('\n'), "{said}");
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = format!("thrift://127.0.0.1:{port}");
    check(&uri, MetastoreErrorKind::Unreachable, "refused");
    check("thrift://no-such-host.invalid:9083", MetastoreErrorKind::Unreachable, "lookup");
}

#[test]
fn another_server() {
    let http = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 1000]);
    });
    check(&http, MetastoreErrorKind::Protocol, "without Kerberos and TLS");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("thrift://{}", silent.local_addr().unwrap());
    check(&uri, MetastoreErrorKind::Unreachable, "2s");
    let closing = server(drop);
    check(&closing, MetastoreErrorKind::Unreachable, "it does not answer");
    let refusing = server(|mut stream| {
        if let Some((name, number)) = read_call(&mut stream) {
            let refusal = [&[12, 0, 1], &exception("not you", 0)[..], &[0]].concat();
            let _ = stream.write_all(&message(2, &name, number, &refusal));
        }
    });
    check(&refusing, MetastoreErrorKind::Refused, "it refuses the user 'shopkeeper': not you");
}

#[test]
fn another_version() {
    let unknown = answering(3, &exception("Invalid method name: 'get_table_req'", 1));
    check(&unknown, MetastoreErrorKind::Protocol, "Invalid method name: 'get_table_req'");
}

#[test]
fn a_fault_of_the_server() {
    let internal = answering(3, &exception("Internal error processing get_table_req", 6));
    check(&internal, MetastoreErrorKind::Refused, "Internal error processing get_table_req");
    let meta_exception = [&[12, 0, 1], &exception("no, because\n\tat Java", 0)[..], &[0]].concat();
    check(&answering(2, &meta_exception), MetastoreErrorKind::Refused, "no, because");
    let lost =
        "Exception thrown: com.mysql.jdbc.CommunicationsException: Communications link failure";
    let meta_exception = [&[12, 0, 1], &exception(lost, 0)[..], &[0]].concat();
    check(&answering(2, &meta_exception), MetastoreErrorKind::Unavailable, "link failure");
    let no_such_object = [&[12, 0, 2], &exception("gone", 0)[..], &[0]].concat();
    call(&answering(2, &no_such_object)).unwrap();
}

#[test]
fn answers_that_are_none() {
    for body in [
        // Neither a table nor an exception, at which the Thrift library panics.
        &[0][..],
        // A field that does not exist, and types that do not.
        &[8, 0, 9, 0, 0, 0, 1, 0],
        &[99, 0, 0, 0],
        // A table that is a number; a result without its table.
        &[8, 0, 0, 0, 0, 0, 1, 0],
        &[12, 0, 0, 0, 0],
    ] {
        let error = call(&answering(2, body)).unwrap_err();
        assert_eq!(error.kind, MetastoreErrorKind::Protocol, "{body:?}: {error}: {}", error.source);
    }
    // The answer to another call, and half an answer.
    let mixed_up = server(|mut stream| {
        while let Some((name, number)) = read_call(&mut stream) {
            let answer = message(2, &name, if name == b"set_ugi" { number } else { [9; 4] }, &[0]);
            stream.write_all(&answer).unwrap();
        }
    });
    check(&mixed_up, MetastoreErrorKind::Protocol, "");
    let half = server(|mut stream| {
        if let Some((name, number)) = read_call(&mut stream) {
            stream.write_all(&message(2, &name, number, &[0])).unwrap();
        }
        if let Some((name, number)) = read_call(&mut stream) {
            stream.write_all(&message(2, &name, number, &[12, 0, 0, 12])).unwrap();
        }
    });
    check(&half, MetastoreErrorKind::Unreachable, "it does not answer");
}

/// A panic of the library ends one call, and not those that come after it or run beside it.
#[test]
fn a_client_survives_answers_that_are_none() {
    let mut settings = settings(&answering(2, &[0]));
    settings.keep_trying = Duration::ZERO;
    let client = Metastore::new(settings).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..4 {
                    let error = client.get_table("default", "orders").unwrap_err();
                    assert_eq!(error.kind, MetastoreErrorKind::Protocol);
                }
            });
        }
    });
}
