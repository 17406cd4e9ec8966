//! The whole flow on one machine: made-up orders, segments, a Kafka broker within this process, live orders, the page. No
//! Hadoop, no Kafka, no Java.

mod banner;
mod children;
mod flow;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use job_kit::cli::{LogFormat, Verbosity};
use job_kit::{exit, logging};
use service_kit::signals;

const EXAMPLES: &str = "\
Examples:
  rfm-demo                                 http://127.0.0.1:3034, until Ctrl-C
  rfm-demo --rate 2000                     a busy shop
  rfm-demo --lines 20000000                a large one; its first screen takes some seconds longer
  rfm-demo --listen 127.0.0.1:0            on a free port

To be seen from other machines the page needs a sign-in: RFM_DASHBOARD__TOKEN=... rfm-demo --listen 0.0.0.0:3034

Exit codes: 0 stopped, 1 failed, 2 bad usage, 3 worth a retry";

/// Shows the whole system live on this machine: runs the other programs, which lie beside this one, as its children
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// Address of the page
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3034")]
    listen: SocketAddr,
    /// Live orders a second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Order lines of the past year; the real data set has as many as the default
    #[arg(long, value_name = "N", default_value_t = 541_909, value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    lines: u32,
    /// Show what the programs log
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    exit::run(|| {
        let cli = Cli::parse();
        let verbosity = if cli.verbose { Verbosity::Verbose } else { Verbosity::Quiet };
        logging::init(LogFormat::Text, verbosity)?;
        let stop = signals::listen()?;
        let plan = flow::Plan { listen: cli.listen, rate: cli.rate, lines: cli.lines };
        flow::run(&plan, &stop)
    })
}
