//! How a job that runs for long is seen and stopped from outside: metrics, health, signals.
//!
//! - [`Health`]: whether the job is ready, and whether its threads are alive.
//! - [`Metrics`]: counters, gauges and latencies, with those of the process itself.
//! - [`Server`]: both over HTTP, at `/metrics`, `/healthz` and `/readyz`, from a thread of its own.
//! - [`signals`]: SIGTERM and SIGINT as a [`Stop`] that any thread can wait for.
//! - [`latency::Histogram`]: quantiles for the terminal, buckets for Prometheus.
//!
//! Nothing here needs an asynchronous runtime in the job.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//!
//! use service_kit::{Health, Metrics, Server, endpoints, signals};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stop = signals::listen()?;
//! let health = Health::new();
//! let assigned = health.condition("assigned", "no partitions have been assigned yet");
//! let metrics = Metrics::new("rfm-streaming", "0.1.0");
//! let orders = metrics.counter("orders", "Order lines that were tagged");
//! let commits = metrics.latency("commit_duration", "Time from closing the files to the manifest");
//! let server = Server::start("127.0.0.1:9464".parse()?, endpoints(&health, &metrics))?;
//!
//! let worker = health.heartbeat("worker", Duration::from_secs(60));
//! while !stop.wait_timeout(Duration::from_millis(100)) {
//!     worker.beat();
//!     assigned.set();
//!     let start = Instant::now();
//!     orders.inc_by(500);
//!     commits.record(start.elapsed());
//! }
//! drop(server);
//! # Ok(())
//! # }
//! ```

mod health;
pub mod latency;
mod metrics;
mod server;
pub mod signals;

pub use axum::Router;
pub use prometheus_client;

pub use self::health::{Condition, Health, Heartbeat, Missing, Stalled};
pub use self::metrics::{LabelPairs, Metrics};
pub use self::server::{Limits, ServeError, Server, endpoints};
pub use self::signals::{Signal, Stop};
