use order_generator::{Generator, GeneratorConfig, HEADER, LINES_PER_CHUNK, Summary};
use proptest::prelude::*;

use crate::table::{generate, rows};

fn config(lines: u64, seed: u64) -> GeneratorConfig {
    GeneratorConfig { lines, seed, fault_rate: 0.01, ..GeneratorConfig::default() }
}

fn on_threads(threads: usize, config: &GeneratorConfig) -> (Vec<u8>, Summary) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| generate(config.clone()))
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let config = config(10 * LINES_PER_CHUNK + 77, 5);
    let one = on_threads(1, &config);
    assert!(one == on_threads(4, &config));
    assert!(one == on_threads(7, &config));
}

#[test]
fn chunks_alone_make_the_file() {
    let config = config(3 * LINES_PER_CHUNK + 1, 5);
    let generator = Generator::new(config.clone()).unwrap();
    assert_eq!(generator.chunk_count(), 4);
    let mut csv = HEADER.to_vec();
    // Last to first: a chunk owes nothing to the ones before it.
    let chunks: Vec<_> = (0..4).rev().map(|index| generator.chunk(index)).collect();
    for chunk in chunks.iter().rev() {
        csv.extend_from_slice(&chunk.csv);
    }
    assert!(csv == generate(config).0);
    assert_eq!(chunks[0].summary.lines, 1);
    assert_eq!(generator.chunk(4).csv, b"");
}

#[test]
fn seeds_differ() {
    let bytes = |seed| generate(config(1_000, seed)).0;
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn progress_is_every_byte() {
    let mut bytes = 0;
    let mut csv = Vec::new();
    let generator = Generator::new(config(50_000, 1)).unwrap();
    generator.write_csv(&mut csv, |written| bytes += written).unwrap();
    assert_eq!(bytes, csv.len() as u64);
}

#[test]
fn no_lines_are_a_header() {
    let (csv, summary) = generate(config(0, 1));
    assert_eq!(csv, HEADER);
    assert_eq!(summary, Summary::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn exactly_as_many_lines_as_asked_for(
        lines in 1_u64..40_000,
        seed: u64,
        customers in prop::option::of(1_u64..50_000),
        fault_rate in prop::sample::select(vec![0.0, 0.1, 1.0]),
    ) {
        let config = GeneratorConfig { lines, seed, customers, fault_rate, ..config(0, 0) };
        let (csv, summary) = generate(config);
        prop_assert_eq!(rows(&csv).count() as u64, lines);
        prop_assert_eq!(summary.lines, lines);
        let faults = if fault_rate == 1.0 { lines } else { 0 };
        // Of few lines any number may be.
        prop_assert!(summary.faults == faults || fault_rate == 0.1 && summary.faults <= lines);
    }
}
