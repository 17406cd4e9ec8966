//! A plain file, which any number of threads read at once.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};
use store::{Location, ReadAt};

use super::{BLOCK_BYTES, Block, KEPT_BYTES, LineLength, MAX_LINE_BYTES};
use crate::CsvError;

/// What is read beyond a block to complete its last line. Most lines are shorter, so that a block is one read: on the
/// local disk that saves a system call, in a store on the network possibly a round trip.
const TAIL_BYTES: u64 = 4 * 1024;

/// A file that is cut at fixed positions.
#[derive(Debug)]
pub(crate) struct PlainFile {
    file: Arc<dyn ReadAt>,
    /// Where the rows begin and the file ends.
    begin: u64,
    size: u64,
}

impl PlainFile {
    pub(crate) fn new(file: Arc<dyn ReadAt>, begin: u64, size: u64) -> PlainFile {
        PlainFile { file, begin, size }
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.size.saturating_sub(self.begin).div_ceil(BLOCK_BYTES as u64)
    }

    /// How many lines begin in these blocks, without looking at what is in them.
    pub(crate) fn count_lines(&self, path: &Location, blocks: Range<u64>) -> Result<u64, CsvError> {
        if blocks.is_empty() {
            return Ok(0);
        }
        let start = |block: u64| (self.begin + block * BLOCK_BYTES as u64).min(self.size);
        // As in `read`: the byte before a block tells whether a line begins with it. The first line needs none.
        let (mut at, mut lines) =
            if blocks.start == 0 { (self.begin, 1) } else { (start(blocks.start) - 1, 0) };
        let end = start(blocks.end) - 1;
        let mut scratch = Block::default();
        while at < end {
            scratch.clear();
            let wanted = (BLOCK_BYTES as u64).min(end - at);
            self.fill(path, at, wanted as usize, &mut scratch)?;
            lines += memchr_iter(b'\n', &scratch.bytes).count() as u64;
            at += wanted;
        }
        Ok(lines)
    }

    /// Reads the lines that begin in block `number`; possibly none.
    pub(crate) fn read(
        &self,
        path: &Location,
        number: u64,
        block: &mut Block,
    ) -> Result<(), CsvError> {
        block.clear();
        let from = self.begin + number * BLOCK_BYTES as u64;
        let to = (from + BLOCK_BYTES as u64).min(self.size);
        let read_to = (to + TAIL_BYTES).min(self.size);
        // Except in the first block, the byte before tells whether a line begins right at `from`.
        let read_from = if number == 0 { from } else { from - 1 };
        self.fill(path, read_from, (read_to - read_from) as usize, block)?;
        let own = &block.bytes[..(to - read_from) as usize];
        let start = if number == 0 {
            0
        } else {
            // A line feed in the last place begins a line of the next block.
            match memchr(b'\n', &own[..own.len() - 1]) {
                Some(feed) => feed + 1,
                None => return Ok(()),
            }
        };
        let end = own.len();
        if own.last() == Some(&b'\n') || to == self.size {
            block.finish(start, end);
            return Ok(());
        }
        self.complete_last_line(path, (end, read_to), start, block)
    }

    /// The last line goes on beyond `end` of the block's bytes, which are read up to `at` of the file: reads on until
    /// the line ends.
    fn complete_last_line(
        &self,
        path: &Location,
        (mut end, mut at): (usize, u64),
        start: usize,
        block: &mut Block,
    ) -> Result<(), CsvError> {
        const STEP_BYTES: u64 = BLOCK_BYTES as u64 / 8;
        let line = memrchr(b'\n', &block.bytes[start..end]).map_or(start, |feed| start + feed + 1);
        loop {
            if let Some(feed) = memchr(b'\n', &block.bytes[end..]) {
                block.finish(start, end + feed + 1);
                return Ok(());
            }
            end = block.bytes.len();
            // One byte more: it may be a carriage return whose line feed is not read yet.
            if end - line > MAX_LINE_BYTES + 1 {
                let mut length = LineLength::new(&block.bytes[line..]);
                self.skip_line(path, at, &mut length)?;
                block.too_long = Some(length.bytes());
                block.finish(start, line + KEPT_BYTES);
                return Ok(());
            }
            if at == self.size {
                block.finish(start, end);
                return Ok(());
            }
            let wanted = STEP_BYTES.min(self.size - at);
            self.fill(path, at, wanted as usize, block)?;
            at += wanted;
        }
    }

    /// Adds the bytes from `at` to the next line feed to `length`.
    fn skip_line(
        &self,
        path: &Location,
        mut at: u64,
        length: &mut LineLength,
    ) -> Result<(), CsvError> {
        let mut scratch = Block::default();
        while at < self.size {
            scratch.clear();
            let wanted = (BLOCK_BYTES as u64).min(self.size - at);
            self.fill(path, at, wanted as usize, &mut scratch)?;
            let feed = memchr(b'\n', &scratch.bytes);
            length.add(&scratch.bytes[..feed.unwrap_or(scratch.bytes.len())]);
            if feed.is_some() {
                break;
            }
            at += wanted;
        }
        Ok(())
    }

    /// Appends `len` bytes from position `at` of the file.
    fn fill(
        &self,
        path: &Location,
        at: u64,
        len: usize,
        block: &mut Block,
    ) -> Result<(), CsvError> {
        let before = block.bytes.len();
        block.bytes.resize(before + len, 0);
        self.file
            .read_exact_at(&mut block.bytes[before..], at)
            .map_err(|source| CsvError::of_read(path, at, source))
    }
}
