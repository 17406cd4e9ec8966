//! One input file while its rows are read: who takes which block, and what came of it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use order_model::Rejection;
use store::Location;

use crate::block::{BLOCK_BYTES, Block, GzipFile, PlainFile};
use crate::file::OpenedFile;
use crate::rejects::{BlockRejects, RejectsFile};
use crate::{CsvError, FilePart, lock};

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub rows: u64,
    pub kept: u64,
    pub after_snapshot: u64,
    pub rejected: [u64; Rejection::ALL.len()],
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.rows += other.rows;
        self.kept += other.kept;
        self.after_snapshot += other.after_snapshot;
        for (sum, count) in self.rejected.iter_mut().zip(other.rejected) {
            *sum += count;
        }
    }
}

/// A file that workers read.
#[derive(Debug)]
pub(crate) struct FileState {
    pub opened: OpenedFile,
    source: Source,
    /// Blocks it has; of a gzip file that shows when the last one is read, and until then this is more than any file
    /// has.
    blocks: AtomicU64,
    counts: Mutex<Counts>,
    rejects: RejectsFile,
}

#[derive(Debug)]
enum Source {
    /// `next` is counted from block `first` on, as all numbers of blocks outside are.
    Plain {
        file: PlainFile,
        first: u64,
        blocks: u64,
        next: AtomicU64,
    },
    Gzip {
        started: AtomicBool,
        stream: Mutex<GzipStream>,
    },
}

#[derive(Debug)]
enum GzipStream {
    Unopened,
    Open { file: Box<GzipFile>, next: u64 },
    Ended,
}

impl FileState {
    /// With `part` only its blocks of a plain file are read; a gzip file is always read whole.
    pub(crate) fn new(
        opened: OpenedFile,
        rejects: Option<Location>,
        part: Option<&FilePart>,
    ) -> FileState {
        let rejects = RejectsFile::new(rejects, part.map(|part| part.lines_before));
        let part: Option<Range<u64>> = part.map(|part| part.blocks.clone());
        let (source, blocks) = match &opened.plain {
            None => {
                let stream = Mutex::new(GzipStream::Unopened);
                (Source::Gzip { started: AtomicBool::new(false), stream }, u64::MAX)
            }
            Some(file) => {
                let (begin, size) = (opened.header_bytes, opened.input.size);
                let file = PlainFile::new(Arc::clone(file), begin, size);
                let part = part.unwrap_or(0..u64::MAX);
                let first = part.start.min(file.blocks());
                let blocks = part.end.min(file.blocks()).saturating_sub(first);
                (Source::Plain { file, first, blocks, next: AtomicU64::new(0) }, blocks)
            }
        };
        let blocks = AtomicU64::new(blocks);
        FileState { opened, source, blocks, counts: Mutex::default(), rejects }
    }

    /// Whether a worker can read it without waiting for another one.
    pub(crate) fn is_free(&self) -> bool {
        match &self.source {
            Source::Plain { .. } => true,
            Source::Gzip { started, .. } => !started.load(Ordering::Relaxed),
        }
    }

    /// Takes the next block: its number, and the bytes of input it stands for. `None` at the end.
    pub(crate) fn next_block(&self, block: &mut Block) -> Result<Option<(u64, u64)>, CsvError> {
        let path = &self.opened.input.location;
        match &self.source {
            Source::Plain { file, first, blocks, next } => {
                if next.load(Ordering::Relaxed) >= *blocks {
                    return Ok(None);
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= *blocks {
                    return Ok(None);
                }
                file.read(path, first + number, block)?;
                Ok(Some((number, BLOCK_BYTES as u64)))
            }
            Source::Gzip { started, stream } => {
                started.store(true, Ordering::Relaxed);
                lock(stream).next_block(self, block)
            }
        }
    }

    /// Hands in what came of block `number`; `rejects` is empty afterwards. `unread` counts the files whose blocks have not all come.
    pub(crate) fn submit(
        &self,
        number: u64,
        lines: u32,
        counts: &Counts,
        rejects: &mut BlockRejects,
        unread: &AtomicUsize,
    ) -> Result<(), CsvError> {
        lock(&self.counts).add(counts);
        let is_read = self.rejects.submit(number, lines, rejects, &self.blocks)?;
        // Each open rejects file holds a buffer, in a store on the network also a connection. The last one stays open
        // for `complete_rejects`, for until it is durable takes long, and nobody has to wait for that.
        if is_read && unread.fetch_sub(1, Ordering::Relaxed) > 1 {
            self.rejects.complete()?;
        }
        Ok(())
    }

    /// Whether there is anything to read, as far as is known.
    pub(crate) fn has_blocks(&self) -> bool {
        self.blocks.load(Ordering::Relaxed) > 0
    }

    /// Blocks it has; `None` for a gzip file that is not read to its end.
    pub(crate) fn blocks(&self) -> Option<u64> {
        Some(self.blocks.load(Ordering::Relaxed)).filter(|&blocks| blocks < u64::MAX)
    }

    /// Lines that were read, blank ones included and the header not.
    pub(crate) fn lines(&self) -> u64 {
        self.rejects.lines()
    }

    /// How many lines its blocks have, without reading them. Of a gzip file, of which nobody reads the rest, 0.
    pub(crate) fn count_lines(&self) -> Result<u64, CsvError> {
        match &self.source {
            Source::Plain { file, first, blocks, .. } => {
                file.count_lines(&self.opened.input.location, *first..first + blocks)
            }
            Source::Gzip { .. } => Ok(0),
        }
    }

    /// The counts of the whole file, and its rejects file if it has one.
    pub(crate) fn result(&self) -> (Counts, Option<Location>) {
        (*lock(&self.counts), self.rejects.location())
    }

    /// Completes the rejects file, if it is open.
    pub(crate) fn complete_rejects(&self) -> Result<(), CsvError> {
        self.rejects.complete()
    }
}

impl GzipStream {
    fn next_block(
        &mut self,
        of: &FileState,
        block: &mut Block,
    ) -> Result<Option<(u64, u64)>, CsvError> {
        let input = &of.opened.input;
        let path = &input.location;
        if let GzipStream::Unopened = self {
            let mut file = GzipFile::open(path)?;
            file.skip(path, of.opened.header_bytes)?;
            *self = GzipStream::Open { file: Box::new(file), next: 0 };
        }
        let GzipStream::Open { file, next } = self else { return Ok(None) };
        if file.read(path, block)? {
            let number = *next;
            *next += 1;
            // How far the compressed file is read is known only at its end.
            if !file.ended() {
                return Ok(Some((number, 0)));
            }
            of.blocks.store(*next, Ordering::Release);
            Ok(Some((number, input.size)))
        } else {
            *self = GzipStream::Ended;
            Ok(None)
        }
    }
}
