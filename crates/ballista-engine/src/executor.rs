//! The process `rfm-executor`: Ballista's executor with our operator and the stores of its machine.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use store::{Stores, chain};
use tokio::signal::unix::{SignalKind, signal};

use crate::address::{SchedulerAddress, connect};
use crate::client::MESSAGE_BYTES;
use crate::codec::OrderRunsCodec;
use crate::failure::ClusterError;

/// How often an executor gives a sign of life, in seconds. It ends after five that nobody takes.
const HEARTBEAT: u64 = 2;

/// How long Ballista may take to end when it was told to. While it is connecting it does not hear of it.
const STOPPING: Duration = Duration::from_secs(20);

/// How an executor runs.
#[derive(Debug)]
pub struct ExecutorSettings {
    /// Its scheduler.
    pub scheduler: SchedulerAddress,
    /// How long it looks for the scheduler.
    pub patience: Duration,
    /// Where it listens.
    pub bind: IpAddr,
    /// Its host as others know it; without it the address that the scheduler sees.
    pub advertise: Option<String>,
    /// Tasks at a time, each of one thread.
    pub cores: usize,
    /// Bytes for the sums of all of them together; what does not fit goes to `work_folder`.
    pub memory: u64,
    /// Where the rows that go to other executors are kept; without it a folder in the system's temporary one.
    pub work_folder: Option<PathBuf>,
}

/// Runs until it is told to stop.
///
/// # Errors
/// [`ClusterError::is_retryable`] if the scheduler is not there, or is lost, or has given this executor up.
pub async fn run_executor(settings: ExecutorSettings, stores: Stores) -> Result<(), ClusterError> {
    let ExecutorSettings { scheduler, patience, bind, advertise, cores, memory, work_folder } =
        settings;
    let (wait_for, begun) = (scheduler.clone(), Instant::now());
    let address = tokio::task::spawn_blocking(move || find(&wait_for, patience)).await;
    let address = address.map_err(|error| ClusterError::failed(error.to_string()))??;
    let invalid = || ClusterError::usage(format!("{address} is not HOST:PORT"));
    let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
    let scheduler_port = port.parse().map_err(|_| invalid())?;
    let left = patience.saturating_sub(begun.elapsed()).as_secs().clamp(1, 3_600);
    let work = WorkFolder::create(work_folder)?;
    let [flight, grpc] = free_ports(bind).map_err(|error| {
        ClusterError::failed(format!("cannot listen on {bind}: {error}; choose another --bind"))
    })?;
    let config = ExecutorProcessConfig {
        bind_host: match bind {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        },
        external_host: advertise,
        port: flight,
        grpc_port: grpc,
        scheduler_host: host.to_owned(),
        scheduler_port,
        scheduler_connect_timeout_seconds: left as u16,
        vcores: cores,
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(work.path.to_string_lossy().into_owned()),
        grpc_max_decoding_message_size: MESSAGE_BYTES,
        grpc_max_encoding_message_size: MESSAGE_BYTES,
        executor_heartbeat_interval_seconds: HEARTBEAT,
        memory_pool_size: Some(memory),
        override_physical_codec: Some(Arc::new(OrderRunsCodec::of_executor(Arc::new(stores)))),
        ..ExecutorProcessConfig::default()
    };
    let stop_signal = stop_signal()?;
    tracing::info!(
        scheduler = address,
        cores,
        memory,
        id = config.executor_id,
        "the executor begins"
    );
    let told = Arc::new(AtomicBool::new(false));
    let stopped = {
        let told = Arc::clone(&told);
        async move {
            stop_signal.await;
            told.store(true, Ordering::Release);
            tokio::time::sleep(STOPPING).await;
        }
    };
    let ended = tokio::select! {
        // Ballista hears the same signal and may end before this is asked the next time, which then has to know why.
        biased;
        () = stopped => Ok(()),
        ended = start_executor_process(Arc::new(config)) => ended,
    };
    match ended {
        _ if told.load(Ordering::Acquire) => {
            tracing::info!("the executor was told to stop");
            Ok(())
        }
        Ok(()) => Err(ClusterError::unavailable(format!(
            "the scheduler {address} does not answer any more, or has given this executor up"
        ))),
        Err(error) => Err(ClusterError::unavailable(format!(
            "the executor of the scheduler {address} cannot run: {}",
            chain(&error)
        ))),
    }
}

/// SIGTERM or SIGINT, which are heard from this call on, also before somebody waits for them.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, ClusterError> {
    let failed =
        |error: std::io::Error| ClusterError::failed(format!("cannot hear signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The scheduler's address, once it can be reached there. Ballista itself would look for it for ever, and at this address alone; one that
/// was started anew has another.
fn find(scheduler: &SchedulerAddress, patience: Duration) -> Result<String, ClusterError> {
    let begun = Instant::now();
    loop {
        let found = scheduler.now().and_then(|address| connect(&address).map(|_| address));
        match found {
            Ok(address) => return Ok(address),
            Err(missing) if begun.elapsed() >= patience => {
                return Err(ClusterError::unavailable(format!(
                    "no scheduler in {} s: {missing}",
                    patience.as_secs_f32()
                )));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Two ports that are free. Ballista tells others the numbers before it listens, and does not take a socket, so for a moment
/// they are free for others too; an executor that loses one ends, and is started again.
fn free_ports(bind: IpAddr) -> std::io::Result<[u16; 2]> {
    let (one, two) = (TcpListener::bind((bind, 0))?, TcpListener::bind((bind, 0))?);
    Ok([one.local_addr()?.port(), two.local_addr()?.port()])
}

/// The executor's files, which nobody needs after it.
struct WorkFolder {
    path: PathBuf,
}

impl WorkFolder {
    fn create(parent: Option<PathBuf>) -> Result<WorkFolder, ClusterError> {
        let parent = parent.unwrap_or_else(std::env::temp_dir);
        let path = parent.join(format!("rfm-executor-{}", std::process::id()));
        let refused = |error: std::io::Error| {
            let place = path.display();
            ClusterError::failed(format!(
                "cannot use {place}: {error}; choose another --work-folder"
            ))
        };
        remove(&path).map_err(refused)?;
        std::fs::create_dir_all(&path).map_err(refused)?;
        let path = std::path::absolute(&path).map_err(refused)?;
        Ok(WorkFolder { path })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the executor's files");
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
