//! Reading a file that is open.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use futures::StreamExt as _;
use hdfs_native::file::FileReader;
use store::{ReadAt, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::connection::{Connection, Repeat};
use crate::problem::Problem;
use crate::read_ahead::{CHUNK_BYTES, Chunk, IN_FLIGHT, ReadAhead};

/// A file that is open for reading.
pub(crate) struct HdfsFile {
    source: Arc<Source>,
    ahead: Mutex<ReadAhead>,
}

/// Where the bytes come from.
pub(crate) struct Source {
    connection: Arc<Connection>,
    path: String,
    uri: String,
    size: u64,
    /// Knows where the blocks are; replaced when that has changed.
    reader: RwLock<Arc<FileReader>>,
}

impl HdfsFile {
    pub(crate) fn open(
        connection: Arc<Connection>,
        path: &str,
        uri: String,
    ) -> Result<Self, Problem> {
        let owned = path.to_owned();
        let reader = connection.call(Repeat::Yes, move |client| {
            let path = owned.clone();
            async move { client.read(&path).await }
        })?;
        let source = Source {
            connection,
            path: path.to_owned(),
            uri,
            size: reader.file_length() as u64,
            reader: RwLock::new(Arc::new(reader)),
        };
        let ahead = Mutex::new(ReadAhead::new(source.size));
        Ok(Self { source: Arc::new(source), ahead })
    }

    /// A piece within one chunk.
    fn read_piece(&self, buf: &mut [u8], offset: u64, is_sequential: bool) -> Result<(), Problem> {
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
    fn read_large(&self, buf: &mut [u8], offset: u64) -> Result<(), Problem> {
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

impl ReadAt for HdfsFile {
    fn size(&self) -> u64 {
        self.source.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let end = offset.saturating_add(buf.len() as u64);
        if end > self.source.size {
            let problem = format!("it has {} bytes", self.source.size);
            let problem =
                Problem::new(StoreErrorKind::Truncated, problem, &self.source.connection.asked);
            return Err(problem.into_error("read", self.source.place(offset)));
        }
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
                .map_err(|problem| problem.into_error("read", self.source.place(offset)));
        }
        let (mut rest, mut at) = (buf, offset);
        while !rest.is_empty() {
            let to_chunk_end = CHUNK_BYTES - at % CHUNK_BYTES;
            let length = rest.len().min(to_chunk_end as usize);
            let (piece, after) = rest.split_at_mut(length);
            self.read_piece(piece, at, is_sequential)
                .map_err(|problem| problem.into_error("read", self.source.place(at)))?;
            (rest, at) = (after, at + length as u64);
        }
        Ok(())
    }
}

impl Source {
    /// How messages name a place in the file.
    fn place(&self, offset: u64) -> String {
        format!("{} at byte {offset}", self.uri)
    }

    pub(crate) fn asked(&self) -> &Arc<str> {
        &self.connection.asked
    }

    /// The bytes as they came. Tried a second time with the blocks' locations asked for again: they may have moved since
    /// the file was opened, and `hdfs-native` has tried those it knows.
    pub(crate) async fn fetch(&self, offset: u64, length: u64) -> Result<Vec<Bytes>, Problem> {
        let reader = self.reader.read().unwrap_or_else(PoisonError::into_inner).clone();
        let first = match self.fetch_from(&reader, offset, length).await {
            Ok(bytes) => return Ok(bytes),
            Err(problem) => problem,
        };
        let path = &self.path;
        let connection = &self.connection;
        let reopened = connection.call_within(
            connection.settings.rpc_timeout,
            Repeat::Yes,
            |client| async move { client.read(path).await },
        );
        let Ok(reader) = reopened.await.map(Arc::new) else { return Err(first) };
        if reader.file_length() as u64 != self.size {
            let problem = format!(
                "it had {} bytes when it was opened and has {} now",
                self.size,
                reader.file_length()
            );
            return Err(Problem::new(StoreErrorKind::Truncated, problem, self.asked()));
        }
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = reader.clone();
        self.fetch_from(&reader, offset, length).await
    }

    async fn fetch_from(
        &self,
        reader: &FileReader,
        offset: u64,
        length: u64,
    ) -> Result<Vec<Bytes>, Problem> {
        let deadline = self.connection.settings.socket_timeout;
        let mut packets = reader.read_range_stream(offset as usize, length as usize);
        let (mut pieces, mut received) = (Vec::new(), 0);
        while received < length {
            match timeout(deadline, packets.next()).await {
                Ok(Some(Ok(bytes))) => {
                    received += bytes.len() as u64;
                    pieces.push(bytes);
                }
                Ok(Some(Err(error))) => return Err(Problem::of(error, self.asked())),
                Ok(None) => break,
                Err(_) => return Err(Problem::deadline(deadline, self.asked())),
            }
        }
        // The stream's last step gives the connection back for the next read.
        let _ = timeout(deadline, packets.next()).await;
        if received != length {
            let problem = format!("a DataNode gave {received} bytes for {length}");
            return Err(Problem::new(StoreErrorKind::Unavailable, problem, self.asked()));
        }
        Ok(pieces)
    }
}

impl fmt::Debug for HdfsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdfsFile")
            .field("uri", &self.source.uri)
            .field("size", &self.source.size)
            .finish()
    }
}
