//! Calls to the metastore: several servers, time-outs, repetition.
//!
//! A call goes to the server that answered last. When that one does not answer, the others are tried, and then all
//! of them again with growing pauses, until the time to keep trying is over. So every call here may reach a metastore
//! twice, also when the first time had its effect: callers take `AlreadyExists` after all for what it is.

mod partitions;

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hive_metastore::{
    Database, EnvironmentContext, GetTableRequest, Table, ThriftHiveMetastoreClient,
    ThriftHiveMetastoreClientBuilder,
};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use volo_thrift::codec::default::DefaultMakeCodec;

use crate::address::Address;
use crate::answer::{Failure, Refusal, answer};
use crate::calls::or_none;
use crate::connect::Connect;
use crate::error::{MetastoreError, MetastoreErrorKind};

/// What the first repetition waits; each further one twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom to call and how long to wait.
#[derive(Clone, Debug)]
pub struct MetastoreSettings {
    /// The servers, in the order in which they are tried. All of them have the same database behind them.
    pub uris: Vec<Address>,
    /// Who calls: the owner of what is created.
    pub user: String,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long a call is tried again while no server answers.
    pub keep_trying: Duration,
}

/// A metastore behind one or several servers.
pub struct Metastore {
    settings: MetastoreSettings,
    servers: Vec<(Address, ThriftHiveMetastoreClient)>,
    /// The server that answered last.
    current: AtomicUsize,
    /// Until the end.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl std::fmt::Debug for Metastore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metastore").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Metastore {
    /// Touches no server yet.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(settings: MetastoreSettings) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("metastore")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let inside = handle.enter();
        let connect_timeout = CONNECT_TIMEOUT.min(settings.timeout);
        let servers = settings.uris.iter().map(|uri| {
            let connect = Connect::new(&uri.host, uri.port, &settings.user, connect_timeout);
            let client = ThriftHiveMetastoreClientBuilder::new("hive-metastore")
                // A Hive metastore speaks plain buffered Thrift, not the library's own default.
                .make_codec(DefaultMakeCodec::buffered())
                .make_transport(connect)
                // The time limit is set below, for with this one a server that is too slow cannot be told from one that
                // answers with an error.
                .disable_timeout_layer()
                // Connections are made by name; this is only a key in the pool, which each client has to itself.
                .address(std::net::SocketAddr::from(([127, 0, 0, 1], uri.port)))
                .build();
            (uri.clone(), client)
        });
        let servers = servers.collect();
        drop(inside);
        let current = AtomicUsize::new(0);
        Ok(Self { settings, servers, current, runtime: Some(runtime), handle })
    }

    /// The servers, for messages.
    pub(crate) fn servers(&self) -> String {
        self.settings.uris.iter().map(Address::to_string).collect::<Vec<_>>().join(",")
    }

    /// Who the calls are made for.
    pub(crate) fn user(&self) -> &str {
        &self.settings.user
    }

    /// `None` when there is no such database.
    pub fn get_database(&self, name: &str) -> Result<Option<Database>, MetastoreError> {
        let found = self.call(
            "read",
            || format!("database {name}"),
            |client| {
                let name = name.to_owned().into();
                async move { answer(client.get_database(name).await) }
            },
        );
        or_none(found)
    }

    pub(crate) fn create_database(&self, database: &Database) -> Result<(), MetastoreError> {
        let name = database.name.clone().unwrap_or_default();
        self.call(
            "create",
            || format!("database {name}"),
            |client| {
                let database = database.clone();
                async move { answer(client.create_database(database).await) }
            },
        )
    }

    /// A table or view; `None` when there is none of that name.
    pub fn get_table(&self, database: &str, name: &str) -> Result<Option<Table>, MetastoreError> {
        let found = self.call(
            "read",
            || format!("table {database}.{name}"),
            |client| {
                let req = GetTableRequest {
                    db_name: database.to_owned().into(),
                    tbl_name: name.to_owned().into(),
                    ..Default::default()
                };
                // Not get_table: Hive 4 has removed it.
                async move { answer(client.get_table_req(req).await) }
            },
        );
        Ok(or_none(found)?.map(|result| result.table))
    }

    pub(crate) fn create_table(&self, table: &Table) -> Result<(), MetastoreError> {
        self.call(
            "create",
            || name_of(table),
            |client| {
                let table = table.clone();
                async move { answer(client.create_table(table).await) }
            },
        )
    }

    /// Replaces the definition of a table or view. `expected` is a parameter that must still have this value on the
    /// server; Hive 3.1 does not look at it.
    pub(crate) fn alter_table(
        &self,
        table: &Table,
        expected: Option<(&str, &str)>,
    ) -> Result<(), MetastoreError> {
        let mut properties = vec![("DO_NOT_UPDATE_STATS", "true")];
        if let Some((key, value)) = expected {
            properties
                .extend([("expected_parameter_key", key), ("expected_parameter_value", value)]);
        }
        self.call(
            "change",
            || name_of(table),
            |client| {
                let database = table.db_name.clone().unwrap_or_default();
                let name = table.table_name.clone().unwrap_or_default();
                let (table, context) = (table.clone(), context(&properties));
                let call = async move {
                    client
                        .alter_table_with_environment_context(database, name, table, context)
                        .await
                };
                async move { answer(call.await) }
            },
        )
    }

    /// Makes one call, on whichever server answers.
    fn call<T, F>(
        &self,
        action: &'static str,
        object: impl Fn() -> String,
        call: impl Fn(ThriftHiveMetastoreClient) -> F,
    ) -> Result<T, MetastoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        let error = |kind, source| MetastoreError {
            action,
            object: object(),
            server: format!("the Hive metastore at {}", self.servers()),
            kind,
            advice: advice(kind).into(),
            source,
        };
        loop {
            let first = self.current.load(Ordering::Relaxed);
            let mut last = None;
            for turn in 0..self.servers.len() {
                let index = (first + turn) % self.servers.len();
                let (uri, client) = &self.servers[index];
                match self.wait_for(call(client.clone())) {
                    Ok(value) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Ok(value);
                    }
                    Err(Failure::Refused(Refusal { kind, message })) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Err(error(kind, message.into()));
                    }
                    Err(Failure::Protocol(source)) => {
                        return Err(error(MetastoreErrorKind::Protocol, source));
                    }
                    Err(Failure::Unreachable(source)) => {
                        tracing::debug!(%uri, error = %source, "no answer");
                        last = Some(source);
                    }
                }
            }
            if start.elapsed() + pause >= self.settings.keep_trying {
                let source = last.unwrap_or_else(|| "no server is configured".into());
                return Err(error(MetastoreErrorKind::Unreachable, source));
            }
            if pause == FIRST_PAUSE {
                tracing::warn!(
                    servers = self.servers(),
                    "the Hive metastore does not answer; trying again"
                );
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits for a call, on any thread: also on one that must not block on a runtime of its own.
    fn wait_for<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let timeout = self.settings.timeout;
        let call = async move {
            let result = match tokio::time::timeout(timeout, call).await {
                Ok(result) => result,
                Err(_) => Err(Failure::Unreachable(format!("no answer within {timeout:?}").into())),
            };
            // Nobody waits any more only if the process is ending.
            let _ = sender.send(result);
        };
        // The Thrift library writes each failure to the log as an error, also those that the next try makes good.
        self.handle.spawn(call.with_subscriber(NoSubscriber::default()));
        // The sender is gone when the library has panicked, which it does at answers without a result.
        receiver.recv().unwrap_or_else(|_| {
            Err(Failure::Protocol("an answer that is none to this call".into()))
        })
    }
}

