//! A proxy before a metastore that cuts a connection, or does something else, when it sees a certain call.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use hive_catalog::Address;

/// What happens, once, when a call is seen.
pub(crate) enum Rule {
    /// The metastore gets the call, and its answer is lost with the connection.
    LoseAnswer,
    /// This runs to its end before the metastore gets the call.
    Before(Box<dyn FnOnce() + Send>),
    /// This runs to its end, and then the call is refused: the metastore does not get it.
    Refuse(Box<dyn FnOnce() + Send>),
}

type Rules = Arc<Mutex<Vec<(&'static str, Rule)>>>;

pub(crate) struct Proxy {
    pub(crate) uri: String,
    rules: Rules,
}

impl Proxy {
    pub(crate) fn new(target: &str) -> Self {
        let Address { host, port } = target.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("thrift://{}", listener.local_addr().unwrap());
        let rules = Rules::default();
        // Until the process ends.
        std::thread::spawn({
            let rules = rules.clone();
            move || {
                for client in listener.incoming() {
                    let server = TcpStream::connect((host.as_str(), port));
                    if let (Ok(client), Ok(server)) = (client, server) {
                        forward(client, server, &rules);
                    }
                }
            }
        });
        Self { uri, rules }
    }

    pub(crate) fn on(&self, call: &'static str, rule: Rule) {
        self.rules.lock().unwrap().push((call, rule));
    }

    /// That all rules have been used.
    pub(crate) fn check(&self) {
        let left: Vec<_> = self.rules.lock().unwrap().iter().map(|(call, _)| *call).collect();
        assert_eq!(left, [""; 0], "these calls were not made");
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, rules: &Rules) {
    let (mut from_server, mut to_client) =
        (server.try_clone().unwrap(), client.try_clone().unwrap());
    let lose = Arc::new(Mutex::new(false));
    std::thread::spawn({
        let lose = lose.clone();
        move || {
            copy(&mut from_server, |bytes| {
                if *lose.lock().unwrap() { false } else { to_client.write_all(bytes).is_ok() }
            });
            let _ = from_server.shutdown(Shutdown::Both);
            let _ = to_client.shutdown(Shutdown::Both);
        }
    });
    let rules = rules.clone();
    let mut answer = client.try_clone().unwrap();
    std::thread::spawn(move || {
        copy(&mut client, |bytes| {
            match rule_for(bytes, &rules) {
                Some(Rule::LoseAnswer) => *lose.lock().unwrap() = true,
                Some(Rule::Before(action)) => action(),
                Some(Rule::Refuse(action)) => {
                    action();
                    return answer.write_all(&refusal(bytes)).is_ok();
                }
                None => {}
            }
            server.write_all(bytes).is_ok()
        });
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// What a metastore answers to this call, if it is one in one piece, when it has failed at something.
fn refusal(call: &[u8]) -> Vec<u8> {
    let name_end = 8 + usize::from(call[7]);
    let message = b"Exception thrown flushing changes to datastore";
    let mut answer = vec![0x80, 1, 0, 3];
    // Name and number of the call.
    answer.extend(&call[4..name_end + 4]);
    // The message, an error inside the server, and the end.
    answer.extend([11, 0, 1, 0, 0, 0, message.len() as u8]);
    answer.extend(message);
    answer.extend([8, 0, 2, 0, 0, 0, 6, 0]);
    answer
}

fn copy(from: &mut TcpStream, mut to: impl FnMut(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if !to(&bytes[..length]) {
            return;
        }
    }
}

/// The rule for the call that these bytes begin. Calls come one after the other, each in one piece or more.
fn rule_for(bytes: &[u8], rules: &Rules) -> Option<Rule> {
    let name = bytes.strip_prefix(&[0x80, 1, 0, 1])?.get(4..)?;
    let mut rules = rules.lock().unwrap();
    let found = rules.iter().position(|(call, _)| {
        let end = name.get(call.len()..call.len() + 2);
        // The number of the call follows, which begins with zeros.
        name.starts_with(call.as_bytes()) && end == Some(&[0, 0])
    })?;
    Some(rules.remove(found).1)
}
