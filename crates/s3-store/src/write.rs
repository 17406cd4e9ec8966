//! Writing an object, front to back. It is not there before it is complete.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use store::{FileWriter, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::multipart::{PART_BYTES, Upload};
use crate::objects::Condition;
use crate::problem::Problem;

/// How long a writer that is dropped tries to give its upload up.
const CLEAN_UP_TIME: Duration = Duration::from_secs(30);

/// A file being written. After an error it takes nothing more.
pub(crate) struct S3Writer {
    connection: Arc<Connection>,
    key: String,
    uri: String,
    /// Grows as needed: most files are small.
    buffer: BytesMut,
    /// Bytes that were handed to the upload.
    sent: u64,
    /// Begun when there is more than a part.
    upload: Option<Upload>,
    failed: Option<Problem>,
}

impl S3Writer {
    /// To the object `key`, of which the caller has seen that it is not there.
    pub(crate) fn new(connection: Arc<Connection>, key: String, uri: String) -> Self {
        Self { connection, key, uri, buffer: BytesMut::new(), sent: 0, upload: None, failed: None }
    }

    /// Hands the buffer to the upload.
    fn send(&mut self) -> Result<(), Problem> {
        if let Some(problem) = &self.failed {
            return Err(problem.clone());
        }
        let contents = self.buffer.split().freeze();
        let (length, upload) = (contents.len() as u64, self.upload.take());
        let (connection, key) = (self.connection.clone(), self.key.clone());
        let (upload, sent) = self.run(async move {
            let mut upload = match upload {
                Some(upload) => upload,
                None => match Upload::begin_absent(&connection, &key).await {
                    Ok(upload) => upload,
                    Err(problem) => return (None, Err(problem)),
                },
            };
            let sent = upload.send(contents).await;
            (Some(upload), sent)
        });
        self.upload = upload;
        self.sent += length;
        sent.inspect_err(|problem| self.failed = Some(problem.clone()))
    }

    fn complete(&mut self) -> Result<(), Problem> {
        if let Some(problem) = &self.failed {
            return Err(problem.clone());
        }
        if self.upload.is_some() && !self.buffer.is_empty() {
            self.send()?;
        }
        let (connection, key) = (self.connection.clone(), self.key.clone());
        let Some(mut upload) = self.upload.take() else {
            let contents = self.buffer.split().freeze();
            self.sent = contents.len() as u64;
            let write = async move { connection.put(&key, contents, &Condition::Absent).await };
            return self.connection.wait(write);
        };
        let (upload, completed) = self.run(async move {
            let completed = upload.complete(&Condition::Absent).await;
            (Some(upload), completed)
        });
        // After a failure it is given up when this is dropped.
        self.upload = upload.filter(|_| completed.is_err());
        completed
    }

    /// Lends the upload to a future; it is lost in a panic.
    fn run(
        &self,
        future: impl Future<Output = (Option<Upload>, Result<(), Problem>)> + Send + 'static,
    ) -> (Option<Upload>, Result<(), Problem>) {
        match self.connection.wait(async move { Ok(future.await) }) {
            Ok(done) => done,
            Err(problem) => (None, Err(problem)),
        }
    }

    fn error(&self, problem: Problem) -> StoreError {
        // Of the two actions this is the one that there was something in the way of.
        let action = match problem.kind {
            StoreErrorKind::AlreadyExists => "create",
            _ => "write",
        };
        problem.into_error(action, self.uri.clone())
    }
}

impl Write for S3Writer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= PART_BYTES || self.failed.is_some() {
            self.send().map_err(|problem| self.error(problem).into_io())?;
        }
        let length = buf.len().min(PART_BYTES - self.buffer.len());
        self.buffer.put_slice(buf.get(..length).unwrap_or_default());
        Ok(length)
    }

    /// Nothing: a file is there when it is finished, and not before.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWriter for S3Writer {
    fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        self.complete().map_err(|problem| self.error(problem))?;
        Ok(self.sent)
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let uri = self.uri.clone();
        let clean_up = async move {
            match timeout(CLEAN_UP_TIME, upload.abort()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, uri, "cannot give up an upload"),
                Err(_) => tracing::warn!(uri, "cannot give up an upload in time"),
            }
            Ok(())
        };
        let _ = self.connection.wait(clean_up);
    }
}

impl fmt::Debug for S3Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Writer").field("uri", &self.uri).field("sent", &self.sent).finish()
    }
}
