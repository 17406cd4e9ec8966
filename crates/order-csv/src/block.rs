//! Blocks: pieces of an input file that hold whole lines, so that threads can read them independently.
//!
//! A plain file is cut at fixed positions, and a line belongs to the block in which it begins: any thread can find its
//! block's first line by itself, because a line break always ends a row. A gzip file can only be read from the front; its blocks
//! are handed out in order by whoever holds its lock.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use memchr::{memchr, memrchr};

use crate::CsvError;
use crate::boundaries::STEP;
use crate::file::gzip_decoder;
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

/// A file that is cut at fixed positions.
#[derive(Debug)]
pub(crate) struct PlainFile {
    file: File,
    /// Where the rows begin and the file ends.
    begin: u64,
    size: u64,
}

impl PlainFile {
    pub(crate) fn open(path: &Path, begin: u64, size: u64) -> Result<PlainFile, CsvError> {
        let file = File::open(path).map_err(|source| CsvError::Read {
            path: path.to_owned(),
            offset: 0,
            source,
        })?;
        Ok(PlainFile { file, begin, size })
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.size.saturating_sub(self.begin).div_ceil(BLOCK_BYTES as u64)
    }

    /// Reads the lines that begin in block `number`; possibly none.
    pub(crate) fn read(&self, path: &Path, number: u64, block: &mut Block) -> Result<(), CsvError> {
        block.clear();
        let from = self.begin + number * BLOCK_BYTES as u64;
        let to = (from + BLOCK_BYTES as u64).min(self.size);
        // Except in the first block, the byte before tells whether a line begins right at `from`.
        let read_from = if number == 0 { from } else { from - 1 };
        self.fill(path, read_from, (to - read_from) as usize, block)?;
        let start = if number == 0 {
            0
        } else {
            // A line feed in the last place begins a line of the next block.
            let own = block.bytes.get(..block.bytes.len() - 1).unwrap_or_default();
            match memchr(b'\n', own) {
                Some(feed) => feed + 1,
                None => return Ok(()),
            }
        };
        if block.bytes.last() == Some(&b'\n') || to == self.size {
            let end = block.bytes.len();
            block.finish(start, end);
            return Ok(());
        }
        self.complete_last_line(path, to, start, block)
    }

    /// The last line goes on beyond `at`: reads on until it ends.
    fn complete_last_line(
        &self,
        path: &Path,
        mut at: u64,
        start: usize,
        block: &mut Block,
    ) -> Result<(), CsvError> {
        const STEP_BYTES: u64 = 4 * 1024;
        let line = memrchr(b'\n', &block.bytes[start..]).map_or(start, |feed| start + feed + 1);
        let mut step = STEP_BYTES;
        while at < self.size {
            let before = block.bytes.len();
            let wanted = step.min(self.size - at);
            self.fill(path, at, wanted as usize, block)?;
            at += wanted;
            if let Some(feed) = memchr(b'\n', &block.bytes[before..]) {
                let end = before + feed + 1;
                block.finish(start, end);
                return Ok(());
            }
            // One byte more: it may be a carriage return whose line feed is not read yet.
            if block.bytes.len() - line > MAX_LINE_BYTES + 1 {
                let mut length = LineLength::new(&block.bytes[line..]);
                block.bytes.truncate(line + KEPT_BYTES);
                self.skip_line(path, at, &mut length)?;
                block.too_long = Some(length.bytes());
                let end = block.bytes.len();
                block.finish(start, end);
                return Ok(());
            }
            step = BLOCK_BYTES as u64 / 8;
        }
        let end = block.bytes.len();
        block.finish(start, end);
        Ok(())
    }

    /// Adds the bytes from `at` to the next line feed to `length`.
    fn skip_line(&self, path: &Path, mut at: u64, length: &mut LineLength) -> Result<(), CsvError> {
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
    fn fill(&self, path: &Path, at: u64, len: usize, block: &mut Block) -> Result<(), CsvError> {
        let before = block.bytes.len();
        block.bytes.resize(before + len, 0);
        self.file.read_exact_at(&mut block.bytes[before..], at).map_err(|source| {
            match source.kind() {
                io::ErrorKind::UnexpectedEof => {
                    CsvError::Changed { path: path.to_owned(), offset: at }
                }
                _ => CsvError::Read { path: path.to_owned(), offset: at, source },
            }
        })
    }
}

/// A compressed file, read from the front.
#[derive(Debug)]
pub(crate) struct GzipFile {
    decoder: MultiGzDecoder<BufReader<File>>,
    /// Bytes of an unfinished line.
    carry: Vec<u8>,
    /// Decompressed bytes so far.
    bytes: u64,
    ended: bool,
}

impl GzipFile {
    pub(crate) fn open(path: &Path, begin: u64) -> Result<GzipFile, CsvError> {
        let mut decoder = gzip_decoder(path)?;
        io::copy(&mut (&mut decoder).take(begin), &mut io::sink())
            .map_err(|source| CsvError::Gzip { path: path.to_owned(), bytes: 0, source })?;
        Ok(GzipFile { decoder, carry: Vec::new(), bytes: begin, ended: false })
    }

    /// Reads the next lines; `false` at the end.
    pub(crate) fn read(&mut self, path: &Path, block: &mut Block) -> Result<bool, CsvError> {
        block.clear();
        block.bytes.append(&mut self.carry);
        loop {
            let before = block.bytes.len();
            self.fill(path, BLOCK_BYTES, &mut block.bytes)?;
            if let Some(feed) = memrchr(b'\n', &block.bytes[before..]) {
                let end = if self.ended { block.bytes.len() } else { before + feed + 1 };
                self.carry.extend_from_slice(&block.bytes[end..]);
                block.finish(0, end);
                return Ok(true);
            }
            if self.ended {
                let end = block.bytes.len();
                block.finish(0, end);
                return Ok(end > 0);
            }
            // One byte more: it may be a carriage return whose line feed is not read yet.
            if block.bytes.len() > MAX_LINE_BYTES + 1 {
                let mut length = LineLength::new(&block.bytes);
                block.bytes.truncate(KEPT_BYTES);
                self.skip_line(path, &mut length)?;
                block.too_long = Some(length.bytes());
                block.finish(0, KEPT_BYTES);
                return Ok(true);
            }
        }
    }

    /// Whether the stream's last byte is read.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    fn skip_line(&mut self, path: &Path, length: &mut LineLength) -> Result<(), CsvError> {
        let mut scratch = Vec::new();
        while !self.ended {
            scratch.clear();
            self.fill(path, BLOCK_BYTES, &mut scratch)?;
            let feed = memchr(b'\n', &scratch);
            length.add(&scratch[..feed.unwrap_or(scratch.len())]);
            if let Some(feed) = feed {
                self.carry.extend_from_slice(&scratch[feed + 1..]);
                break;
            }
        }
        Ok(())
    }

    /// Appends up to `len` decompressed bytes.
    fn fill(&mut self, path: &Path, len: usize, to: &mut Vec<u8>) -> Result<(), CsvError> {
        let read = (&mut self.decoder).take(len as u64).read_to_end(to).map_err(|source| {
            CsvError::Gzip { path: path.to_owned(), bytes: self.bytes, source }
        })?;
        self.bytes += read as u64;
        self.ended = read < len;
        Ok(())
    }
}
