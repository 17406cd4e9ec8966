//! How fast a file is written to S3 and read back, front to back by one thread.
//!
//!     cargo run --release -p s3-store --example rate -- s3://BUCKET/FOLDER [MEGABYTES [PASSES]]
//!
//! The file is called `rate`, and is removed. Of each pass it prints both rates in MB/s (1e6 bytes), and the CPU seconds that
//! this process used for a GB; a server on the same machine has its own on top.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use hadoop_conf::HadoopConf;
use s3_store::S3Stores;
use store::Stores;

const BLOCK_BYTES: usize = 512 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("which folder?")?;
    let megabytes: usize = args.next().map_or(Ok(256), |text| text.parse())?;
    let passes: usize = args.next().map_or(Ok(3), |text| text.parse())?;
    let stores = Stores::local().with(S3Stores::new(HadoopConf::from_env()?));
    let file = stores.locate(&folder)?.join("rate");
    let mut block: Vec<u8> = (0..BLOCK_BYTES).map(|i| (i * 31 % 251) as u8).collect();
    let blocks = megabytes * 1_000_000 / BLOCK_BYTES;
    let gb = (blocks * BLOCK_BYTES) as f64 / 1e9;
    for _ in 0..passes {
        file.remove_file()?;
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        let mut writer = file.create()?;
        for _ in 0..blocks {
            writer.write_all(&block)?;
        }
        writer.finish()?;
        report("written", gb, start, cpu)?;
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        let open = file.open()?;
        for number in 0..blocks {
            open.read_exact_at(&mut block, (number * BLOCK_BYTES) as u64)?;
        }
        report("read", gb, start, cpu)?;
    }
    file.remove_file()?;
    Ok(())
}

fn report(what: &str, gb: f64, start: Instant, cpu: f64) -> Result<(), Box<dyn Error>> {
    let (rate, cpu) = (gb * 1e3 / start.elapsed().as_secs_f64(), (cpu_seconds()? - cpu) / gb);
    println!("{gb:.2} GB {what} at {rate:.0} MB/s, {cpu:.2} CPU s/GB");
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
