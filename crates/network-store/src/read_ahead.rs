//! What of a file is held or under way: chunks ahead of those who read it in order.
//!
//! Whoever reads small pieces here and there gets those pieces and nothing else. Only after reads that continue each
//! other, allowing for several threads that take turns, are whole chunks read, and some ahead.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use store::StoreErrorKind;
use tokio::task::AbortHandle;

use crate::Source;

/// Bytes of a chunk; chunks begin at multiples of it. A request costs about as much as 0.2 MB of
/// HDFS, and as a megabyte of S3.
pub(crate) const CHUNK_BYTES: u64 = 4 << 20;
/// Chunks that are under way at the same time.
pub(crate) const IN_FLIGHT: usize = 4;
/// Chunks that are held for a file, read or under way. Threads that take turns may be some chunks apart.
const HELD: usize = 12;
/// Bytes read in order before any chunk is: less than a chunk may be read in vain.
const START: u64 = 256 << 10;
/// How far from the last read the next one may be to continue it.
const SLACK: u64 = 4 << 20;
/// Places in the file where reads go on: a reader of columns has several.
const RUNS: usize = 8;

/// Bytes of a file that are there, or will be.
pub(crate) struct Chunk<S: Source> {
    offset: u64,
    shared: Arc<Shared<S>>,
    task: Option<AbortHandle>,
}

/// What the reading future and those who wait for it have in common.
struct Shared<S: Source> {
    state: Mutex<Option<Fetched<S>>>,
    arrived: Condvar,
}

/// What has become of a range.
type Fetched<S> = Result<Vec<Bytes>, <S as Source>::Problem>;

impl<S: Source> Chunk<S> {
    /// Asks for the bytes. Dropped, it no longer does.
    pub(crate) fn start(source: &Arc<S>, offset: u64, length: u64) -> Arc<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(None), arrived: Condvar::new() });
        let task = match source.threads().handle() {
            Ok(handle) => {
                let arriving = Arriving { shared: shared.clone(), source: source.clone() };
                let fetch = async move {
                    arriving.shared.set(arriving.source.fetch(offset, length).await);
                };
                Some(handle.spawn(fetch).abort_handle())
            }
            Err(text) => {
                shared.set(Err(source.problem(StoreErrorKind::Other, text)));
                None
            }
        };
        Arc::new(Self { offset, shared, task })
    }

    /// Waits, and fills `buf` with what is at `offset` of the file.
    pub(crate) fn copy_to(&self, buf: &mut [u8], offset: u64) -> Result<(), S::Problem> {
        let pieces = self.shared.wait()?;
        let mut skip = (offset - self.offset) as usize;
        let mut rest = buf;
        for piece in &pieces {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let piece = piece.get(skip..).unwrap_or_default();
            let length = rest.len().min(piece.len());
            let (now, later) = rest.split_at_mut(length);
            now.copy_from_slice(piece.get(..length).unwrap_or_default());
            (rest, skip) = (later, 0);
        }
        Ok(())
    }
}

