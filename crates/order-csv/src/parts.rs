//! A scan in parts that are read in different places: which parts there are, and what they gave, put together.
//!
//! One process opens the scan and cuts it ([`OrderScan::parts`]). Whoever reads a part opens its file anew ([`OrderScan::open_parts`]), for
//! the header and the format of the dates stand at the beginning of the file and are the same for everybody. What a part gave is a
//! [`PartSummary`]. It knows nothing of the lines before it: the lines in its rejects file are counted from its own first one, and
//! [`ScannedParts::complete_rejects`] makes the numbers those of the file.

use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use order_model::Rejection;
use store::{Location, StoreError, StoreErrorKind};

use crate::block::BLOCK_BYTES;
use crate::rejects::{create, failed, push_number};
use crate::source::Counts;
use crate::{CsvError, FileSummary, InputFile, OrderScan, ScanOptions, ScanSummary};

/// Bytes that are read at once of a part's rejects file.
const BUFFER_BYTES: usize = 1024 * 1024;
/// So many of them may wait for being written.
const BUFFERS: usize = 4;

/// A part of an input file that can be read by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// The file's number in the scan that was cut, from 0.
    pub file: usize,
    /// The file.
    pub input: InputFile,
    /// The blocks of it. All of a gzip file, whatever they are.
    pub blocks: Range<u64>,
}

/// What came of a part. `rows` = `kept` + `after_snapshot` + the sum of `rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartSummary {
    /// Lines, blank ones included, without the header.
    pub lines: u64,
    /// Rows read.
    pub rows: u64,
    /// Purchases handed on.
    pub kept: u64,
    /// Purchases at or after [`ScanOptions::until`].
    pub after_snapshot: u64,
    /// Rejected rows by reason, as in [`Rejection::ALL`].
    pub rejected: [u64; Rejection::ALL.len()],
    /// Its rejects file, if it has any rejects; the part's first line is line 2 in it.
    pub rejects_file: Option<Location>,
}

impl OrderScan {
    /// Cuts the scan into pieces of about `bytes` bytes, each some parts of files. Every block is in one of them.
    pub fn parts(&self, bytes: u64) -> Vec<Vec<FilePart>> {
        let blocks_each = bytes.div_ceil(BLOCK_BYTES as u64).max(1);
        let (mut pieces, mut piece, mut size) = (Vec::new(), Vec::new(), 0);
        for (file, state) in self.files().iter().enumerate() {
            let input = &state.opened.input;
            let gzip_blocks = || input.size.div_ceil(BLOCK_BYTES as u64).max(1);
            let mut left = state.blocks().unwrap_or_else(gzip_blocks);
            let mut from = 0;
            while left > 0 {
                let (blocks, cost) = match state.blocks() {
                    // It can only be read from the front.
                    None => (0..u64::MAX, left),
                    Some(_) => {
                        let taken = left.min(blocks_each - size);
                        (from..from + taken, taken)
                    }
                };
                piece.push(FilePart { file, input: input.clone(), blocks });
                (left, from, size) = (left - cost, from + cost, size + cost);
                if size >= blocks_each {
                    pieces.push(std::mem::take(&mut piece));
                    size = 0;
                }
            }
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }

    /// Opens parts of files. The folder of [`ScanOptions::rejects_folder`] has to be one that nobody else writes to, another
    /// attempt at the same parts included.
    pub fn open_parts(parts: &[FilePart], options: ScanOptions) -> Result<OrderScan, CsvError> {
        let parts = parts.iter().map(|part| (part.input.clone(), Some(part.blocks.clone())));
        Self::open_each(parts, options)
    }

    /// What came of each part, in the order given, after all workers have ended.
    pub fn part_summaries(&self) -> Vec<PartSummary> {
        let summary = |file: &crate::source::FileState| {
            let (counts, rejects_file) = file.result();
            let Counts { rows, kept, after_snapshot, rejected } = counts;
            PartSummary { lines: file.lines(), rows, kept, after_snapshot, rejected, rejects_file }
        };
        self.files().iter().map(summary).collect()
    }
}

/// What the parts of a scan gave together.
#[derive(Debug)]
pub struct ScannedParts {
    scan: Arc<OrderScan>,
    /// In the order of the input.
    parts: Vec<(FilePart, PartSummary)>,
}

impl ScannedParts {
    /// `scan` is the one that was cut, `parts` all of its parts in any order.
    pub fn new(scan: Arc<OrderScan>, mut parts: Vec<(FilePart, PartSummary)>) -> ScannedParts {
        parts.sort_by_key(|(part, _)| (part.file, part.blocks.start));
        ScannedParts { scan, parts }
    }

