//! Reading a file that is open.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures::StreamExt as _;
use hdfs_native::file::FileReader;
use network_store::{RemoteFile, Source, Threads};
use store::{StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::connection::{Connection, Repeat, THREADS};
use crate::problem::Problem;

/// A file that is open for reading: where its bytes come from.
pub(crate) struct HdfsFile {
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
    ) -> Result<RemoteFile<Self>, Problem> {
        let owned = path.to_owned();
        let reader = connection.call(Repeat::Yes, move |client| {
            let path = owned.clone();
            async move { client.read(&path).await }
        })?;
        Ok(RemoteFile::new(Self {
            connection,
            path: path.to_owned(),
            uri,
            size: reader.file_length() as u64,
            reader: RwLock::new(Arc::new(reader)),
        }))
    }

    fn asked(&self) -> &Arc<str> {
        &self.connection.asked
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

impl Source for HdfsFile {
    type Problem = Problem;

    fn threads(&self) -> &'static Threads {
        &THREADS
    }

    fn size(&self) -> u64 {
        self.size
    }

    /// The bytes as they came. Tried a second time with the blocks' locations asked for again: they may have moved since
    /// the file was opened, and `hdfs-native` has tried those it knows.
    async fn fetch(&self, offset: u64, length: u64) -> Result<Vec<Bytes>, Problem> {
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

    fn problem(&self, kind: StoreErrorKind, text: String) -> Problem {
        Problem::new(kind, text, self.asked())
    }

    fn error(&self, problem: Problem, offset: u64) -> StoreError {
        problem.into_error("read", format!("{} at byte {offset}", self.uri))
    }
}

impl fmt::Debug for HdfsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdfsFile").field("uri", &self.uri).field("size", &self.size).finish()
    }
}
