//! The program as a user starts it: it shows everything, and leaves nothing.
//!
//! It runs the other programs, which lie beside it: `cargo build --workspace` builds them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Demo, wait_for};

#[test]
fn shows_everything_and_leaves_nothing() {
    let mut demo = Demo::start(&["--lines", "40000", "--rate", "200"]);
    let address = demo.banner();
    let segments = demo.get("/api/segments");
    let customers = segments["data"]["model"]["customers"].as_u64().unwrap();
    assert!((200..=320).contains(&customers), "{customers} of 320 customers");
    assert_eq!(segments["data"]["model"]["k"], 4);
    let snapshots = demo.get("/api/snapshots")["data"]["snapshot_date"].clone();
    assert_eq!(snapshots.as_array().unwrap().len(), 4, "{snapshots}");
    assert_eq!(snapshots[0], segments["snapshot_date"]);
    let moved = demo.get("/api/migration")["data"].clone();
    assert_eq!(
        (&moved["from"]["snapshot_date"], &moved["to"]["snapshot_date"]),
        (&snapshots[1], &snapshots[0])
    );

    let sum = |live: &Value, name: &str| {
        let seconds = live["seconds"][name].as_array().unwrap().iter();
        seconds.map(|n| n.as_u64().unwrap()).sum::<u64>()
    };
    let live = wait_for("live orders", || {
        let live = demo.get("/api/live")["data"].clone();
        (sum(&live, "orders") >= 200).then_some(live)
    });
    assert_eq!(live["upstream"]["state"], "connected");
    // The producer's customers are the batch job's; some orders name none, and one in twenty somebody new.
    let (known, orders) = (sum(&live, "known"), sum(&live, "orders"));
    assert!(known * 2 > orders, "{known} of {orders} orders are of a known customer");
    assert_eq!(demo.get("/api/customers/12347")["data"]["customer_id"], "12347");
    assert!(demo.stdout().contains(&format!("{address}customers/12347")), "{}", demo.stdout());

    let names: Vec<String> = demo.children().into_iter().map(|(_, name)| name).collect();
    for name in ["rfm-dashboard", "rfm-streaming", "order-producer"] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    demo.signal(Signal::SIGINT);
    demo.expect_the_end(Some(0));
    assert!(demo.stdout().ends_with("nothing is left\n"), "{}", demo.stdout());
}

#[test]
fn can_be_stopped_while_it_begins() {
    for (signal, children) in [(Signal::SIGTERM, 1), (Signal::SIGINT, 2)] {
        // The job that makes up so many orders is still at it.
        let mut demo = Demo::start(&["--lines", "100000000"]);
        wait_for("its children", || (demo.children().len() > children).then_some(()));
        demo.signal(signal);
        demo.expect_the_end(Some(0));
    }
}

#[test]
fn a_program_that_dies_ends_the_demo() {
    let mut demo = Demo::start(&["--lines", "20000"]);
    demo.banner();
    let (id, _) = demo.children().into_iter().find(|(_, name)| name == "rfm-streaming").unwrap();
    demo.signal_child(id, Signal::SIGKILL);
    let stderr = demo.expect_the_end(Some(1));
    assert!(stderr.contains("error: rfm-streaming ended with signal: 9"), "{stderr}");
}

#[test]
fn an_address_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut demo = Demo::start_on(&address, &[]);
    let stderr = demo.expect_the_end(Some(2));
    assert!(stderr.contains(&address) && stderr.contains("another program does"), "{stderr}");
    assert!(stderr.contains("--listen") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn others_may_not_look_without_a_sign_in() {
    let mut demo = Demo::start_on("0.0.0.0:0", &[]);
    let stderr = demo.expect_the_end(Some(2));
    assert!(stderr.contains("a sign-in is required"), "{stderr}");
}

#[test]
fn the_other_programs_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("rfm-demo");
    // By another process: a file that this one has open for writing may be so for a moment in one that another test starts.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_rfm-demo")).arg(&alone).status();
    assert!(copied.unwrap().success());
    let out = Command::new(alone).output().unwrap();
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("there is no order-producer in") && stderr.contains("make build"),
        "{stderr}"
    );
}
