//! Reads a CSV and throws the runs away: the speed of the scan alone.
//!
//! `cargo run --release --example scan_speed -- FILE [WORKERS] [REJECTS_FOLDER]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use order_csv::{OrderScan, ScanOptions, resolve};
use store::{Location, Stores};

fn main() {
    let mut args = std::env::args().skip(1);
    let input = args.next().unwrap();
    let workers = args.next().map_or(1, |n| n.parse().unwrap());
    let options =
        ScanOptions { rejects_folder: args.next().map(Location::local), ..Default::default() };
    let start = Instant::now();
    let scan =
        Arc::new(OrderScan::open(resolve(&Stores::local(), &input).unwrap(), options).unwrap());
    let runs: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut worker = scan.worker();
                    let mut runs = 0;
                    while let Some(batch) = worker.next_batch().unwrap() {
                        runs += batch.num_rows();
                    }
                    runs
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let seconds = start.elapsed().as_secs_f64();
    let summary = scan.finish().unwrap();
    let gigabytes = scan.total_bytes() as f64 / 1e9;
    println!("{} rows, {runs} runs, {seconds:.3} s, {:.2} GB/s", summary.rows, gigabytes / seconds);
    println!("{:?}", summary.rejected);
}
