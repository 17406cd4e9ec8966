//! The rejects file of one input file, which all threads that scan it write together.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};

use store::{FileWriter, Location, StoreError};

use super::BlockRejects;
use crate::{CsvError, lock};

/// Rejected rows are written in pieces of about this size, also when every block has but a few: each may be a packet
/// on a network.
const BUFFER_BYTES: usize = 256 * 1024;
/// With so many blocks in memory a thread waits until it can write them.
const MAX_WAITING: usize = 16;

/// The rejects file of one input file. Dropped before its end, it removes what was written.
///
/// Whoever has read a block writes what is complete up to there, unless another thread is writing: then that one does it, and nobody waits.
#[derive(Debug)]
pub(crate) struct RejectsFile {
    waiting: Mutex<Waiting>,
    writer: Mutex<Writer>,
}

/// Blocks that are read and not yet written, with their lines.
#[derive(Debug, Default)]
struct Waiting {
    blocks: BTreeMap<u64, (u32, BlockRejects)>,
    /// Empty ones, to be filled again.
    spare: Vec<BlockRejects>,
}

#[derive(Debug)]
struct Writer {
    path: Option<Location>,
    file: Option<BufWriter<Box<dyn FileWriter>>>,
    completed: bool,
    /// Somebody else waits until the file is durable.
    unsynced: bool,
    /// The block whose turn it is.
    next_block: u64,
    /// Lines before the first block, and before that block, the header included.
    lines_before: u64,
    lines: u64,
    scratch: Vec<u8>,
}

impl RejectsFile {
    /// Nothing is created before the first rejected row. Without a `path` rows are dropped. The file of a part, before which are
    /// `part` lines without the header, is made durable by whoever has cut the scan.
    pub(crate) fn new(path: Option<Location>, part: Option<u64>) -> RejectsFile {
        let lines = 1 + part.unwrap_or(0);
        let writer = Writer {
            path,
            file: None,
            completed: false,
            unsynced: part.is_some(),
            next_block: 0,
            lines_before: lines,
            lines,
            scratch: Vec::new(),
        };
        RejectsFile { waiting: Mutex::default(), writer: Mutex::new(writer) }
    }

    /// Hands in what block number `block` (from 0) rejected, and how many lines it has. `rejects` is empty afterwards. Says to one of its
    /// callers that all of the file's `blocks` have come.
    pub(crate) fn submit(
        &self,
        block: u64,
        lines: u32,
        rejects: &mut BlockRejects,
        blocks: &AtomicU64,
    ) -> Result<bool, CsvError> {
        let mut many = {
            let mut waiting = lock(&self.waiting);
            let spare = waiting.spare.pop().unwrap_or_default();
            waiting.blocks.insert(block, (lines, std::mem::replace(rejects, spare)));
            waiting.blocks.len() > MAX_WAITING
        };
        let mut all = false;
        loop {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                Err(TryLockError::WouldBlock) if many => lock(&self.writer),
                Err(TryLockError::WouldBlock) => return Ok(all),
            };
            many = false;
            let mut done = None;
            while let Some((lines, rejects)) = self.next(&writer, done.take()) {
                writer.write(&rejects)?;
                writer.next_block += 1;
                writer.lines += u64::from(lines);
                all |= writer.next_block == blocks.load(Ordering::Acquire);
                done = Some(rejects);
            }
            let next_block = writer.next_block;
            drop(writer);
            let mut waiting = lock(&self.waiting);
            if all {
                // There may be many files.
                waiting.spare = Vec::new();
            }
            // One that came after the last look may have found the writer taken.
            if !waiting.blocks.contains_key(&next_block) {
                return Ok(all);
            }
        }
    }

    /// The block whose turn it is, if it has come, in exchange for the one before.
    fn next(&self, writer: &Writer, done: Option<BlockRejects>) -> Option<(u32, BlockRejects)> {
        let mut waiting = lock(&self.waiting);
        if let Some(mut done) = done.filter(|_| waiting.spare.len() < MAX_WAITING) {
            done.clear();
            waiting.spare.push(done);
        }
        waiting.blocks.remove(&writer.next_block)
    }

    /// Lines of all blocks, counted from the front up to the first that has not come.
    pub(crate) fn lines(&self) -> u64 {
        let writer = lock(&self.writer);
        writer.lines - writer.lines_before
    }

    /// Completes the file after the last block; it is durable then, unless it is a part's.
    pub(crate) fn complete(&self) -> Result<(), CsvError> {
        lock(&self.writer).complete()
    }

    /// The file, if there were any rejects.
    pub(crate) fn location(&self) -> Option<Location> {
        let writer = lock(&self.writer);
        writer.path.clone().filter(|_| writer.completed || writer.file.is_some())
    }
}

