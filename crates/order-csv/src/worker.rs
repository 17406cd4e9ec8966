//! One thread's share of a scan.

use std::sync::Arc;

use arrow::array::RecordBatch;
use order_model::{DateFormat, Rejection};

use crate::CsvError;
use crate::block::{Block, KEPT_BYTES, MAX_LINE_BYTES};
use crate::boundaries::{Boundaries, find_boundaries};
use crate::header::Columns;
use crate::line::{Fields, LineReader, Outcome};
use crate::quoted::split_line;
use crate::rejects::{BlockRejects, Detail, KeepRejects};
use crate::runs::RunsBuilder;
use crate::scan::OrderScan;
use crate::source::Counts;
use crate::text::PADDING;

/// Runs of a batch, about.
const BATCH_RUNS: usize = 8_192;

/// Reads blocks until none is left, and delivers order runs.
#[derive(Debug)]
pub struct ScanWorker {
    scan: Arc<OrderScan>,
    file: usize,
    block: Block,
    boundaries: Boundaries,
    lines: BlockReader,
    ended: bool,
}

/// What reads the lines of a block, apart from the block itself.
#[derive(Debug)]
struct BlockReader {
    keep: KeepRejects,
    reader: LineReader,
    runs: RunsBuilder,
    counts: Counts,
    rejects: BlockRejects,
    unquoted: Vec<u8>,
    fields: Vec<(usize, usize)>,
}

impl ScanWorker {
    pub(crate) fn new(scan: Arc<OrderScan>, number: usize) -> ScanWorker {
        let options = scan.options();
        let folder = options.kept_rejects_folder();
        let lines = BlockReader {
            keep: folder.map_or(KeepRejects::None, |_| options.keep_rejects),
            reader: LineReader::new(options.until, options.whole_lines),
            runs: RunsBuilder::new(options.whole_lines),
            counts: Counts::default(),
            rejects: BlockRejects::default(),
            unquoted: Vec::new(),
            fields: Vec::new(),
        };
        let (block, boundaries) = (Block::default(), Boundaries::default());
        // Workers begin at different files, so that each has a gzip file of its own.
        ScanWorker { scan, file: number, block, boundaries, lines, ended: false }
    }

    /// Reads on until a batch of order runs is full; `None` when all files are read. Batches have the columns of
    /// [`schema`](crate::schema).
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, CsvError> {
        self.read_batch().inspect_err(|error| self.scan.note_failure(error))
    }

    fn read_batch(&mut self) -> Result<Option<RecordBatch>, CsvError> {
        while !self.ended && self.lines.runs.len() < BATCH_RUNS {
            match self.scan.next_block(self.file, &mut self.block)? {
                None => {
                    self.lines.end_run();
                    self.ended = true;
                }
                Some((index, file, number)) => {
                    if index != self.file {
                        self.lines.start_file();
                        self.file = index;
                    }
                    let format = file.opened.date_format;
                    let lines = self.lines.read(
                        &self.block,
                        &mut self.boundaries,
                        &file.opened.columns,
                        format,
                    );
                    let counts = std::mem::take(&mut self.lines.counts);
                    let rejects = &mut self.lines.rejects;
                    file.submit(number, lines, &counts, rejects, self.scan.unread())?;
                }
            }
        }
        if self.lines.runs.len() == 0 { Ok(None) } else { Ok(Some(self.lines.runs.finish()?)) }
    }
}

impl BlockReader {
    fn start_file(&mut self) {
        self.reader.start_file(&mut self.runs);
    }

    fn end_run(&mut self) {
        self.reader.end_run(&mut self.runs);
    }

