//! The scan and the sums of the batch job on a Ballista cluster: what the driver, the scheduler and the executors need.
//!
//! Place in the flow: the driver cuts the input into pieces ([`order_csv::OrderScan::parts`]); executors count their lines, read them, clean them and add
//! them up ([`plan`]); the driver takes rows of customers, and with them what the pieces' scans have counted ([`statistics`]).
//! Anything that follows from the customers is the driver's own work, as if it had added them up itself.
//!
//! **Why each row counts once.** An executor may die at any moment and its work be done again elsewhere. All that a piece gives, its
//! order runs and its one row of statistics, comes out of the same partition of the same operator ([`scan_exec`]), and goes
//! through the same shuffle. So what reaches the driver comes of one attempt at each piece, and the driver checks that there is exactly one
//! row of statistics a piece. Rejected rows go to files with a name that no other attempt uses; the statistics name them, and
//! the driver removes the others. Their line numbers are those in the input file, because a job before has counted the lines of
//! all pieces.
//!
//! Not here: what the sums mean, YARN, the settings of a job. Everything is behind the feature `ballista`.
#![cfg(feature = "ballista")]

mod address;
mod client;
mod codec;
mod executor;
mod failure;
mod pieces;
mod plan;
mod scan_exec;
mod scheduler;
mod statistics;

pub use address::{InvalidAddress, SchedulerAddress};
pub use client::{Cluster, Job, wait_for_executors};
pub use executor::{ExecutorSettings, run_executor};
pub use failure::{ClusterError, ClusterErrorKind};
pub use pieces::{Piece, PieceOptions};
pub use scheduler::{SchedulerSettings, run_scheduler};
pub use statistics::StatisticsReader;

/// A name that nobody else has, on whatever machine.
fn unique() -> String {
    let mut random = [0; 12];
    // Without random numbers the process and the time have to do.
    if getrandom::fill(&mut random).is_err() {
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = time.map_or(0, |time| time.as_nanos() as u64);
        random[..8].copy_from_slice(&nanos.to_le_bytes());
        random[8..].copy_from_slice(&std::process::id().to_le_bytes());
    }
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
