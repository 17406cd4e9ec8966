//! The driver's side: wait for the executors, send a plan, take what comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::TryStreamExt;

use crate::address::{SchedulerAddress, ask_ready};
use crate::codec::OrderRunsCodec;
use crate::failure::{ClusterError, ClusterErrorKind};
use crate::pieces::{Piece, PieceOptions};
use crate::plan;

/// The largest message, in bytes: a plan has some 300 bytes a part of a file.
pub(crate) const MESSAGE_BYTES: u32 = 512 * 1024 * 1024;

/// How often whoever waits looks.
const LOOK: Duration = Duration::from_millis(200);

/// How often a result is computed anew whose executors were lost before it was fetched.
const ATTEMPTS: u32 = 3;

/// What a cluster is to do.
#[derive(Debug)]
pub struct Job {
    /// All pieces of the input.
    pub pieces: Vec<Piece>,
    /// How they are read.
    pub options: PieceOptions,
}

impl Job {
    /// As many that each has work for a while and memory enough, also if the sums by invoice of all of the input meet there.
    fn partitions(&self) -> usize {
        (self.pieces.len() / 4).clamp(4, 512)
    }
}

/// A cluster whose executors are there.
#[derive(Debug)]
pub struct Cluster {
    scheduler: String,
}

/// Waits until as many executors have registered as the scheduler was told to expect.
///
/// # Errors
/// [`ClusterErrorKind::Unavailable`] if they are not there in time, with what is missing.
pub fn wait_for_executors(
    scheduler: &SchedulerAddress,
    patience: Duration,
) -> Result<Cluster, ClusterError> {
    let begun = Instant::now();
    loop {
        let missing = match scheduler.now() {
            Ok(address) => match ask_ready(&address) {
                Ok(()) => return Ok(Cluster { scheduler: address }),
                Err(missing) => missing,
            },
            Err(missing) => missing,
        };
        if begun.elapsed() >= patience {
            let seconds = patience.as_secs_f32();
            return Err(ClusterError::unavailable(format!(
                "the cluster of the scheduler {scheduler} was not there in {seconds} s: {missing}; look at the logs of rfm-scheduler and rfm-executor, or wait longer (batch.ballista.wait)"
            )));
        }
        std::thread::sleep(LOOK);
    }
}

impl Cluster {
    /// Does a job. `begin` makes what takes its batches; it is called anew should the result be lost with an executor
    /// before all of it was here.
    ///
    /// # Errors
    /// Those of the scan, of the cluster, and of whoever takes the batches.
    pub async fn run<T, E: From<ClusterError>>(
        &self,
        job: &Job,
        begin: impl Fn() -> T,
        mut take: impl FnMut(&mut T, RecordBatch) -> Result<(), E>,
    ) -> Result<T, E> {
        let mut attempt = 1;
        loop {
            let mut taker = begin();
            match self.attempt(job, |batch| take(&mut taker, batch)).await {
                Ok(()) => return Ok(taker),
                Err(Attempt::Lost(text)) if attempt < ATTEMPTS => {
                    attempt += 1;
                    tracing::warn!(
                        attempt,
                        cause = text,
                        "the result was lost with an executor; once more"
                    );
                }
                Err(Attempt::Lost(text)) => {
                    let text = format!("the result was lost with its executors: {text}");
                    return Err(ClusterError::unavailable(text).into());
                }
                Err(Attempt::Failed(error)) => return Err(error),
            }
        }
    }

    async fn attempt<E: From<ClusterError>>(
        &self,
        job: &Job,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), Attempt<E>> {
        let plan = plan::customers(&job.pieces, &job.options, job.partitions());
        let plan =
            plan.map_err(|error| ClusterError::fault(error).into()).map_err(Attempt::Failed)?;
        let config = session(job.partitions());
        let (ballista, codec) = (config.ballista_config(), OrderRunsCodec::default());
        let session_id = format!("rfm-batch-{}", crate::unique());
        let result = execute_physical_plan::<PhysicalPlanNode>(
            format!("http://{}", self.scheduler),
            &ballista,
            Arc::clone(&plan),
            &codec,
            session_id,
            config,
        );
        let mut result = result.await.map_err(|error| {
            Attempt::Failed(ClusterError::of_job(&self.scheduler, &error.to_string()).into())
        })?;
        // The job is done; what fails now is the way of its result to here.
        while let Some(batch) = result.try_next().await.map_err(|e| Attempt::Lost(e.to_string()))? {
            take(batch).map_err(Attempt::Failed)?;
        }
        Ok(())
    }
}

enum Attempt<E> {
    Failed(E),
    Lost(String),
}

fn session(partitions: usize) -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_target_partitions(partitions)
        .with_ballista_job_name("rfm-batch")
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES as usize)
        // A task with several partitions ends with the longest of them, and idle cores wait for it.
        .set_str("ballista.scheduler.max_partitions_per_task", "1")
        // A scheduler whose machine is gone does not say so.
        .set_str("ballista.client.grpc_http2_keepalive_interval_seconds", "10")
        // What a task gathers for others before it goes to disk, apart from the memory for sums.
        .set_str("ballista.shuffle.sort_based.memory_limit_per_task_bytes", "67108864")
        .set_str("ballista.client.io_retry_wait_time_ms", "1000")
}

impl ClusterError {
    /// Whether the same job may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind() == ClusterErrorKind::Unavailable
    }
}