    /// The counts of all parts together.
    pub fn summary(&self) -> ScanSummary {
        let mut total = Counts::default();
        let mut files = Vec::with_capacity(self.scan.files().len());
        for (file, state) in self.scan.files().iter().enumerate() {
            let mut counts = Counts::default();
            let mut has_rejects = false;
            for part in self.of(file).map(|(_, part)| part) {
                let &PartSummary { rows, kept, after_snapshot, rejected, .. } = part;
                counts.add(&Counts { rows, kept, after_snapshot, rejected });
                has_rejects |= part.rejects_file.is_some();
            }
            files.push(FileSummary {
                location: state.opened.input.location.clone(),
                bytes: state.opened.input.size,
                rows: counts.rows,
                rejected: counts.rejected.iter().sum(),
                date_format: state.opened.date_format,
                rejects_file: state.rejects_path().filter(|_| has_rejects),
            });
            total.add(&counts);
        }
        let rejected = Rejection::ALL.into_iter().zip(total.rejected).collect();
        let Counts { rows, kept, after_snapshot, .. } = total;
        ScanSummary { files, rows, kept, after_snapshot, rejected }
    }

    /// Makes one rejects file of those of a file's parts, the one that a scan of the whole file writes. They are durable then,
    /// and the parts' files are still there.
    pub fn complete_rejects(&self) -> Result<(), CsvError> {
        for (file, state) in self.scan.files().iter().enumerate() {
            let Some(path) = state.rejects_path() else { continue };
            if self.of(file).all(|(_, part)| part.rejects_file.is_none()) {
                continue;
            }
            let mut joined = create(&path)?;
            // Another thread reads, and gives the rows their numbers.
            let (rows, renumbered) = sync_channel::<Vec<u8>>(BUFFERS);
            std::thread::scope(|scope| {
                let reader = scope.spawn(move || self.renumber(file, &rows));
                let written = renumbered.iter().try_for_each(|bytes| joined.write_all(&bytes));
                // Before it is waited for: it may want to send more.
                drop(renumbered);
                let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
                written.map_err(|error| failed(&path, error)).and(read)
            })?;
            let joined = joined.into_inner();
            let joined = joined.map_err(|error| failed(&path, error.into_error()))?;
            joined.finish().map_err(CsvError::Rejects)?;
        }
        Ok(())
    }

    /// Sends the rows of all parts of a file, as long as somebody takes them.
    fn renumber(&self, file: usize, to: &SyncSender<Vec<u8>>) -> Result<(), CsvError> {
        let mut lines = 0;
        for (_, part) in self.of(file) {
            if let Some(from) = &part.rejects_file
                && !append(from, lines, to)?
            {
                break;
            }
            lines += part.lines;
        }
        Ok(())
    }

    fn of(&self, file: usize) -> impl Iterator<Item = &(FilePart, PartSummary)> {
        let from = self.parts.partition_point(|(part, _)| part.file < file);
        self.parts.iter().skip(from).take_while(move |(part, _)| part.file == file)
    }
}

/// Passes the rows of a part's rejects file on, without its header, their line numbers greater by `lines`: many at a time, for there
/// may be as many as a quarter of all rows, and everybody waits for this. Whether they were all taken.
fn append(from: &Location, lines: u64, to: &SyncSender<Vec<u8>>) -> Result<bool, CsvError> {
    let mut reader = from.reader().map_err(CsvError::Rejects)?;
    let broken = || {
        let problem = "a row without a line number: it was changed, or is not complete";
        let error = StoreError::new(StoreErrorKind::Other, "read", from.to_string(), problem);
        CsvError::Rejects(error)
    };
    // The end of what was read, which may be the beginning of a row.
    let mut rest = Vec::new();
    let mut is_header = true;
    loop {
        let before = rest.len();
        let read = (&mut reader).take(BUFFER_BYTES as u64).read_to_end(&mut rest);
        read.map_err(|error| {
            CsvError::Rejects(StoreError::from_io("read", from.to_string(), error))
        })?;
        if rest.len() == before {
            return if rest.is_empty() { Ok(true) } else { Err(broken()) };
        }
        let Some(end) = memchr::memrchr(b'\n', &rest) else { continue };
        let (rows, begun) = rest.split_at(end + 1);
        // Numbers become longer by some digits.
        let mut renumbered = Vec::with_capacity(rows.len() + rows.len() / 8);
        let mut rows = rows;
        // A row is one line: line breaks end rows, so none is inside.
        while let Some(end) = memchr::memchr(b'\n', rows) {
            let (row, after) = rows.split_at(end + 1);
            rows = after;
            if std::mem::take(&mut is_header) {
                continue;
            }
            let (line, text) = leading_number(row).ok_or_else(broken)?;
            push_number(&mut renumbered, line.checked_add(lines).ok_or_else(broken)?);
            renumbered.extend_from_slice(text);
        }
        rest = begun.to_vec();
        if to.send(renumbered).is_err() {
            return Ok(false);
        }
    }
}

/// The number at the beginning of a row, and the row from the comma after it on.
fn leading_number(row: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in row.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            }
            b',' if at > 0 => return Some((number, row.get(at..)?)),
            _ => return None,
        }
    }
    None
}
