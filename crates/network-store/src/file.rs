//! A file that is open for reading.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use store::{ReadAt, StoreError, StoreErrorKind};

use crate::Source;
use crate::read_ahead::{CHUNK_BYTES, Chunk, IN_FLIGHT, ReadAhead};

/// Requests that are under way at the same time, when several ranges are asked for at once.
const REQUESTS_IN_FLIGHT: usize = 16;
/// Bytes between two such ranges that are rather read too than asked around: about what a request costs on HDFS.
const NEAR: u64 = 192 << 10;

/// A file of a store on the network. Whoever reads small pieces here and there gets those pieces; where reading goes on,
/// what follows is fetched ahead.
pub struct RemoteFile<S: Source> {
    source: Arc<S>,
    ahead: Mutex<ReadAhead<S>>,
}

impl<S: Source> RemoteFile<S> {
    /// Of a source that is open.
    pub fn new(source: S) -> Self {
        let ahead = Mutex::new(ReadAhead::new(source.size()));
        Self { source: Arc::new(source), ahead }
    }

    fn check_end(&self, offset: u64, end: u64) -> Result<(), StoreError> {
        let size = self.source.size();
        if end <= size {
            return Ok(());
        }
        let problem =
            self.source.problem(StoreErrorKind::Truncated, format!("it has {size} bytes"));
        Err(self.source.error(problem, offset))
    }

    /// A piece within one chunk.
    fn read_piece(
        &self,
        buf: &mut [u8],
        offset: u64,
        is_sequential: bool,
    ) -> Result<(), S::Problem> {
        let length = buf.len() as u64;
        let start = |offset, length| Chunk::start(&self.source, offset, length);
        let chunk = {
            let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            ahead.chunk_for(offset, length, is_sequential, start)
        };
        match chunk {
            Some(chunk) => chunk.copy_to(buf, offset),
            None => start(offset, length).copy_to(buf, offset),
        }
    }

    /// A range of several chunks of which none is read ahead: exactly this range, several pieces at a time.
    fn read_large(&self, buf: &mut [u8], offset: u64) -> Result<(), S::Problem> {
        let mut starts = (0..buf.len()).step_by(CHUNK_BYTES as usize);
        let mut under_way = VecDeque::new();
        let end = offset + buf.len() as u64;
        for piece in buf.chunks_mut(CHUNK_BYTES as usize) {
            while under_way.len() < IN_FLIGHT {
                let Some(start) = starts.next().map(|start| offset + start as u64) else { break };
                let length = CHUNK_BYTES.min(end - start);
                under_way.push_back((start, Chunk::start(&self.source, start, length)));
            }
            if let Some((start, chunk)) = under_way.pop_front() {
                chunk.copy_to(piece, start)?;
            }
        }
        Ok(())
    }
}

impl<S: Source> ReadAt for RemoteFile<S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, StoreError> {
        ranges.iter().try_for_each(|range| self.check_end(range.start, range.end))?;
        let mut requests = ranges.chunk_by(are_neighbours);
        let mut under_way = VecDeque::new();
        let mut found = Vec::with_capacity(ranges.len());
        while found.len() < ranges.len() {
            while under_way.len() < REQUESTS_IN_FLIGHT {
                let Some(together) = requests.next() else { break };
                let (Some(first), Some(last)) = (together.first(), together.last()) else { break };
                let length = last.end.saturating_sub(first.start);
                // A server may take nothing for everything.
                let chunk = (length > 0).then(|| Chunk::start(&self.source, first.start, length));
                under_way.push_back((together, chunk));
            }
            let Some((together, chunk)) = under_way.pop_front() else { break };
            for range in together {
                let mut bytes = vec![0; range.end.saturating_sub(range.start) as usize];
                if let Some(chunk) = &chunk {
                    chunk
                        .copy_to(&mut bytes, range.start)
                        .map_err(|problem| self.source.error(problem, range.start))?;
                }
                found.push(bytes);
            }
        }
        Ok(found)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let end = offset.saturating_add(buf.len() as u64);
        self.check_end(offset, end)?;
        if buf.is_empty() {
            return Ok(());
        }
        let is_sequential = {
            let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            ahead.note(offset, buf.len() as u64)
        };
        if !is_sequential && buf.len() as u64 > CHUNK_BYTES {
            return self
                .read_large(buf, offset)
                .map_err(|problem| self.source.error(problem, offset));
        }
        let (mut rest, mut at) = (buf, offset);
        while !rest.is_empty() {
            let to_chunk_end = CHUNK_BYTES - at % CHUNK_BYTES;
            let length = rest.len().min(to_chunk_end as usize);
            let (piece, after) = rest.split_at_mut(length);
            self.read_piece(piece, at, is_sequential)
                .map_err(|problem| self.source.error(problem, at))?;
            (rest, at) = (after, at + length as u64);
        }
        Ok(())
    }
}

/// Whether the second range follows the first so closely that one request gets both.
fn are_neighbours(first: &Range<u64>, second: &Range<u64>) -> bool {
    (first.end..=first.end.saturating_add(NEAR)).contains(&second.start)
        && first.start < first.end
        && second.start < second.end
}

impl<S: Source> std::fmt::Debug for RemoteFile<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RemoteFile").field(&self.source).finish()
    }
}
