//! Requests to Glue: who asks, time-outs, repetition.

use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use hive_catalog::{MetastoreError, MetastoreErrorKind};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::answer::{Failure, described};

/// What the first repetition waits; each further one twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// By AWS's client itself, with pauses of its own, before a failure is seen here.
const ATTEMPTS: u32 = 3;

macro_rules! operations {
    ($($name:ident)*) => {
        /// A request, by the name that AWS has for it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Operation {
            $($name,)*
        }

        impl Operation {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }

        /// All requests that are made. Each needs the right `glue:NAME`.
        pub const OPERATIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

operations! {
    BatchCreatePartition
    BatchGetPartition
    CreateDatabase
    CreatePartition
    CreateTable
    DeletePartition
    GetDatabase
    GetPartitions
    GetTable
    UpdatePartition
    UpdateTable
}

/// Which catalog, and how long to wait.
#[derive(Clone, Debug)]
pub struct GlueSettings {
    /// The account that has the catalog; without it the one that asks.
    pub catalog_id: Option<String>,
    /// Owner of what is created.
    pub user: String,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long a request is made again while Glue does not answer, or asks for patience.
    pub keep_trying: Duration,
}

/// The Data Catalog of an account in a region.
pub struct Glue {
    pub(crate) settings: GlueSettings,
    client: OnceLock<Client>,
    region: OnceLock<String>,
    /// Until the end.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl std::fmt::Debug for Glue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Glue").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Glue {
    /// With the region, the credentials and the address (`AWS_ENDPOINT_URL_GLUE`) of AWS's usual places: environment,
    /// profile, container, instance. They are looked for when the first request is made.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(settings: GlueSettings) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("glue")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (client, region) = (OnceLock::new(), OnceLock::new());
        Ok(Self { settings, client, region, runtime: Some(runtime), handle })
    }

    /// With a configuration that somebody has loaded already.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn with_config(config: &SdkConfig, settings: GlueSettings) -> io::Result<Self> {
        let glue = Self::new(settings)?;
        glue.configure(config);
        Ok(glue)
    }

    fn configure(&self, config: &SdkConfig) {
        if let Some(region) = config.region() {
            let _ = self.region.set(region.to_string());
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(self.settings.timeout))
            .operation_attempt_timeout(self.settings.timeout)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        let config = aws_sdk_glue::config::Builder::from(config)
            .timeout_config(timeouts)
            .retry_config(retries)
            .build();
        let _ = self.client.set(Client::from_conf(config));
    }

    /// AWS's client, which is made when it is first needed.
    fn client(&self) -> Result<Client, Failure> {
        if self.client.get().is_none() {
            let load = async { Ok(aws_config::defaults(BehaviorVersion::latest()).load().await) };
            let config = self.wait_for(load)?;
            self.configure(&config);
        }
        // Without a region each request would fail with words of the client's insides.
        match self.client.get() {
            Some(client) if self.region.get().is_some() => Ok(client.clone()),
            _ => Err(Failure::no_region()),
        }
    }

    /// Whom messages are about.
    fn server(&self) -> String {
        let region = self.region.get().map(|region| format!(" of {region}")).unwrap_or_default();
        let account = self.settings.catalog_id.as_deref();
        let account = account.map(|id| format!(" (account {id})")).unwrap_or_default();
        format!("the Glue Data Catalog{region}{account}")
    }

    pub(crate) fn error(
        &self,
        action: &'static str,
        object: String,
        failure: Failure,
    ) -> MetastoreError {
        let Failure { kind, advice, source } = failure;
        MetastoreError { action, object, server: self.server(), kind, advice, source }
    }

    /// Makes one request, again and again while that may help.
    pub(crate) fn call<T, E, F>(
        &self,
        operation: Operation,
        action: &'static str,
        object: impl Fn() -> String,
        request: impl Fn(Client) -> F,
    ) -> Result<T, MetastoreError>
    where
        T: Send + 'static,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E>>> + Send + 'static,
    {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.client().and_then(|client| {
                let request = request(client);
                self.wait_for(async move {
                    request.await.map_err(|error| Failure::of(operation, error))
                })
            });
            let failure = match answer {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let may_help = matches!(
                failure.kind,
                MetastoreErrorKind::Unavailable | MetastoreErrorKind::Unreachable
            );
            if !may_help || start.elapsed() + pause >= self.settings.keep_trying {
                return Err(self.error(action, object(), failure));
            }
            if pause == FIRST_PAUSE {
                let (request, error) = (operation.name(), described(&*failure.source));
                tracing::warn!(request, error, "Glue does not answer as it should; trying again");
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits for an answer, on any thread: also on one that must not block on a runtime of its own.
    fn wait_for<T: Send + 'static>(
        &self,
        answer: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Nobody waits any more only if the process is ending.
            let _ = sender.send(answer.await);
        });
        receiver.recv().unwrap_or_else(|_| Err(Failure::broken("the request was given up".into())))
    }
}

impl Drop for Glue {
    /// Also on a thread of another runtime, where a runtime must not be waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
