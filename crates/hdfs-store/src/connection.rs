//! The connection to the NameNodes behind one address: where clients are made and calls get their deadline.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hdfs_native::{Client, ClientBuilder};
use network_store::Threads;
use store::StoreErrorKind;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::address::{Service, Target};
use crate::problem::Problem;
use crate::settings::Settings;

/// Never dropped: `hdfs-native` keeps connections to DataNodes in a static of its own.
pub(crate) static THREADS: Threads = Threads::new("HDFS");

/// How often a call that may be repeated is tried when connections fail.
const ATTEMPTS: u32 = 3;
/// Before the second attempt; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a NameNode may take to accept a connection to come before those that did not. Java's client goes on to the
/// next one after 20 s.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// So that `hdfs-native` reads no files of its own: it is given all settings. There can be no file below this.
const NO_CONFIG_DIR: &str = "/dev/null";

/// Whether a call may be made again when it is not known if the first one arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    /// It changes nothing, or doing it twice is the same as once.
    Yes,
    /// The second call would fail on what the first one did.
    No,
}

/// The connection to the NameNodes behind one address.
pub(crate) struct Connection {
    pub target: Target,
    pub settings: Settings,
    pub asked: Arc<str>,
    /// Made at the first call.
    client: Mutex<Option<Client>>,
    /// Calls that missed their deadline.
    missed: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(target: Target, settings: Settings) -> Self {
        let asked = target.asked.as_str().into();
        Self { target, settings, asked, client: Mutex::new(None), missed: AtomicUsize::new(0) }
    }

    /// Calls and waits, from any thread. `op` may be called several times.
    pub(crate) fn call<T, F, Fut>(self: &Arc<Self>, repeat: Repeat, op: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = hdfs_native::Result<T>> + Send,
    {
        let this = self.clone();
        self.wait(async move { this.call_within(this.settings.rpc_timeout, repeat, op).await })
    }

    /// Runs the future and waits for it.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        THREADS
            .wait(future)
            .unwrap_or_else(|text| Err(Problem::new(StoreErrorKind::Other, text, &self.asked)))
    }

    /// The same within a future; each attempt has the deadline.
    pub(crate) async fn call_within<T, F, Fut>(
        &self,
        deadline: Duration,
        repeat: Repeat,
        op: F,
    ) -> Result<T, Problem>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = hdfs_native::Result<T>>,
    {
        let mut deadlines_missed = 0;
        let mut attempt = 1;
        loop {
            let client = self.client().await?;
            let problem = match timeout(deadline, op(client)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => Problem::of(error, &self.asked),
                Err(_) => {
                    deadlines_missed += 1;
                    self.forget_order().await;
                    Problem::deadline(deadline, &self.asked)
                }
            };
            // Of several NameNodes another one may answer in time; a single one had its time.
            let another = deadlines_missed == 1 && !self.target.services.is_empty();
            if repeat == Repeat::No || attempt == ATTEMPTS || !(problem.is_connection || another) {
                return Err(problem);
            }
            sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }

    async fn client(&self) -> Result<Client, Problem> {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let new = self.new_client().await?;
        *client = Some(new.clone());
        Ok(new)
    }

    /// The only place where a client is made: authentication belongs here.
    async fn new_client(&self) -> Result<Client, Problem> {
        let other = |text| Problem::new(StoreErrorKind::Other, text, &self.asked);
        let mut settings = self.target.settings.clone();
        for service in &self.target.services {
            let missed = self.missed.load(Ordering::Relaxed);
            settings.extend(in_order(service, missed).await.settings());
            // It would undo the order.
            let random = format!("dfs.client.failover.random.order.{}", service.name);
            settings.insert(random, "false".to_owned());
        }
        // hdfs-native would go on for minutes. Each NameNode is asked twice, a single one once: `call_within` does the rest.
        let namenodes: usize = self.target.services.iter().map(|s| s.namenodes.len()).sum();
        settings.insert("dfs.client.failover.max.attempts".to_owned(), (2 * namenodes).to_string());
        ClientBuilder::new()
            .with_url(&self.target.url)
            .with_config_dir(NO_CONFIG_DIR)
            .with_config(settings)
            .with_io_runtime(THREADS.handle().map_err(other)?)
            .build()
            .map_err(|error| Problem::of(error, &self.asked))
    }

    /// The next call begins with another NameNode. Files that are open keep their client.
    async fn forget_order(&self) {
        if !self.target.services.is_empty() {
            self.missed.fetch_add(1, Ordering::Relaxed);
            *self.client.lock().await = None;
        }
    }
}

/// With the NameNodes first that accept connections, of which each comes first in turn: `hdfs-native` asks them in
/// this order and gives none of them a deadline, so that one whose machine is gone, or which hangs, would hold up every
/// call.
async fn in_order(service: &Service, turn: usize) -> Service {
    let mut probes = JoinSet::new();
    for (index, (_, address)) in service.namenodes.iter().enumerate() {
        let address = address.clone();
        probes.spawn(async move {
            let connected = timeout(PROBE_TIMEOUT, TcpStream::connect(address)).await;
            (index, matches!(connected, Ok(Ok(_))))
        });
    }
    let mut is_reachable = vec![false; service.namenodes.len()];
    while let Some(probe) = probes.join_next().await {
        if let Ok((index, reached)) = probe
            && let Some(is_reachable) = is_reachable.get_mut(index)
        {
            *is_reachable = reached;
        }
    }
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for (namenode, is_reachable) in service.namenodes.iter().zip(is_reachable) {
        if is_reachable { first.push(namenode.clone()) } else { last.push(namenode.clone()) }
    }
    if !first.is_empty() {
        let turn = turn % first.len();
        first.rotate_left(turn);
    }
    first.append(&mut last);
    Service { name: service.name.clone(), namenodes: first }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.target.uri).finish()
    }
}