impl<S: Source> Drop for Chunk<S> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl<S: Source> Shared<S> {
    fn set(&self, result: Fetched<S>) {
        self.state().get_or_insert(result);
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Option<Fetched<S>>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) -> Fetched<S> {
        let mut state = self.state();
        loop {
            // The copy shares the bytes, so that others may copy them out at the same time.
            match &*state {
                Some(result) => return result.clone(),
                None => state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn is_under_way(&self) -> bool {
        self.state().is_none()
    }

    fn has_failed(&self) -> bool {
        matches!(*self.state(), Some(Err(_)))
    }
}

/// Tells those who wait, should the future end without a result.
struct Arriving<S: Source> {
    shared: Arc<Shared<S>>,
    source: Arc<S>,
}

impl<S: Source> Drop for Arriving<S> {
    fn drop(&mut self) {
        let text = self.source.threads().panicked();
        self.shared.set(Err(self.source.problem(StoreErrorKind::Other, text)));
    }
}

/// The chunks of a file.
pub(crate) struct ReadAhead<S: Source> {
    size: u64,
    /// By number: their offset divided by [`CHUNK_BYTES`]; with the time of the last use.
    chunks: HashMap<u64, (Arc<Chunk<S>>, u64)>,
    runs: Vec<Run>,
    /// Counts reads.
    time: u64,
}

/// A place where reads go on.
#[derive(Debug)]
struct Run {
    /// Where the next read is expected.
    next: u64,
    /// Bytes read in order up to there.
    bytes: u64,
    used: u64,
}

impl<S: Source> ReadAhead<S> {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, chunks: HashMap::new(), runs: Vec::new(), time: 0 }
    }

    /// Takes note of a read. Whether it goes on where enough was read in order already.
    pub(crate) fn note(&mut self, offset: u64, length: u64) -> bool {
        self.time += 1;
        let end = offset + length;
        let near = self
            .runs
            .iter_mut()
            .filter(|run| offset.abs_diff(run.next) <= SLACK)
            .min_by_key(|run| offset.abs_diff(run.next));
        if let Some(run) = near {
            let was_long = run.bytes >= START;
            // What was skipped does not count, nor what was read again.
            run.bytes += end.saturating_sub(offset.max(run.next));
            run.next = run.next.max(end);
            run.used = self.time;
            return was_long;
        }
        if self.runs.len() == RUNS
            && let Some(oldest) = (0..RUNS).min_by_key(|i| self.runs.get(*i).map(|run| run.used))
        {
            self.runs.swap_remove(oldest);
        }
        self.runs.push(Run { next: end, bytes: length, used: self.time });
        false
    }

    /// The chunk with these bytes, which do not leave it; `None` if they are to be read by themselves. Asks for the
    /// chunks after it when reading goes on.
    pub(crate) fn chunk_for(
        &mut self,
        offset: u64,
        length: u64,
        is_sequential: bool,
        start: impl Fn(u64, u64) -> Arc<Chunk<S>>,
    ) -> Option<Arc<Chunk<S>>> {
        let number = offset / CHUNK_BYTES;
        if !is_sequential {
            let (chunk, used) = self.chunks.get_mut(&number)?;
            *used = self.time;
            return (!chunk.shared.has_failed()).then(|| chunk.clone());
        }
        let chunk = self.chunk(number, &start)?;
        // No further ahead than what has been read in order: a short file or column is not read in vain.
        let run = self.runs.iter().find(|run| offset.abs_diff(run.next) <= SLACK + length);
        let ahead = run.map_or(0, |run| run.bytes / CHUNK_BYTES).min(IN_FLIGHT as u64);
        for later in number + 1..=number + ahead {
            let under_way = self.chunks.values().filter(|(c, _)| c.shared.is_under_way()).count();
            if under_way >= IN_FLIGHT {
                break;
            }
            self.chunk(later, &start);
        }
        Some(chunk)
    }

    /// The chunk of this number, asked for if need be; `None` behind the end of the file.
    fn chunk(
        &mut self,
        number: u64,
        start: &impl Fn(u64, u64) -> Arc<Chunk<S>>,
    ) -> Option<Arc<Chunk<S>>> {
        let offset = number * CHUNK_BYTES;
        if offset >= self.size {
            return None;
        }
        if let Some((chunk, used)) = self.chunks.get_mut(&number)
            && !chunk.shared.has_failed()
        {
            *used = self.time;
            return Some(chunk.clone());
        }
        if self.chunks.len() >= HELD
            && let Some(oldest) = self.chunks.iter().min_by_key(|(n, (_, used))| (*used, **n))
        {
            let oldest = *oldest.0;
            self.chunks.remove(&oldest);
        }
        let chunk = start(offset, CHUNK_BYTES.min(self.size - offset));
        self.chunks.insert(number, (chunk.clone(), self.time));
        Some(chunk)
    }
}

#[cfg(test)]
mod tests;
