//! Writing a file, front to back.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use hdfs_native::WriteOptions;
use hdfs_native::file::FileWriter as Pipeline;
use store::{FileWriter, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::connection::{Connection, Repeat};
use crate::problem::Problem;
use crate::unhurried::Unhurried;

/// What is collected before the pipeline gets it: each hand-over wakes a thread.
const BUFFER_BYTES: usize = 1 << 20;
/// Mostly enough for a DataNode to tell the NameNode of a block.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);
/// How long a writer that is dropped tries to remove its file.
const CLEAN_UP_TIME: Duration = Duration::from_secs(10);

/// A file being written. After an error it takes nothing more.
pub(crate) struct HdfsWriter {
    connection: Arc<Connection>,
    path: String,
    uri: String,
    buffer: BytesMut,
    /// Bytes that the pipeline took.
    written: u64,
    /// `None` when it is complete, or lost in a panic.
    pipeline: Option<Pipeline>,
    failed: Option<Problem>,
}

impl HdfsWriter {
    pub(crate) fn create(
        connection: Arc<Connection>,
        path: &str,
        uri: String,
    ) -> Result<Self, Problem> {
        let settings = &connection.settings;
        let options = WriteOptions {
            block_size: settings.block_size,
            replication: settings.replication,
            permission: 0o666 & !settings.umask,
            overwrite: false,
            create_parent: true,
        };
        let owned = path.to_owned();
        // Not repeated: the second call would find the file of the first one.
        let pipeline = connection.call(Repeat::No, move |client| {
            let (path, options) = (owned.clone(), options.clone());
            async move { client.create(&path, options).await }
        })?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            uri,
            buffer: BytesMut::with_capacity(BUFFER_BYTES),
            written: 0,
            pipeline: Some(pipeline),
            failed: None,
        })
    }

    /// How long the pipeline may take for a buffer: it may have to replace a DataNode, which takes a silence and calls.
    fn deadline(&self) -> Duration {
        self.connection.settings.socket_timeout + self.connection.settings.rpc_timeout
    }

    fn send(&mut self) -> Result<(), Problem> {
        if let Some(problem) = &self.failed {
            return Err(problem.clone());
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = self.buffer.split().freeze();
        self.buffer.reserve(BUFFER_BYTES);
        let length = bytes.len() as u64;
        let sent = self.with_pipeline(|mut pipeline, deadline, asked| async move {
            let sent = match timeout(deadline, pipeline.write_bytes(bytes)).await {
                Ok(sent) => sent.map(drop).map_err(|error| Problem::of(error, &asked)),
                Err(_) => Err(Problem::deadline(deadline, &asked)),
            };
            (pipeline, sent)
        });
        self.written += length;
        sent
    }

    fn complete(&mut self) -> Result<(), Problem> {
        self.send()?;
        self.with_pipeline(|mut pipeline, deadline, asked| async move {
            let close = Unhurried::new(pipeline.close(), CLOSE_PAUSE);
            let closed = match timeout(deadline, close).await {
                Ok(closed) => closed.map_err(|error| Problem::of(error, &asked)),
                Err(_) => Err(Problem::deadline(deadline, &asked)),
            };
            (pipeline, closed)
        })
    }

    /// Lends the pipeline to a future, and remembers if it fails.
    fn with_pipeline<F, Fut>(&mut self, op: F) -> Result<(), Problem>
    where
        F: FnOnce(Pipeline, Duration, Arc<str>) -> Fut,
        Fut: Future<Output = (Pipeline, Result<(), Problem>)> + Send + 'static,
    {
        let asked = self.connection.asked.clone();
        let done = match self.pipeline.take() {
            None => Err(Problem::new(StoreErrorKind::Other, "it is not open any more", &asked)),
            Some(pipeline) => {
                let future = op(pipeline, self.deadline(), asked);
                match self.connection.wait(async move { Ok(future.await) }) {
                    Ok((pipeline, done)) => {
                        self.pipeline = Some(pipeline);
                        done
                    }
                    Err(problem) => Err(problem),
                }
            }
        };
        done.inspect_err(|problem| self.failed = Some(problem.clone()))
    }

    fn error(&self, problem: Problem) -> StoreError {
        problem.into_error("write", self.uri.clone())
    }
}

impl Write for HdfsWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= BUFFER_BYTES || self.failed.is_some() {
            self.send().map_err(|problem| self.error(problem).into_io())?;
        }
        let length = buf.len().min(BUFFER_BYTES - self.buffer.len());
        self.buffer.put_slice(buf.get(..length).unwrap_or_default());
        Ok(length)
    }

    /// Nothing: a file is durable when it is finished, and not before.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWriter for HdfsWriter {
    fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        self.complete().map_err(|problem| self.error(problem))?;
        self.pipeline = None;
        Ok(self.written)
    }
}

impl Drop for HdfsWriter {
    fn drop(&mut self) {
        let Some(mut pipeline) = self.pipeline.take() else { return };
        let (connection, path) = (self.connection.clone(), self.path.clone());
        let clean_up = async move {
            let delete = connection.call_within(CLEAN_UP_TIME, Repeat::No, |client| {
                let path = path.clone();
                async move { client.delete(&path, false).await }
            });
            // It may be gone already, and an unfinished file is swept by its owner's next run.
            let _ = delete.await;
            // Only now, so that it is never complete under its name; without this, hdfs-native would keep the connection
            // to the DataNode.
            let _ = timeout(CLEAN_UP_TIME, pipeline.close()).await;
            Ok(())
        };
        let _ = self.connection.wait(clean_up);
    }
}

impl fmt::Debug for HdfsWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdfsWriter")
            .field("uri", &self.uri)
            .field("written", &self.written)
            .finish()
    }
}
