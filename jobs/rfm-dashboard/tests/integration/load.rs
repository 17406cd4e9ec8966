//! Many watchers at once, some of them slow, some gone without a word: memory stays bounded, and nobody else is harmed. The
//! benchmark of the look-up does the same with a thousand of them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread::JoinHandle;

use serde_json::json;

use crate::support::GUARD;
use crate::support::client::Events;
use crate::support::program::Running;
use crate::support::shop::Shop;
use crate::support::wait_for;

const READERS: usize = 24;
const SLEEPERS: usize = 40;
const VANISHED: usize = 40;
/// Orders of some 800 bytes each.
const TOTAL: u64 = 40_000;

/// Asks for the stream and reads nothing of it.
fn sleeper(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    let request = format!("GET /api/stream/orders HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The same command in a shell that lets it open fewer files than there are going to be connections: it asks for more.
fn with_few_files(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\""]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn slow_and_vanished_watchers_harm_nobody() {
    let shop = Shop::open().with_broker();
    let dashboard = Running::ready(&mut with_few_files(&shop.command()));
    wait_for("the topic", || {
        (dashboard.get("/api/live").data()["upstream"]["state"] == "connected").then_some(())
    });
    let streams = |n: usize| {
        wait_for("the streams", || {
            let open = dashboard.metric("rfm_dashboard_streams") as usize;
            (open == n).then_some(())
        });
    };
    let mut sleepers: Vec<TcpStream> = (0..SLEEPERS).map(|_| sleeper(&dashboard.address)).collect();
    let vanishing: Vec<TcpStream> = (0..VANISHED).map(|_| sleeper(&dashboard.address)).collect();
    let readers: Vec<_> = (0..READERS).map(|_| read_all(dashboard.events(""))).collect();
    streams(READERS + SLEEPERS + VANISHED);
    // Some close, the others only say that they will send no more, as a laptop that is shut does at best.
    for (n, stream) in vanishing.iter().enumerate() {
        stream.shutdown(if n % 2 == 0 { Shutdown::Both } else { Shutdown::Write }).unwrap();
    }

    // Far more than the network holds for those who sleep.
    let mut topic = shop.topic();
    let long = "x".repeat(380);
    let mut peak = 0;
    for sent in (0..TOTAL).step_by(500) {
        for n in 0..500 {
            let changes = json!({"description": long, "country": long});
            let order = topic.order(Some(12_346 + n % 10), "Churn Risk", changes);
            topic.send(order.to_string().as_bytes());
        }
        topic.flush();
        // The embedded broker keeps some thousand of them.
        wait_for("the orders of before", || {
            let total = dashboard.get("/api/live").data()["total"].as_u64()?;
            (total + 2_000 >= sent).then_some(())
        });
        // Meanwhile the rest of the page is served.
        assert_eq!(dashboard.get("/api/customers/12347").status, 200);
        peak = peak.max(dashboard.memory_mib());
    }
    // Who reads is told of what came last, and was shown orders.
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    let [ring, bytes] = ["ring_orders", "ring_bytes"]
        .map(|name| dashboard.metric(&format!("rfm_dashboard_{name}")));
    assert!(bytes <= 33.0 * 1_048_576.0 && ring > 1_000.0, "{ring} orders, {bytes} bytes");
    peak = peak.max(dashboard.memory_mib());
    assert!(peak < 300, "{peak} MiB");

    // A sleeper that wakes up in time is told what it has missed, one that took nothing for too long has been let go.
    for stream in &mut sleepers {
        let (mut buffer, mut text) = (vec![0; 1 << 16], String::new());
        while !text.contains("event: gap") {
            let Ok(n @ 1..) = stream.read(&mut buffer) else { break };
            text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            let keep = text.len().saturating_sub(1 << 18);
            let keep = (keep..text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
            text.drain(..keep);
        }
    }
    drop((sleepers, vanishing));
    streams(0);
    dashboard.stop();
}

/// Reads until all orders are counted; gives how many were listed.
fn read_all(mut events: Events) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut listed = 0;
        loop {
            let event = events.next().expect("the stream ended");
            match event.name.as_str() {
                "orders" => listed += event.data["n"].as_u64().unwrap(),
                "stats" if event.data["total"] == json!(TOTAL) => return listed,
                _ => {}
            }
        }
    })
}
