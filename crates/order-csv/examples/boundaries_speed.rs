//! How fast field boundaries are found: with AVX2 and with its portable twin, on one thread, from memory.
//!
//! `cargo run --release --example boundaries_speed -- FILE`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use order_csv::{Boundaries, find_boundaries, find_boundaries_portable};

type Find = fn(&[u8], &mut Boundaries);

/// As the scan has it: a block that stays in the second-level cache.
const BLOCK: usize = 512 * 1024;

fn main() {
    let data = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let mut boundaries = Boundaries::default();
    let ways: [(&str, Find); 2] =
        [("AVX2 where available", find_boundaries), ("portable", find_boundaries_portable)];
    for round in 1..=3 {
        for (name, find) in ways {
            let start = Instant::now();
            let mut found = 0;
            for block in data.chunks(BLOCK) {
                find(block, &mut boundaries);
                found += boundaries.positions().len();
            }
            let speed = data.len() as f64 / 1e9 / start.elapsed().as_secs_f64();
            println!("round {round}: {name}: {speed:.2} GB/s, {found} boundaries");
        }
    }
}
