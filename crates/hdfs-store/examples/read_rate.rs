//! How fast a file is read by threads that take turns in reading blocks, as the CSV reader does.
//!
//!     cargo run --release -p hdfs-store --example read_rate -- FILE [THREADS [PASSES]]
//!
//! `FILE` is an `hdfs:` address, or a path of the local disk to compare with. Of each pass it prints the rate in GB/s
//! (1e9 bytes), and the CPU seconds that this process used for a GB; a DataNode on the same machine has its own on top.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hdfs_store::HdfsStores;
use store::Stores;

const BLOCK_BYTES: u64 = 512 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("which file?")?;
    let threads: usize = args.next().map_or(Ok(2), |text| text.parse())?;
    let passes: usize = args.next().map_or(Ok(3), |text| text.parse())?;
    let location = Stores::local().with(HdfsStores::from_env()?).locate(&file)?;
    for _ in 0..passes {
        let file = location.open()?;
        let next = AtomicU64::new(0);
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut buf = vec![0; BLOCK_BYTES as usize];
                        loop {
                            let from = next.fetch_add(BLOCK_BYTES, Ordering::Relaxed);
                            if from >= file.size() {
                                return Ok(());
                            }
                            let length = BLOCK_BYTES.min(file.size() - from) as usize;
                            file.read_exact_at(&mut buf[..length], from)?;
                        }
                    })
                })
                .collect();
            running.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
        .map_err(|error: store::StoreError| error)?;
        let (seconds, gb) = (start.elapsed().as_secs_f64(), file.size() as f64 / 1e9);
        let cpu = (cpu_seconds()? - cpu) / gb;
        println!("{gb:.2} GB in {seconds:.2} s: {:.2} GB/s, {cpu:.2} CPU s/GB", gb / seconds);
    }
    Ok(())
}

/// That this process has used so far, of the kernel too.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(") ").ok_or("/proc/self/stat is not as expected")?.1;
    // From the third field on; user and system time are the 14th and 15th, in hundredths of a second.
    let ticks = after_name.split(' ').skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / 100.0)
}