impl Drop for Metastore {
    /// Also on a thread of another runtime, where a runtime must not be waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the user can do, at the end of a sentence.
fn advice(kind: MetastoreErrorKind) -> &'static str {
    match kind {
        MetastoreErrorKind::NotFound => ": it is not there",
        MetastoreErrorKind::AlreadyExists => ": it is there already",
        MetastoreErrorKind::Modified => ": somebody else has changed it meanwhile",
        MetastoreErrorKind::Refused => "",
        MetastoreErrorKind::Unavailable => {
            ": the database behind it does not answer; try again later"
        }
        MetastoreErrorKind::Unreachable => {
            ": it does not answer; check that it runs and that catalog.uris or hive-site.xml names it"
        }
        MetastoreErrorKind::Protocol => {
            ": its answer is not understood; Hive 3.1 and 4.0 without Kerberos are supported"
        }
    }
}

fn context(properties: &[(&str, &str)]) -> EnvironmentContext {
    let properties = properties
        .iter()
        .map(|(key, value)| ((*key).to_owned().into(), (*value).to_owned().into()))
        .collect();
    EnvironmentContext { properties: Some(properties) }
}

fn name_of(table: &Table) -> String {
    let kind = match table.table_type.as_deref() {
        Some("VIRTUAL_VIEW") => "view",
        _ => "table",
    };
    let part = |part: &Option<pilota::FastStr>| part.as_deref().unwrap_or_default().to_owned();
    format!("{kind} {}.{}", part(&table.db_name), part(&table.table_name))
}
