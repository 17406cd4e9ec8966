//! How much memory an index needs and how fast it is.
//!
//!     cargo run --release -p segment-index --example lookup_rate -- [CUSTOMERS [dense|gaps|sparse]]
//!
//! `dense` ids are consecutive but for one of fifty that is left out, `gaps` ones are 5 apart on average, `sparse` ones are random 63-bit numbers; without a word all, of 10^8 customers if not
//! said otherwise. The peak is that of the process so far: take the kinds one by one to compare peaks.
//!
//! Look-ups are of ids in random order, each about once, so next to none is in a cache. *Chained*: each one begins when
//! the one before is done. Times are of the processor.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use segment_index::{Segment, SegmentIndex, SegmentIndexBuilder};

const N_LOOKUPS: u64 = 1 << 22;
const N_SEGMENTS: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let n: u64 = arguments.next().map_or(Ok(100_000_000), |text| text.parse())?;
    let kinds = match arguments.next().as_deref() {
        None => vec!["dense", "gaps", "sparse"],
        Some("dense") => vec!["dense"],
        Some("gaps") => vec!["gaps"],
        Some("sparse") => vec!["sparse"],
        Some(_) => return Err("usage: lookup_rate [CUSTOMERS [dense|gaps|sparse]]".into()),
    };
    for kind in kinds {
        measure(kind, n)?;
    }
    Ok(())
}

fn measure(kind: &str, n: u64) -> Result<(), Box<dyn Error>> {
    let mut random = Random(7);
    let mean_gap = match kind {
        "gaps" => 4.5,
        _ => (i64::MAX as u64 / n.max(1)) as f64 * 0.999,
    };
    let mut next_id = |before: i64| match kind {
        "dense" => before + 1 + i64::from(before % 50 == 48),
        // The gaps between random numbers in order.
        _ => before.saturating_add(1 + (-random.unit().ln() * mean_gap) as i64),
    };
    // About N_LOOKUPS of the customers, to look up.
    let mut sampling = Random(11);
    let mut sample = Vec::new();
    let mut builder = SegmentIndexBuilder::new();
    let start = Instant::now();
    let mut id = 0;
    for row in 0..n {
        id = next_id(id);
        builder.push(id, (mix(row) % N_SEGMENTS) as u8)?;
        if sampling.below(n) < N_LOOKUPS {
            sample.push(id);
        }
    }
    let pushed = start.elapsed();
    let names = (0..N_SEGMENTS as i32).map(|id| Segment { id, name: format!("segment {id}") });
    let index = builder.finish(names.collect(), None)?;
    let bytes = index.memory_bytes();
    println!(
        "{kind}: {} customers, {bytes} bytes, {:.2} a customer; peak of the process {}",
        index.len(),
        bytes as f64 / index.len().max(1) as f64,
        status("VmHWM")?
    );
    let finished = start.elapsed();
    println!("  made in {pushed:.2?} (ids among it) and {:.2?}", finished - pushed);

    for n_left in (1..sample.len()).rev() {
        sample.swap(n_left, sampling.below(n_left as u64 + 1) as usize);
    }
    let misses: Vec<i64> = match kind {
        "dense" => sample.iter().map(|id| id - id % 50 + 49).collect(),
        "gaps" => sample.iter().map(|id| id + 1).collect(),
        _ => sample.iter().map(|id| id ^ 1 << 20).collect(),
    };
    let mut answers = Vec::new();
    for (what, ids) in [("hit", &sample), ("miss", &misses)] {
        let start = cpu_nanos()?;
        let found = ids.iter().filter(|id| index.get(**id).is_some()).count();
        let between = cpu_nanos()?;
        chained(&index, ids);
        let end = cpu_nanos()?;
        let n = ids.len();
        let each = |nanos: u64| nanos as f64 / n.max(1) as f64;
        let (apart, chained) = (each(between - start), each(end - between));
        let start = cpu_nanos()?;
        for batch in ids.chunks(8_192) {
            answers.clear();
            index.get_many(batch, &mut answers);
            black_box(&answers);
        }
        let many = each(cpu_nanos()? - start);
        println!(
            "  {what}: {many:.0} ns by get_many, {apart:.0} ns by get, {chained:.0} ns chained; {found} of {n} found"
        );
    }
    Ok(())
}

/// Looks up so that each has to wait for the one before.
fn chained(index: &SegmentIndex, ids: &[i64]) {
    let mut nothing = 0;
    for id in ids {
        // Always 0, but the processor does not know before the segment has come.
        nothing = i64::from(index.get(id + nothing).unwrap_or_default() >> 7);
    }
    black_box(nothing);
}

/// What this thread has used of a processor, which others on the machine do not add to.
fn cpu_nanos() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("the kernel does not say")?.parse()?)
}

/// A line of what the kernel says of this process.
fn status(name: &str) -> Result<String, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(line.ok_or("the kernel does not say")?.trim().to_owned())
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Above 0, at most 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// SplitMix64's last step.
fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}
