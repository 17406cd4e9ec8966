//! Blocks: pieces of an input file that hold whole lines, so that threads can read them independently.
//!
//! A plain file is cut at fixed positions, and a line belongs to the block in which it begins: any thread can find its
//! block's first line by itself, because a line break always ends a row. A gzip file can only be read from the front; its blocks
//! are handed out in order by whoever holds its lock.

mod gzip;
mod plain;

pub(crate) use self::gzip::GzipFile;
pub(crate) use self::plain::PlainFile;

use crate::boundaries::STEP;
use crate::text::PADDING;

/// Bytes of a block: small enough that a block stays in the second-level cache between reading and parsing, large
/// enough that the system calls do not count.
pub(crate) const BLOCK_BYTES: usize = 512 * 1024;
/// A longer line is rejected without being held in memory.
pub(crate) const MAX_LINE_BYTES: usize = 1024 * 1024;
/// What is kept of a line that is too long.
pub(crate) const KEPT_BYTES: usize = 64 * 1024;

/// Whole lines of one file, each with its line feed.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The file's bytes, then room that the parsers may read but never take for text.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last line was cut: it has this many bytes in the file.
    pub too_long: Option<u64>,
}

impl Block {
    /// The lines, followed by enough zeros for word-wise reading: the second value is where the lines end.
    pub(crate) fn lines(&self) -> (&[u8], usize) {
        let data = self.bytes.get(self.start..).unwrap_or_default();
        (data, self.end - self.start)
    }

    /// Ends the block at `end`, where the last line's line feed is added if the file lacks it.
    fn finish(&mut self, start: usize, end: usize) {
        self.bytes.truncate(end);
        if end > start && self.bytes.last() != Some(&b'\n') {
            self.bytes.push(b'\n');
        }
        self.start = start;
        self.end = self.bytes.len();
        let padded = (self.end - start).next_multiple_of(STEP) + start + PADDING;
        self.bytes.resize(padded, 0);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        (self.start, self.end, self.too_long) = (0, 0, None);
    }
}

/// Length of a line that is not held in memory, without its line end.
struct LineLength {
    bytes: u64,
    last: Option<u8>,
}

impl LineLength {
    fn new(beginning: &[u8]) -> LineLength {
        LineLength { bytes: beginning.len() as u64, last: beginning.last().copied() }
    }

    fn add(&mut self, more: &[u8]) {
        self.bytes += more.len() as u64;
        self.last = more.last().copied().or(self.last);
    }

    fn bytes(&self) -> u64 {
        self.bytes - u64::from(self.last == Some(b'\r'))
    }
}
