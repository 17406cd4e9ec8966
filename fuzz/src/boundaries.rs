//! Field and line ends: the vector code, the portable code and a loop over bytes agree.

use order_csv::{Boundaries, find_boundaries, find_boundaries_portable};

pub fn check(data: &[u8]) {
    for find in [find_boundaries, find_boundaries_portable] {
        let mut found = Boundaries::default();
        // Also at another alignment, shorter, and with what the round before left in the buffers.
        for data in [data, data.get(1..).unwrap_or_default(), data] {
            find(data, &mut found);
            let (positions, line_ends, quotes) = naive(data);
            assert_eq!(found.positions(), positions, "commas and line feeds");
            assert_eq!(found.line_ends(), line_ends, "line ends");
            assert_eq!(found.quotes(), quotes, "quotes");
        }
    }
}

fn naive(data: &[u8]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let (mut positions, mut line_ends, mut quotes) = (vec![], vec![], vec![]);
    for (at, byte) in (0..).zip(data) {
        if *byte == b'\n' {
            line_ends.push(positions.len() as u32);
        }
        match byte {
            b'\n' | b',' => positions.push(at),
            b'"' => quotes.push(at),
            _ => {}
        }
    }
    (positions, line_ends, quotes)
}
