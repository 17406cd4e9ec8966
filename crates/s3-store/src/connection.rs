//! The way to one bucket: where the client is made, at the first call.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use network_store::Threads;
use store::StoreErrorKind;
use tokio::sync::OnceCell;

use crate::problem::Problem;
use crate::settings::Settings;

pub(crate) static THREADS: Threads = Threads::new("S3");

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to begin its answer. To copy a gigabyte inside S3 takes some ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// What servers that are not AWS are told when nothing is configured; most do not care.
const ANY_REGION: &str = "us-east-1";

/// The AWS settings of this process, which are looked for once.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    sdk: OnceCell<Sdk>,
}

#[derive(Clone, Debug)]
struct Sdk {
    config: SdkConfig,
    /// Whether somebody has said when requests carry checksums.
    says_checksums: bool,
    /// Whether the region was given to this program, and is not that of a profile or of the machine.
    says_region: bool,
}

impl Shared {
    /// With settings that the program has already.
    pub(crate) fn with(config: SdkConfig) -> Self {
        let says_checksums = config.request_checksum_calculation().is_some();
        let says_region = config.region().is_some();
        Self { sdk: OnceCell::new_with(Some(Sdk { config, says_checksums, says_region })) }
    }

    async fn sdk(&self) -> &Sdk {
        let load = || async {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            Sdk {
                says_checksums: is_set("AWS_REQUEST_CHECKSUM_CALCULATION"),
                says_region: is_set("AWS_REGION") || is_set("AWS_DEFAULT_REGION"),
                config: aws_config::defaults(BehaviorVersion::latest()).load().await,
            }
        };
        self.sdk.get_or_init(load).await
    }
}

/// The way to one bucket, whatever scheme it was addressed by.
pub(crate) struct Connection {
    pub bucket: String,
    settings: Settings,
    shared: Arc<Shared>,
    ready: OnceCell<Ready>,
    /// Markers of folders that are there, as far as this process knows.
    pub folders: Mutex<HashSet<String>>,
    /// Whether the server was seen to obey the condition of a request.
    pub obeys_conditions: AtomicBool,
}

/// What a call needs.
#[derive(Clone)]
pub(crate) struct Ready {
    pub client: Client,
    /// Who is asked, for messages.
    pub asked: Arc<str>,
    /// Whether it is a server that is not AWS, as far as one can tell.
    pub is_other_server: bool,
}

impl Connection {
    pub(crate) fn new(bucket: &str, settings: Settings, shared: Arc<Shared>) -> Self {
        Self {
            bucket: bucket.to_owned(),
            settings,
            shared,
            ready: OnceCell::new(),
            folders: Mutex::default(),
            obeys_conditions: AtomicBool::new(false),
        }
    }

    /// Runs the future and waits for it, on any thread.
    pub(crate) fn wait<T: Send + 'static>(
        self: &Arc<Self>,
        future: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        THREADS
            .wait(future)
            .unwrap_or_else(|text| Err(Problem::new(StoreErrorKind::Other, text, &self.asked())))
    }

    /// Who is asked, as far as that is known.
    pub(crate) fn asked(&self) -> Arc<str> {
        match self.ready.get() {
            Some(ready) => ready.asked.clone(),
            None => format!("bucket {}", self.bucket).into(),
        }
    }

    /// The client.
    ///
    /// # Errors
    /// No region is known.
    pub(crate) async fn ready(&self) -> Result<&Ready, Problem> {
        self.ready.get_or_try_init(|| self.make()).await
    }

    /// The only place where a client is made.
    async fn make(&self) -> Result<Ready, Problem> {
        let Sdk { config, says_checksums, says_region } = self.shared.sdk().await;
        let endpoint = configured_endpoint(config).or_else(|| self.settings.endpoint.clone());
        let is_other_server =
            endpoint.as_deref().is_some_and(|endpoint| !endpoint.contains(".amazonaws.com"));
        let of_hadoop = self.settings.region.clone().filter(|_| !says_region);
        let region = of_hadoop.or_else(|| config.region().map(ToString::to_string));
        let region = match region {
            Some(region) => region,
            None if is_other_server => ANY_REGION.to_owned(),
            None => {
                let problem =
                    "no AWS region is known: set AWS_REGION, or the region of the AWS profile";
                return Err(Problem::new(StoreErrorKind::Address, problem, &self.asked()));
            }
        };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ANSWER_TIMEOUT)
            .build();
        let asked = match &endpoint {
            Some(endpoint) => format!("bucket {} at {endpoint}", self.bucket),
            None => format!("bucket {} in region {region}", self.bucket),
        };
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .region(Region::new(region))
            .timeout_config(timeouts)
            // What is in the path needs neither a DNS entry nor a certificate for each bucket.
            .force_path_style(self.settings.path_style.unwrap_or(endpoint.is_some()));
        builder.set_endpoint_url(endpoint);
        if is_other_server && !says_checksums {
            // Not all of them know the checksums that AWS wants to have with every request.
            builder =
                builder.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        }
        let client = Client::from_conf(builder.build());
        Ok(Ready { client, asked: asked.into(), is_other_server })
    }
}

/// `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or what the profile has in their place.
fn configured_endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let of_service = config.service_config().and_then(|service| service.load_config(key));
    of_service.or_else(|| config.endpoint_url().map(str::to_owned))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.bucket).finish()
    }
}