    /// Reads all lines of a block; how many there are.
    fn read(
        &mut self,
        block: &Block,
        boundaries: &mut Boundaries,
        columns: &Columns,
        format: Option<DateFormat>,
    ) -> u32 {
        let (data, end) = block.lines();
        find_boundaries(&data[..end], boundaries);
        let positions = boundaries.positions();
        let mut quotes = boundaries.quotes().iter().copied().peekable();
        let line_count = boundaries.line_ends().len() as u32;
        let (mut line_start, mut first) = (0_usize, 0_usize);
        for (number, &line_end) in (0_u32..).zip(boundaries.line_ends()) {
            let own = &positions[first..=line_end as usize];
            first = line_end as usize + 1;
            let feed = own[own.len() - 1] as usize;
            let mut end = feed;
            if end > line_start && data[end - 1] == b'\r' {
                end -= 1;
            }
            let start = std::mem::replace(&mut line_start, feed + 1);
            if start == end {
                continue;
            }
            if number + 1 == line_count || end - start > MAX_LINE_BYTES {
                // Either the block holds only the beginning of the line, or all of it and that is too much.
                let cut = block.too_long.filter(|_| number + 1 == line_count);
                let bytes = cut.unwrap_or((end - start) as u64);
                if bytes > MAX_LINE_BYTES as u64 {
                    let line = &data[start..end.min(start + KEPT_BYTES)];
                    let detail = Detail::TooLong { bytes, kept: line.len() as u64 };
                    self.count(Outcome::Rejected(Rejection::Malformed, detail), number, line);
                    continue;
                }
            }
            let quoted = quotes.peek().is_some_and(|&quote| (quote as usize) < feed);
            let outcome = if quoted {
                while quotes.next_if(|&quote| (quote as usize) < feed).is_some() {}
                self.read_quoted(&data[start..end], columns, format)
            } else if own.len() == columns.count {
                let fields = Separated { start, end, separators: own };
                let line = &data[start..end];
                self.reader.read(data, &fields, columns, format, line, &mut self.runs)
            } else {
                field_count(own.len(), columns)
            };
            self.count(outcome, number, &data[start..end]);
        }
        line_count
    }

    /// Reads a line that has quotes.
    #[cold]
    fn read_quoted(
        &mut self,
        line: &[u8],
        columns: &Columns,
        format: Option<DateFormat>,
    ) -> Outcome {
        if let Err(detail) = split_line(line, &mut self.unquoted, &mut self.fields) {
            return Outcome::Rejected(Rejection::Malformed, detail);
        }
        if self.fields.len() != columns.count {
            return field_count(self.fields.len(), columns);
        }
        self.unquoted.resize(self.unquoted.len() + PADDING, 0);
        let fields = Unquoted { ranges: &self.fields };
        self.reader.read(&self.unquoted, &fields, columns, format, line, &mut self.runs)
    }

    #[inline(always)]
    fn count(&mut self, outcome: Outcome, number: u32, line: &[u8]) {
        self.counts.rows += 1;
        match outcome {
            Outcome::Kept => self.counts.kept += 1,
            Outcome::AfterSnapshot => self.counts.after_snapshot += 1,
            Outcome::Rejected(reason, detail) => {
                self.counts.rejected[reason.index()] += 1;
                let keep = match self.keep {
                    KeepRejects::All => true,
                    KeepRejects::Malformed => reason == Rejection::Malformed,
                    KeepRejects::None => false,
                };
                if keep {
                    self.rejects.push(number, reason, detail, line);
                }
            }
        }
    }
}

#[cold]
fn field_count(found: usize, columns: &Columns) -> Outcome {
    let detail = Detail::FieldCount { found: found as u32, expected: columns.count as u32 };
    Outcome::Rejected(Rejection::Malformed, detail)
}

/// Fields of a line without quotes.
struct Separated<'a> {
    start: usize,
    /// Without the line end.
    end: usize,
    /// One for each field: the comma after it, or the line feed.
    separators: &'a [u32],
}

impl Fields for Separated<'_> {
    #[inline(always)]
    fn range(&self, index: usize) -> (usize, usize) {
        let start = if index == 0 { self.start } else { self.separators[index - 1] as usize + 1 };
        // Only the last field ends before the line feed's place: by the carriage return.
        (start, (self.separators[index] as usize).min(self.end))
    }
}

/// Fields of a line whose quotes were taken away.
struct Unquoted<'a> {
    ranges: &'a [(usize, usize)],
}

impl Fields for Unquoted<'_> {
    #[inline(always)]
    fn range(&self, index: usize) -> (usize, usize) {
        self.ranges[index]
    }
}