impl Writer {
    fn write(&mut self, rejects: &BlockRejects) -> Result<(), CsvError> {
        let Some(path) = &self.path else { return Ok(()) };
        if rejects.rows.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(path)?),
        };
        self.scratch.clear();
        rejects.write_to(&mut self.scratch, self.lines);
        file.write_all(&self.scratch).map_err(|error| failed(path, error))
    }

    fn complete(&mut self) -> Result<(), CsvError> {
        if let (Some(file), Some(path)) = (self.file.take(), &self.path) {
            let file = file.into_inner().map_err(|error| failed(path, error.into_error()))?;
            let finished = if self.unsynced { file.finish_unsynced() } else { file.finish() };
            finished.map_err(CsvError::Rejects)?;
            self.completed = true;
        }
        self.scratch = Vec::new();
        Ok(())
    }
}

fn create(path: &Location) -> Result<BufWriter<Box<dyn FileWriter>>, CsvError> {
    let mut file = path.create().map_err(CsvError::Rejects)?;
    file.drop_behind();
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    file.write_all(b"line,reason,detail,row\n").map_err(|error| failed(path, error))?;
    Ok(file)
}

fn failed(path: &Location, error: std::io::Error) -> CsvError {
    CsvError::Rejects(StoreError::from_io("write", path.to_string(), error))
}

#[cfg(test)]
mod tests {
    use super::super::Detail;
    use super::*;
    use order_model::Rejection;

    fn submit(file: &RejectsFile, block: u64, lines: u32, rows: &[(u32, &str)]) -> bool {
        let mut rejects = BlockRejects::default();
        for &(line, row) in rows {
            rejects.push(line, Rejection::Malformed, Detail::Price, row.as_bytes());
        }
        file.submit(block, lines, &mut rejects, &AtomicU64::new(3)).unwrap()
    }

    #[test]
    fn blocks_in_any_order_give_line_numbers_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/x.csv");
        let file = RejectsFile::new(Some(Location::local(&path)), None);
        assert!(!submit(&file, 2, 1, &[(0, "c")]));
        assert!(!submit(&file, 1, 5, &[(4, "b\"b")]));
        assert!(!path.exists());
        assert!(submit(&file, 0, 10, &[(0, "a,a")]));
        file.complete().unwrap();
        assert_eq!(file.location(), Some(Location::local(&path)));
        assert_eq!(file.lines(), 16);
        let price = "malformed,the price is not a decimal number";
        let expected = format!(
            "line,reason,detail,row\n2,{price},\"a,a\"\n16,{price},\"b\"\"b\"\n17,{price},\"c\"\n"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn threads_at_once_write_every_row_in_order() {
        const BLOCKS: u64 = 2_000;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let file = RejectsFile::new(Some(Location::local(&path)), None);
        let (next, blocks, told) = (AtomicU64::new(0), AtomicU64::new(BLOCKS), AtomicU64::new(0));
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let mut rejects = BlockRejects::default();
                    loop {
                        let block = next.fetch_add(1, Ordering::Relaxed);
                        if block >= BLOCKS {
                            return;
                        }
                        // Between none and four lines, of which the first is rejected.
                        let lines = (block % 5) as u32;
                        if lines > 0 {
                            let row = block.to_string();
                            rejects.push(
                                0,
                                Rejection::MissingCustomer,
                                Detail::WellFormed,
                                row.as_bytes(),
                            );
                        }
                        if file.submit(block, lines, &mut rejects, &blocks).unwrap() {
                            told.fetch_add(1, Ordering::Relaxed);
                        }
                        assert!(rejects.rows.is_empty() && rejects.text.is_empty());
                    }
                });
            }
        });
        assert_eq!(told.into_inner(), 1);
        assert!(lock(&file.waiting).spare.is_empty());
        file.complete().unwrap();
        let (mut expected, mut line) = ("line,reason,detail,row\n".to_owned(), 2);
        for block in 0..BLOCKS {
            if block % 5 > 0 {
                expected += &format!("{line},missing_customer,,\"{block}\"\n");
            }
            line += block % 5;
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
        assert_eq!(file.lines(), line - 2);
    }

    #[test]
    fn no_rejects_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let file = RejectsFile::new(Some(Location::local(&path)), Some(7));
        submit(&file, 0, 10, &[]);
        file.complete().unwrap();
        assert_eq!(file.location(), None);
        assert!(!path.exists());
    }
}
