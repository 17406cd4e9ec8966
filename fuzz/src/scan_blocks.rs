//! As `scan`, with the rows where a reader that cuts files into blocks could go wrong: across the border of two blocks,
//! or after a text that makes the line about as long as a line may be. A target of its own, for it is slow.
//!
//! The first three bytes are the options, the place, and how far before the border the rows begin.

use std::sync::LazyLock;

use super::scan::{MAX_LINE_BYTES, check_rows};

/// The reader cuts a file every so many bytes, from the first row on.
const BLOCK_BYTES: usize = 512 * 1024;

/// A good row, long, so that few of them fill a block.
static FILLER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let description = "B".repeat(8_000);
    let row = format!("536365,A,{description},6,12/1/2010 8:26,2.55,17850,United Kingdom\n");
    row.into_bytes()
});
pub fn check(data: &[u8]) {
    if let [options, place, shift, rows @ ..] = data {
        check_rows(*options, &put(*place, usize::from(*shift), rows));
    }
}

fn put(byte: u8, shift: usize, rows: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    match byte & 3 {
        // Across the first border, alone or with another block after them.
        place @ (0 | 1) => {
            let begin = BLOCK_BYTES - shift;
            while all.len() + FILLER.len() <= begin {
                all.extend_from_slice(&FILLER);
            }
            if all.len() < begin {
                all.resize(begin - 1, b'x');
                all.push(b'\n');
            }
            all.extend_from_slice(rows);
            if place == 1 {
                all.extend_from_slice(&FILLER.repeat(BLOCK_BYTES / FILLER.len() + 2));
            }
        }
        // The end of a line of the greatest length or up to a block more, at the beginning or after another.
        place => {
            if place == 3 {
                all.extend_from_slice(&FILLER);
            }
            let more = BLOCK_BYTES / 64 * usize::from(byte >> 2);
            all.resize(all.len() + MAX_LINE_BYTES + 128 + more - shift, b'x');
            all.extend_from_slice(rows);
            all.extend_from_slice(b"\n");
            all.extend_from_slice(&FILLER);
        }
    }
    all
}
