//! The job: threads that watch the warehouse and read Kafka, and the server that answers from what they hold.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use job_kit::exit::UsageError;
use kafka_client::Connection;
use service_kit::{Health, Stop};
use tokio::runtime::Builder;

use crate::batch::{Batch, Limits};
use crate::cli::Cli;
use crate::config::{Place, Settings};
use crate::http::{App, Assets, Auth, routes};
use crate::live::{FeedSource, Hub, RingLimits, run_feed};
use crate::metrics::JobMetrics;
use crate::server::{Server, tls};

/// Longest time that a call of the catalog, with the reading of a large snapshot, takes.
const WATCH_LIMIT: Duration = Duration::from_secs(600);
/// The same for Kafka.
const FEED_LIMIT: Duration = Duration::from_secs(120);
/// Threads that read files for requests.
const READERS: usize = 16;

/// Serves until it is stopped.
pub(crate) fn run(cli: &Cli, settings: &Settings, stop: &Stop) -> anyhow::Result<()> {
    let dashboard = &settings.dashboard;
    let place = Place::open(settings)?;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let batch = Arc::new(Batch::new(
        place,
        Limits {
            refresh: dashboard.refresh.get(),
            lookup_bytes: size(dashboard.lookup_cache.bytes()),
            snapshot_bytes: size(dashboard.snapshot_cache.bytes()),
        },
    ));
    let ring =
        RingLimits { orders: dashboard.ring_orders, bytes: size(dashboard.ring_bytes.bytes()) };
    let hub = Arc::new(Hub::new(dashboard.topic.clone(), ring, dashboard.max_streams));
    let (health, metrics) = (Health::new(), JobMetrics::new());
    metrics.watch(Arc::clone(&hub), Arc::clone(&batch));
    let announce = Arc::clone(&hub);
    batch.on_snapshot(move |snapshot| {
        announce.announce_snapshot(
            snapshot.date.as_str(),
            &snapshot.run_id,
            snapshot.as_of.as_deref(),
        );
    });

    let acceptor = match (&dashboard.tls_certificate, &dashboard.tls_key) {
        (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
        _ => None,
    };
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let address = settings.listen().map_err(UsageError)?;
    let runtime = Builder::new_multi_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(READERS)
        .thread_name("http")
        .build()
        .context("the server cannot be started")?;
    let server = runtime.block_on(Server::bind(address, acceptor, dashboard.max_streams))?;
    let address = server.address()?;

    let watching = start_watch(&batch, &health, stop)?;
    let feeding = start_feed(settings, &hub, &health, &metrics, stop)?;
    let app = App {
        batch,
        hub: Arc::clone(&hub),
        auth: Auth::new(dashboard),
        assets: Assets::new(cli.run.assets.clone()),
        metrics,
        health,
        currency: dashboard.currency.clone(),
        stale_after: dashboard.stale_after.get(),
        hosts: Arc::new(
            dashboard.hosts.iter().cloned().chain([address.ip().to_string()]).collect(),
        ),
        requests: Arc::new(AtomicU64::new(1)),
    };
    let sign_in = if app.auth.is_needed() { "required" } else { "none" };
    let live = dashboard.topic.as_deref().unwrap_or("not configured");
    tracing::info!(url = format!("{scheme}://{address}/"), sign_in, live, "serving");
    let ticking = Arc::clone(&hub);
    runtime.spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            second.tick().await;
            ticking.tick();
        }
    });
    let asked = {
        let stop = stop.clone();
        let (told, heard) = tokio::sync::oneshot::channel();
        thread::Builder::new().name("stop".to_owned()).spawn(move || {
            stop.wait();
            // Streams would keep the server for ever.
            hub.close();
            let _ = told.send(());
        })?;
        heard
    };
    runtime.block_on(server.run(routes(app), async move {
        let _ = asked.await;
    }));
    runtime.shutdown_background();
    for thread in [Some(watching), feeding].into_iter().flatten() {
        // One that waits for a server that is away ends with the process.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn start_watch(
    batch: &Arc<Batch>,
    health: &Health,
    stop: &Stop,
) -> anyhow::Result<thread::JoinHandle<()>> {
    let ready = health.condition("snapshot", "the newest snapshot is not loaded yet");
    let heartbeat = health.heartbeat("watch", WATCH_LIMIT);
    let (batch, stop) = (Arc::clone(batch), stop.clone());
    let watch = move || batch.watch(&stop, &ready, &heartbeat);
    thread::Builder::new()
        .name("watch".to_owned())
        .spawn(watch)
        .context("no thread for the warehouse")
}

fn start_feed(
    settings: &Settings,
    hub: &Arc<Hub>,
    health: &Health,
    metrics: &JobMetrics,
    stop: &Stop,
) -> anyhow::Result<Option<thread::JoinHandle<()>>> {
    let Some(topic) = settings.dashboard.topic.clone() else { return Ok(None) };
    let connection = Connection::new(&settings.kafka, "rfm-dashboard")
        .map_err(|error| UsageError(format!("{:#}", anyhow::Error::new(error))))?;
    let source = FeedSource {
        connection,
        topic,
        group: settings.dashboard.group.clone(),
        prefill: settings.dashboard.prefill,
    };
    let heartbeat = health.heartbeat("feed", FEED_LIMIT);
    let (hub, metrics, stop) = (Arc::clone(hub), metrics.clone(), stop.clone());
    let feed = move || run_feed(&source, &hub, &metrics, &stop, &heartbeat);
    let thread = thread::Builder::new().name("feed".to_owned()).spawn(feed);
    thread.map(Some).context("no thread for Kafka")
}
