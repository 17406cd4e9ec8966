//! Reading an object.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use network_store::{RemoteFile, Source, Threads};
use store::{StoreError, StoreErrorKind};

use crate::connection::{Connection, THREADS};
use crate::keys::key_of;
use crate::problem::{Cause, Problem};

/// Read when an object is opened: a small one is there whole then, in one request, and so is as it was at one moment.
const FIRST_BYTES: u64 = 128 << 10;
/// Tries to open an object that others are replacing by empty ones and back.
const ATTEMPTS: u32 = 5;

/// An object that is open.
pub(crate) struct S3File {
    connection: Arc<Connection>,
    key: String,
    uri: String,
    size: u64,
    etag: String,
    first: Bytes,
}

impl S3File {
    pub(crate) async fn open(
        connection: Arc<Connection>,
        path: String,
        uri: String,
    ) -> Result<RemoteFile<Self>, Problem> {
        let key = key_of(&path);
        if key.is_empty() {
            return Err(connection.no_file(&path).await?);
        }
        for _ in 0..ATTEMPTS {
            match connection.get(&key, Some((0, FIRST_BYTES)), None).await {
                Ok(part) => {
                    let (first, object) = (part.pieces.concat().into(), part.object);
                    let (size, etag) = (object.size, object.etag);
                    return Ok(RemoteFile::new(Self { connection, key, uri, size, etag, first }));
                }
                Err(problem) if problem.cause == Cause::NoSuchKey => {
                    return Err(connection.no_file(&path).await?);
                }
                // An empty object has no byte 0.
                Err(problem) if problem.cause == Cause::Range => {
                    let object = connection.file(&path).await?;
                    if object.size == 0 {
                        let (size, etag, first) = (0, object.etag, Bytes::new());
                        return Ok(RemoteFile::new(Self {
                            connection,
                            key,
                            uri,
                            size,
                            etag,
                            first,
                        }));
                    }
                }
                Err(problem) => return Err(problem),
            }
        }
        let problem = "it is changed again and again";
        Err(Problem::new(StoreErrorKind::Unavailable, problem, &connection.asked()))
    }
}

impl Source for S3File {
    type Problem = Problem;

    fn threads(&self) -> &'static Threads {
        &THREADS
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn fetch(&self, offset: u64, length: u64) -> Result<Vec<Bytes>, Problem> {
        let end = usize::try_from(offset + length).unwrap_or(usize::MAX);
        if end <= self.first.len() {
            return Ok(vec![self.first.slice(end - length as usize..end)]);
        }
        let part = self.connection.get(&self.key, Some((offset, length)), Some(&self.etag)).await?;
        let received: u64 = part.pieces.iter().map(|piece| piece.len() as u64).sum();
        if received != length {
            let problem = format!("{received} bytes came for {length}");
            return Err(self.problem(StoreErrorKind::Unavailable, problem));
        }
        Ok(part.pieces)
    }

    fn problem(&self, kind: StoreErrorKind, text: String) -> Problem {
        Problem::new(kind, text, &self.connection.asked())
    }

    fn error(&self, problem: Problem, offset: u64) -> StoreError {
        problem.into_error("read", format!("{} at byte {offset}", self.uri))
    }
}

impl fmt::Debug for S3File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3File").field("uri", &self.uri).field("size", &self.size).finish()
    }
}
