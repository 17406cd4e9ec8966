//! A scan in parts that are read in different places: which parts there are, and what they gave, put together.
//!
//! One process opens the scan and cuts it ([`OrderScan::parts`]). Whoever reads a part opens its file anew ([`OrderScan::open_parts`]), for
//! the header and the format of the dates stand at the beginning of the file and are the same for everybody. What a part gave is a
//! [`PartSummary`]. A part does not know how many lines come before it. Where rejected rows are kept, which have their number in the file,
//! the lines of all parts are counted first ([`OrderScan::count_lines`], [`number_lines`]), for which only line feeds are looked for, and
//! what is rejected is written once.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use order_model::Rejection;
use store::Location;

use crate::block::BLOCK_BYTES;
use crate::source::{Counts, FileState};
use crate::{CsvError, FileSummary, InputFile, OrderScan, ScanOptions, ScanSummary};

/// A part of an input file that can be read by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// The file's number in the scan that was cut, from 0.
    pub file: usize,
    /// The file.
    pub input: InputFile,
    /// The blocks of it. All of a gzip file, whatever they are.
    pub blocks: Range<u64>,
    /// Lines of the file before those, without the header; see [`number_lines`].
    pub lines_before: u64,
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
    /// Its rejects file, if it has any rejects.
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
                piece.push(FilePart { file, input: input.clone(), blocks, lines_before: 0 });
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

    /// Opens parts of files. `attempt` is in the names of the rejects files: no two that read the same parts may have the same. These files
    /// are not durable before [`ScannedParts::complete_rejects`].
    pub fn open_parts(
        parts: &[FilePart],
        attempt: &str,
        options: ScanOptions,
    ) -> Result<OrderScan, CsvError> {
        Self::open_each(
            parts.iter().map(|part| (part.input.clone(), Some((part, attempt)))),
            options,
        )
    }

    /// How many lines each part has, without reading what is in them.
    pub fn count_lines(&self) -> Result<Vec<u64>, CsvError> {
        self.files().iter().map(FileState::count_lines).collect()
    }

    /// What came of each part, in the order given, after all workers have ended.
    pub fn part_summaries(&self) -> Vec<PartSummary> {
        let summary = |file: &FileState| {
            let (counts, rejects_file) = file.result();
            let Counts { rows, kept, after_snapshot, rejected } = counts;
            PartSummary { lines: file.lines(), rows, kept, after_snapshot, rejected, rejects_file }
        };
        self.files().iter().map(summary).collect()
    }
}

/// The parts that another part of the same file follows, whose lines have to be counted.
pub fn continued_parts(pieces: &[Vec<FilePart>]) -> Vec<FilePart> {
    let all: Vec<&FilePart> = pieces.iter().flatten().collect();
    let pairs = all.iter().zip(all.iter().skip(1));
    pairs.filter(|(part, next)| part.file == next.file).map(|(part, _)| (*part).clone()).collect()
}

/// Tells all parts how many lines come before them. `counted` are the [`continued_parts`], each with its lines.
pub fn number_lines(pieces: &mut [Vec<FilePart>], counted: &[(FilePart, u64)]) {
    let mut counted = counted.iter().peekable();
    let mut before = 0;
    for part in pieces.iter_mut().flatten() {
        part.lines_before = before;
        let is_same = |(of, _): &&(FilePart, u64)| of.file == part.file && of.blocks == part.blocks;
        before = counted.next_if(is_same).map_or(0, |(_, lines)| before + lines);
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
            for part in self.of(file).map(|(_, part)| part) {
                let &PartSummary { rows, kept, after_snapshot, rejected, .. } = part;
                counts.add(&Counts { rows, kept, after_snapshot, rejected });
            }
            files.push(FileSummary {
                location: state.opened.input.location.clone(),
                bytes: state.opened.input.size,
                rows: counts.rows,
                rejected: counts.rejected.iter().sum(),
                date_format: state.opened.date_format,
                rejects_files: self.of(file).filter_map(|(_, p)| p.rejects_file.clone()).collect(),
            });
            total.add(&counts);
        }
        let rejected = Rejection::ALL.into_iter().zip(total.rejected).collect();
        let Counts { rows, kept, after_snapshot, .. } = total;
        ScanSummary { files, rows, kept, after_snapshot, rejected }
    }

    /// Waits until all rejects files are durable, and removes from `folder`, where they are, those of attempts that do not count.
    ///
    /// # Errors
    /// [`CsvError::OtherLines`]: the numbers in the rejects files are wrong.
    pub fn complete_rejects(&self, folder: &Location) -> Result<(), CsvError> {
        for (part, next) in self.parts.iter().zip(self.parts.iter().skip(1)) {
            let lines = part.0.lines_before + part.1.lines;
            if part.0.file == next.0.file && next.0.lines_before != lines {
                return Err(CsvError::OtherLines { path: part.0.input.location.clone() });
            }
        }
        let files = || self.parts.iter().filter_map(|(_, part)| part.rejects_file.as_ref());
        files().try_for_each(Location::sync).map_err(CsvError::Rejects)?;
        let names: HashSet<&str> = files().map(Location::name).collect();
        for entry in folder.list_if_exists().map_err(CsvError::Rejects)? {
            if !names.contains(&*entry.name) {
                folder.join(&entry.name).remove_file().map_err(CsvError::Rejects)?;
            }
        }
        Ok(())
    }

    fn of(&self, file: usize) -> impl Iterator<Item = &(FilePart, PartSummary)> {
        let from = self.parts.partition_point(|(part, _)| part.file < file);
        self.parts.iter().skip(from).take_while(move |(part, _)| part.file == file)
    }
}
