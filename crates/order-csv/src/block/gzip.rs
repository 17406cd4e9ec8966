//! A compressed file, which can only be read from the front.

use std::fmt;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use memchr::{memchr, memrchr};
use store::{Location, StoreError};

use super::{BLOCK_BYTES, Block, KEPT_BYTES, LineLength, MAX_LINE_BYTES};
use crate::CsvError;

/// Compressed bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A compressed file, read from the front.
#[derive(Debug)]
pub(crate) struct GzipFile {
    /// The decompressed bytes of all the file's members.
    decoder: MultiGzDecoder<BufReader<Compressed>>,
    /// Bytes of an unfinished line.
    carry: Vec<u8>,
    /// Decompressed bytes so far.
    bytes: u64,
    ended: bool,
}

impl GzipFile {
    pub(crate) fn open(path: &Location) -> Result<GzipFile, CsvError> {
        let compressed = Compressed { reader: Box::new(path.reader()?), position: 0 };
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, compressed));
        Ok(GzipFile { decoder, carry: Vec::new(), bytes: 0, ended: false })
    }

    /// Up to `len` bytes of the front.
    pub(crate) fn read_head(mut self, path: &Location, len: usize) -> Result<Vec<u8>, CsvError> {
        let mut head = Vec::with_capacity(len);
        self.fill(path, len, &mut head)?;
        Ok(head)
    }

    /// Passes over `len` bytes, before the first line is read.
    pub(crate) fn skip(&mut self, path: &Location, len: u64) -> Result<(), CsvError> {
        let skipped = io::copy(&mut (&mut self.decoder).take(len), &mut io::sink());
        self.bytes += skipped.map_err(|error| self.failed(path, error))?;
        Ok(())
    }

    /// Reads the next lines; `false` at the end.
    pub(crate) fn read(&mut self, path: &Location, block: &mut Block) -> Result<bool, CsvError> {
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

    fn skip_line(&mut self, path: &Location, length: &mut LineLength) -> Result<(), CsvError> {
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
    fn fill(&mut self, path: &Location, len: usize, to: &mut Vec<u8>) -> Result<(), CsvError> {
        let read = (&mut self.decoder).take(len as u64).read_to_end(to);
        let read = read.map_err(|error| self.failed(path, error))?;
        self.bytes += read as u64;
        self.ended = read < len;
        Ok(())
    }

    /// What the decoder says of its own, or passes on from the store.
    fn failed(&self, path: &Location, error: io::Error) -> CsvError {
        match error.downcast::<StoreError>() {
            Ok(error) => CsvError::of_read(path, self.decoder.get_ref().get_ref().position, error),
            Err(source) => CsvError::Gzip { path: path.clone(), bytes: self.bytes, source },
        }
    }
}

/// The file as it is stored.
struct Compressed {
    reader: Box<dyn Read + Send>,
    /// Bytes read.
    position: u64,
}

impl Read for Compressed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl fmt::Debug for Compressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressed").field("position", &self.position).finish_non_exhaustive()
    }
}
