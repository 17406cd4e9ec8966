//! The scan: files -> blocks -> lines -> order runs, by any number of threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use order_model::{DateFormat, Rejection, Timestamp};
use store::Location;

use crate::block::Block;
use crate::file::OpenedFile;
use crate::rejects::KeepRejects;
use crate::source::{Counts, FileState};
use crate::worker::ScanWorker;
use crate::{CsvError, FilePart, InputFile};

/// What to read and what to keep.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// How dates are written; detected for each file if not given.
    pub date_format: Option<DateFormat>,
    /// Purchases at or after this instant are counted but left out.
    pub until: Option<Timestamp>,
    /// Each line is a run of its own and comes with its bytes, so that exact duplicates can be found.
    pub whole_lines: bool,
    /// Folder for rejects files; it is created when the first row is rejected. Without it none are written.
    pub rejects_folder: Option<Location>,
    /// Which rejected rows are written.
    pub keep_rejects: KeepRejects,
}

/// A scan of some files, shared by the threads that do it.
#[derive(Debug)]
pub struct OrderScan {
    files: Vec<FileState>,
    options: ScanOptions,
    workers: AtomicUsize,
    bytes: AtomicU64,
    /// Files of which blocks are missing.
    unread: AtomicUsize,
    retryable: AtomicBool,
}

/// What a scan saw of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSummary {
    /// The file.
    pub location: Location,
    /// Its size in the store in bytes.
    pub bytes: u64,
    /// Rows read; blank lines are none.
    pub rows: u64,
    /// Rows rejected, for whatever reason.
    pub rejected: u64,
    /// How its dates are written; `None` if no date of the file's beginning is in a known format; each is
    /// then read in whichever it is.
    pub date_format: Option<DateFormat>,
    /// Its rejects files, in the order of its rows: none if it has no rejects, and one if it was not read in parts.
    pub rejects_files: Vec<Location>,
}

/// What a scan saw. `rows` = `kept` + `after_snapshot` + the sum of `rejected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanSummary {
    /// File by file, in the order given.
    pub files: Vec<FileSummary>,
    /// Rows read.
    pub rows: u64,
    /// Purchases handed on.
    pub kept: u64,
    /// Purchases at or after [`ScanOptions::until`].
    pub after_snapshot: u64,
    /// Rejected rows by reason.
    pub rejected: Vec<(Rejection, u64)>,
}

impl ScanOptions {
    /// Where rejected rows are written, if any are.
    pub fn kept_rejects_folder(&self) -> Option<&Location> {
        self.rejects_folder.as_ref().filter(|_| self.keep_rejects != KeepRejects::None)
    }
}

impl OrderScan {
    /// Opens all files and reads their headers; rows are read by the workers.
    pub fn open(inputs: Vec<InputFile>, options: ScanOptions) -> Result<OrderScan, CsvError> {
        Self::open_each(inputs.into_iter().map(|input| (input, None)), options)
    }

    /// Opens files. Of those with a part only that is read, by the attempt named beside it.
    pub(crate) fn open_each<'a>(
        inputs: impl Iterator<Item = (InputFile, Option<(&'a FilePart, &'a str)>)>,
        options: ScanOptions,
    ) -> Result<OrderScan, CsvError> {
        let mut files = Vec::with_capacity(inputs.size_hint().0);
        for (index, (input, part)) in inputs.enumerate() {
            let rejects = options.kept_rejects_folder().map(|folder| {
                let name = input.location.name();
                let name = name.strip_suffix(".gz").unwrap_or(name);
                let name = name.strip_suffix(".csv").unwrap_or(name);
                folder.join(&match part {
                    None => format!("{index:05}-{name}.rejects.csv"),
                    Some((part, attempt)) => {
                        format!("{:05}-{name}.{attempt}.rejects.csv", part.file)
                    }
                })
            });
            let opened = OpenedFile::open(input, options.date_format)?;
            files.push(FileState::new(opened, rejects, part.map(|(part, _)| part)));
        }
        let unread = files.iter().filter(|file| file.has_blocks()).count();
        Ok(OrderScan {
            files,
            options,
            workers: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            unread: AtomicUsize::new(unread),
            retryable: AtomicBool::new(false),
        })
    }

    /// Bytes of all files as they are stored.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.opened.input.size).sum()
    }

    /// Bytes read so far, for progress; those of a gzip file count when it has ended.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a worker ended with an error that [`CsvError::is_retryable`]. For a caller whom an engine between them
    /// gives only the error's text.
    pub fn failed_retryably(&self) -> bool {
        self.retryable.load(Ordering::Relaxed)
    }

    /// A new worker. Any number may run at once; together they deliver every run once.
    pub fn worker(self: &Arc<Self>) -> ScanWorker {
        ScanWorker::new(Arc::clone(self), self.workers.fetch_add(1, Ordering::Relaxed))
    }

    /// Completes the rejects files and adds up the counts, after all workers have ended.
    pub fn finish(&self) -> Result<ScanSummary, CsvError> {
        self.complete_rejects()?;
        Ok(self.summary())
    }

    /// Completes the rejects files, after all workers have ended: they are durable then, and without this those that
    /// are not are removed with the scan. On a disk it may take a tenth of the time of the scan, on a thread of its own
    /// none.
    pub fn complete_rejects(&self) -> Result<(), CsvError> {
        self.files.iter().try_for_each(FileState::complete_rejects)
    }

    /// Adds up the counts, after all workers have ended.
    pub fn summary(&self) -> ScanSummary {
        let mut total = Counts::default();
        let mut files = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let (counts, rejects_file) = file.result();
            files.push(FileSummary {
                location: file.opened.input.location.clone(),
                bytes: file.opened.input.size,
                rows: counts.rows,
                rejected: counts.rejected.iter().sum(),
                date_format: file.opened.date_format,
                rejects_files: rejects_file.into_iter().collect(),
            });
            total.add(&counts);
        }
        let rejected = Rejection::ALL.into_iter().zip(total.rejected).collect();
        let Counts { rows, kept, after_snapshot, .. } = total;
        ScanSummary { files, rows, kept, after_snapshot, rejected }
    }

    pub(crate) fn files(&self) -> &[FileState] {
        &self.files
    }

    pub(crate) fn unread(&self) -> &AtomicUsize {
        &self.unread
    }

    pub(crate) fn note_failure(&self, error: &CsvError) {
        self.retryable.fetch_or(error.is_retryable(), Ordering::Relaxed);
    }

    pub(crate) fn options(&self) -> &ScanOptions {
        &self.options
    }

    /// Fills `block` with lines that nobody has read yet: their file and the block's number in it, or `None` at the end
    /// of all files. The search begins at file `preferred`, for every change of file costs a worker its open run.
    pub(crate) fn next_block(
        &self,
        preferred: usize,
        block: &mut Block,
    ) -> Result<Option<(usize, &FileState, u64)>, CsvError> {
        let count = self.files.len();
        let order = (0..count).map(|offset| (preferred + offset) % count);
        // A gzip file is read by one worker at a time: first look for one that nobody reads, then help somebody.
        for join in [false, true] {
            for index in order.clone() {
                let Some(file) = self.files.get(index) else { continue };
                if (join || index == preferred || file.is_free())
                    && let Some((number, bytes)) = file.next_block(block)?
                {
                    self.bytes.fetch_add(bytes, Ordering::Relaxed);
                    return Ok(Some((index, file, number)));
                }
            }
        }
        Ok(None)
    }
}
