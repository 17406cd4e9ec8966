//! `rfm-scheduler`: divides the work of `rfm-batch --engine ballista` among executors.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use ballista_engine::{SchedulerSettings, run_scheduler};
use clap::{ArgAction, Parser};
use deployment::Deployment;
use job_kit::cli::{LogFormat, Verbosity};
use job_kit::exit::UsageError;
use job_kit::units::HumanDuration;

#[path = "../cluster_process.rs"]
mod cluster_process;

const AFTER: &str = "\
Example:
  rfm-scheduler --executors 2 --endpoint-file /tmp/scheduler
  rfm-executor --scheduler /tmp/scheduler        on each node
  rfm-batch --engine ballista --scheduler /tmp/scheduler --config config/emr.toml

Nobody has to sign in: whoever reaches it can have it read what its user may read. Keep it to a network that you trust.

Exit codes: 0 told to stop, 1 failed, 2 bad usage or configuration, 3 worth a retry";

/// Divides the work of `rfm-batch --engine ballista` among executors, until it is told to stop
#[derive(Debug, Parser)]
#[command(name = "rfm-scheduler", version, after_help = AFTER)]
struct Cli {
    /// Address to listen on; 0.0.0.0 for all of this machine
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
    /// Port to listen on; 0 for one that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Host under which others reach it. Default: ADDRESS, for 0.0.0.0 $NM_HOST or this machine's name
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// File, on any store, to write HOST:PORT to, for --scheduler of executors and jobs
    #[arg(long, value_name = "FILE")]
    endpoint_file: Option<String>,
    /// How many executors a job waits for
    #[arg(long, default_value_t = 1, value_name = "N")]
    executors: usize,
    /// How long an executor may be silent before its work is given to others; at least 5 s
    #[arg(long, default_value = "10s", value_name = "TIME")]
    executor_timeout: HumanDuration,
    /// Write log lines as text or as JSON
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    /// Tell more
    #[arg(short, long, action = ArgAction::SetTrue)]
    verbose: bool,
}

fn main() -> ExitCode {
    job_kit::exit::run(|| {
        let cli = Cli::parse();
        let verbosity = if cli.verbose { Verbosity::Verbose } else { Verbosity::Normal };
        job_kit::logging::init(cli.log_format, verbosity)?;
        if cli.executors == 0 {
            return Err(UsageError("--executors must be at least 1".to_owned()).into());
        }
        if cli.executor_timeout.get().as_secs() < 5 {
            return Err(UsageError("--executor-timeout must be at least 5s".to_owned()).into());
        }
        let deployment =
            Deployment::from_env().map_err(|error| UsageError(format!("{error:#}")))?;
        let endpoint_file = cli.endpoint_file.as_deref();
        let endpoint_file = endpoint_file.map(|file| deployment.stores().locate(file)).transpose();
        let endpoint_file = endpoint_file.map_err(|error| {
            UsageError(format!("--endpoint-file: {:#}", anyhow::Error::new(error)))
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ended =
            runtime.context("starting threads")?.block_on(run_scheduler(SchedulerSettings {
                bind: cli.bind,
                port: cli.port,
                advertise: cli.advertise,
                endpoint_file,
                executors: cli.executors,
                executor_timeout: cli.executor_timeout.get(),
            }));
        ended.map_err(cluster_process::explain)
    })
}
