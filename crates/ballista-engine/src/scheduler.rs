//! The process `rfm-scheduler`: Ballista's scheduler with our operator and times.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use store::{Location, chain};
use tokio::net::TcpListener;

use crate::address::publish;
use crate::client::MESSAGE_BYTES;
use crate::codec::OrderRunsCodec;
use crate::executor::stop_signal;
use crate::failure::ClusterError;

/// How a scheduler runs.
#[derive(Debug)]
pub struct SchedulerSettings {
    /// Where it listens.
    pub bind: IpAddr,
    /// Its port; 0 for one that is free.
    pub port: u16,
    /// Its host as others know it; without it the address it listens on, or this machine's name.
    pub advertise: Option<String>,
    /// Where its address is written to.
    pub endpoint_file: Option<Location>,
    /// How many executors a job waits for.
    pub executors: usize,
    /// How long an executor may be silent. Two heartbeats have to fit.
    pub executor_timeout: Duration,
}

/// Runs until it is told to stop.
///
/// # Errors
/// An address that cannot be listened on, or a file that cannot be written.
pub async fn run_scheduler(settings: SchedulerSettings) -> Result<(), ClusterError> {
    let SchedulerSettings { bind, port, endpoint_file, executors, executor_timeout, .. } =
        &settings;
    let listener = TcpListener::bind((*bind, *port)).await;
    let listener = listener.map_err(|error| {
        ClusterError::failed(format!(
            "cannot listen on {bind}:{port}: {error}; choose another --bind or --port"
        ))
    })?;
    let port =
        listener.local_addr().map_err(|error| ClusterError::failed(error.to_string()))?.port();
    let host = settings.advertise.clone().unwrap_or_else(|| host_of(*bind));
    let timeout = executor_timeout.as_secs().max(1);
    let config = SchedulerConfig {
        external_host: host.clone(),
        bind_host: bind.to_string(),
        bind_port: port,
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: timeout,
        expire_dead_executor_interval_seconds: 1,
        // A container that is lost is there again within it.
        no_executors_grace_period_seconds: timeout.max(60),
        min_ready_executors: *executors,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES,
        grpc_client_max_message_size: MESSAGE_BYTES,
        override_physical_codec: Some(Arc::new(OrderRunsCodec::default())),
        ..SchedulerConfig::default()
    };
    let failed = |error: ballista_core::error::BallistaError| {
        ClusterError::failed(format!("the scheduler cannot run: {}", chain(&error)))
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    let scheduler =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config));
    let scheduler = scheduler.await.map_err(failed)?;
    let address = format!("{host}:{port}");
    let stop_signal = stop_signal()?;
    if let Some(file) = endpoint_file.clone() {
        // Stores block.
        let (text, place) = (address.clone(), file.to_string());
        let written = tokio::task::spawn_blocking(move || publish(&text, &file)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_retryable() => {
                return Err(ClusterError::unavailable(chain(&error)));
            }
            Ok(Err(error)) => return Err(ClusterError::failed(chain(&error))),
            Err(error) => return Err(ClusterError::failed(format!("writing {place}: {error}"))),
        }
    }
    tracing::info!(address, executors = *executors, "the scheduler is there");
    tokio::select! {
        ended = start_grpc_service_with_listener(listener, scheduler) => ended.map_err(failed),
        () = stop_signal => {
            tracing::info!("the scheduler was told to stop");
            Ok(())
        }
    }
}

/// The host under which others reach an address of this machine. YARN says it in `NM_HOST`.
fn host_of(bind: IpAddr) -> String {
    if !bind.is_unspecified() {
        return match bind {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
    }
    let node = std::env::var("NM_HOST").ok().filter(|host| !host.is_empty());
    node.or_else(|| whoami::fallible::hostname().ok()).unwrap_or_else(|| "localhost".to_owned())
}
