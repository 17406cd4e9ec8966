//! `rfm-executor`: reads and adds up orders for `rfm-batch --engine ballista`, on one node of several.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use ballista_engine::{ExecutorSettings, SchedulerAddress, run_executor};
use clap::{ArgAction, Parser};
use deployment::Deployment;
use job_kit::cli::{LogFormat, Verbosity};
use job_kit::exit::UsageError;
use job_kit::units::{ByteSize, HumanDuration};

#[path = "../cluster_process.rs"]
mod cluster_process;

const AFTER: &str = "\
It reads with the Hadoop configuration of its own node (HADOOP_CONF_DIR).

Nobody has to sign in: whoever reaches it can have it read what its user may read. Keep it to a network that you trust.

Exit codes: 0 told to stop, 1 failed, 2 bad usage or configuration, 3 the scheduler is not there any more: start it again";

/// Reads and adds up orders for `rfm-batch --engine ballista`, until it is told to stop
#[derive(Debug, Parser)]
#[command(name = "rfm-executor", version, after_help = AFTER)]
struct Cli {
    /// The scheduler: HOST:PORT, or the file that it writes that to (a name with a /)
    #[arg(long, value_name = "HOST:PORT|FILE")]
    scheduler: String,
    /// How long to look for it
    #[arg(long, default_value = "1m", value_name = "TIME")]
    wait: HumanDuration,
    /// Address to listen on; 0.0.0.0 for all of this machine
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
    /// Host under which others reach it. Default: the address from which it reaches the scheduler
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Tasks at a time, one thread each; 0 = one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    cores: usize,
    /// Memory for the sums of all tasks; what does not fit is spilled to the work folder
    #[arg(long, default_value = "1 GiB", value_name = "SIZE")]
    memory: ByteSize,
    /// Folder for what is sent to other executors, and for what does not fit. Default: the system's for temporary files
    #[arg(long, value_name = "FOLDER")]
    work_folder: Option<PathBuf>,
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
        let cores = match cli.cores {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            cores => cores,
        };
        if cli.memory < ByteSize::from_mib(64) {
            return Err(UsageError("--memory must be at least 64 MiB".to_owned()).into());
        }
        let deployment =
            Deployment::from_env().map_err(|error| UsageError(format!("{error:#}")))?;
        let scheduler = SchedulerAddress::parse(&cli.scheduler, deployment.stores())
            .map_err(|error| UsageError(format!("--scheduler: {error}")))?;
        let settings = ExecutorSettings {
            scheduler,
            patience: cli.wait.get(),
            bind: cli.bind,
            advertise: cli.advertise,
            cores,
            memory: cli.memory.bytes(),
            work_folder: cli.work_folder,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("starting threads")?;
        let ended = runtime.block_on(run_executor(settings, deployment.into_stores()));
        // A task that reads cannot be interrupted, and nobody waits for it.
        runtime.shutdown_background();
        ended.map_err(cluster_process::explain)
    })
}
