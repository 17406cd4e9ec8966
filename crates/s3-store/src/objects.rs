//! Single objects: the requests that everything else is made of.
//!
//! The SDK repeats a request whose answer did not come. For one with a condition that means: the second try may find what
//! the first one did. So whatever is written with a condition carries a [`WriteId`], and when a condition does not hold, the
//! object that is there is asked for its own.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};
use bytes::Bytes;
use store::StoreErrorKind;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::keys::copy_source;
use crate::multipart::Upload;
use crate::problem::{Cause, Problem};

/// The user metadata that holds a [`WriteId`].
const WRITE_ID: &str = "write-id";
/// Tries of a request that somebody else's is in the way of.
const ATTEMPTS: u32 = 6;
/// Before the second try; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(50);
/// Tries of a read: the SDK itself does not repeat one whose answer broke off.
const READ_ATTEMPTS: u32 = 3;
/// Objects up to this size are copied by way of this process, in one piece; what is copied inside S3 in one piece has no condition.
pub(crate) const SMALL: u64 = 8 << 20;
/// What is copied inside S3 by one request. S3 allows for five times as much, but it takes its time.
const COPY_AT_ONCE: u64 = 1 << 30;

/// What has to hold of the object that is written to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    /// There is none.
    Absent,
    /// It is the one with this ETag.
    Unchanged(String),
    /// Nothing.
    Any,
}

/// Tells apart all writes that ever were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WriteId(pub String);

/// An object as it was when it was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    pub size: u64,
    pub etag: String,
    pub modified: SystemTime,
    write_id: Option<WriteId>,
}

/// Bytes of an object, and what it was when they were read.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub pieces: Vec<Bytes>,
    pub object: Object,
}

impl WriteId {
    pub(crate) fn new() -> Self {
        // Seeded by the operating system.
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self(format!("{:016x}{:016x}", random(), random()))
    }

    /// As user metadata.
    pub(crate) fn key() -> &'static str {
        WRITE_ID
    }
}

impl Connection {
    /// What is known of the object `key`; `None` when there is none.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<Object>, Problem> {
        let ready = self.ready().await?;
        let answer = ready.client.head_object().bucket(&self.bucket).key(key).send().await;
        match answer.map_err(|error| Problem::of(error, &ready.asked)) {
            Ok(head) => Ok(Some(Object {
                size: head.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
                etag: head.e_tag().unwrap_or_default().to_owned(),
                modified: time(head.last_modified()),
                write_id: write_id(head.metadata()),
            })),
            Err(problem) if problem.cause == Cause::NoSuchKey => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Reads `range` (offset, length) of the object `key`, or all of it, if it still is the one with the ETag `etag`. A range
    /// may end behind the end of the object.
    pub(crate) async fn get(
        &self,
        key: &str,
        range: Option<(u64, u64)>,
        etag: Option<&str>,
    ) -> Result<Part, Problem> {
        let mut attempt = 1;
        loop {
            match self.get_once(key, range, etag).await {
                Err(problem) if problem.cause == Cause::Broken && attempt < READ_ATTEMPTS => {}
                read => return read,
            }
            sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }

    async fn get_once(
        &self,
        key: &str,
        range: Option<(u64, u64)>,
        etag: Option<&str>,
    ) -> Result<Part, Problem> {
        let ready = self.ready().await?;
        let range = range.map(|(from, length)| format!("bytes={from}-{}", from + length - 1));
        let answer = ready
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_range(range)
            .set_if_match(etag.map(str::to_owned))
            .send()
            .await;
        let mut answer = answer.map_err(|error| match Problem::of(error, &ready.asked) {
            problem if problem.cause == Cause::Condition => {
                let message = "another object has been put in its place since it was opened";
                Problem::new(StoreErrorKind::Truncated, message, &ready.asked)
                    .with_cause(Cause::Condition)
            }
            problem => problem,
        })?;
        let length =
            answer.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        // bytes 0-99/1234
        let whole = answer.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let object = Object {
            size: whole.unwrap_or(length),
            etag: answer.e_tag().unwrap_or_default().to_owned(),
            modified: time(answer.last_modified()),
            write_id: write_id(answer.metadata()),
        };
        let (mut pieces, mut received) = (Vec::new(), 0);
        while let Some(piece) = answer.body.next().await {
            let broken = |problem: String| {
                Problem::new(StoreErrorKind::Unavailable, problem, &ready.asked)
                    .with_cause(Cause::Broken)
            };
            let piece = piece.map_err(|error| broken(error.to_string()))?;
            received += piece.len() as u64;
            pieces.push(piece);
        }
        if received != length {
            let problem = format!("{received} bytes came for {length}");
            let problem = Problem::new(StoreErrorKind::Unavailable, problem, &ready.asked);
            return Err(problem.with_cause(Cause::Broken));
        }
        Ok(Part { pieces, object })
    }

    /// Writes a whole object. [`StoreErrorKind::AlreadyExists`] if it was to be [`Condition::Absent`] and is not.
    pub(crate) async fn put(
        &self,
        key: &str,
        contents: Bytes,
        condition: &Condition,
    ) -> Result<(), Problem> {
        if *condition == Condition::Absent {
            self.check_conditions(key).await?;
        }
        self.put_unchecked(key, contents, condition).await
    }

    async fn put_unchecked(
        &self,
        key: &str,
        contents: Bytes,
        condition: &Condition,
    ) -> Result<(), Problem> {
        let ready = self.ready().await?;
        let id = WriteId::new();
        let mut attempt = 1;
        loop {
            let put = ready
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .metadata(WRITE_ID, &id.0)
                .set_if_none_match(condition.if_none_match())
                .set_if_match(condition.if_match())
                .body(ByteStream::from(contents.clone()));
            let Err(error) = put.send().await else { return Ok(()) };
            let problem = Problem::of(error, &ready.asked);
            match self.after_conditional(key, &id, problem, attempt).await? {
                Outcome::Done => return Ok(()),
                Outcome::Again => attempt += 1,
            }
        }
    }

    /// What to do after the failure of a write with a condition.
    ///
    /// # Errors
    /// It has failed for good: by [`Cause::Condition`] because of another object.
    pub(crate) async fn after_conditional(
        &self,
        key: &str,
        id: &WriteId,
        problem: Problem,
        attempt: u32,
    ) -> Result<Outcome, Problem> {
        match problem.cause {
            // 404 is the answer to If-Match when the object is gone.
            Cause::Condition | Cause::NoSuchUpload => match self.head(key).await? {
                Some(there) if there.write_id.as_ref() == Some(id) => Ok(Outcome::Done),
                Some(_) if problem.cause == Cause::Condition => {
                    let message = "it is there already";
                    let asked = &self.ready().await?.asked;
                    let problem = Problem::new(StoreErrorKind::AlreadyExists, message, asked);
                    Err(problem.with_cause(Cause::Condition))
                }
                // It was there a moment ago.
                None if problem.cause == Cause::Condition && attempt < ATTEMPTS => {
                    sleep(PAUSE).await;
                    Ok(Outcome::Again)
                }
                _ => Err(problem),
            },
            Cause::Conflict if attempt < ATTEMPTS => {
                sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                Ok(Outcome::Again)
            }
            _ => Err(problem),
        }
    }

    /// Holds a server that is not AWS to obey conditions, once: one that passes over them would let two runs publish at the
    /// same time, without anybody noticing.
    pub(crate) async fn check_conditions(&self, key: &str) -> Result<(), Problem> {
        let ready = self.ready().await?;
        if !ready.is_other_server || self.obeys_conditions.load(Ordering::Relaxed) {
            return Ok(());
        }
        let folder = key.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = format!(".conditions-{}", WriteId::new().0);
        let probe = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        self.put_unchecked(&probe, Bytes::new(), &Condition::Absent).await?;
        let again = self.put_unchecked(&probe, Bytes::new(), &Condition::Absent).await;
        self.delete(&probe, None).await?;
        match again {
            Err(problem) if problem.cause == Cause::Condition => {
                self.obeys_conditions.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(problem) => Err(problem),
            Ok(()) => {
                let problem = "this server passes over If-None-Match, so that two runs could write the same file; a newer \
                               version of it may not";
                Err(Problem::new(StoreErrorKind::Address, problem, &ready.asked))
            }
        }
    }

    /// Writes what is in `source` (as it was) to the object `to`.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        from: &str,
        source: &Object,
        to: &str,
        condition: &Condition,
    ) -> Result<(), Problem> {
        if source.size <= SMALL && *condition != Condition::Any {
            let part = self.get(from, None, Some(&source.etag)).await?;
            return self.put(to, part.pieces.concat().into(), condition).await;
        }
        if source.size > COPY_AT_ONCE || *condition != Condition::Any {
            return Upload::copy(self, from, source, to, condition).await;
        }
        let ready = self.ready().await?;
        let copied = ready
            .client
            .copy_object()
            .bucket(&self.bucket)
            .key(to)
            .copy_source(copy_source(&self.bucket, from))
            .copy_source_if_match(&source.etag)
            // To read tags is a right of its own.
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .metadata(WRITE_ID, WriteId::new().0)
            .send()
            .await;
        copied.map(drop).map_err(|error| Problem::of(error, &ready.asked))
    }

    /// Removes an object, if it still is the one with this ETag. It may be missing.
    pub(crate) async fn delete(&self, key: &str, etag: Option<&str>) -> Result<(), Problem> {
        let ready = self.ready().await?;
        let mut etag = etag.map(str::to_owned);
        let mut attempt = 1;
        loop {
            let delete = ready.client.delete_object().bucket(&self.bucket).key(key);
            let Err(error) = delete.set_if_match(etag.clone()).send().await else { return Ok(()) };
            let problem = Problem::of(error, &ready.asked);
            match problem.cause {
                Cause::Condition | Cause::NoSuchKey => return Ok(()),
                Cause::Conflict if attempt < ATTEMPTS => {
                    sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                // An older server, which has no such condition.
                Cause::NotImplemented if etag.is_some() => etag = None,
                _ => return Err(problem),
            }
        }
    }
}

/// After a failure that need not be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It had happened.
    Done,
    Again,
}

impl Condition {
    pub(crate) fn if_none_match(&self) -> Option<String> {
        (*self == Self::Absent).then(|| "*".to_owned())
    }

    pub(crate) fn if_match(&self) -> Option<String> {
        match self {
            Self::Unchanged(etag) => Some(etag.clone()),
            _ => None,
        }
    }
}

fn write_id(metadata: Option<&std::collections::HashMap<String, String>>) -> Option<WriteId> {
    metadata?.get(WRITE_ID).cloned().map(WriteId)
}

/// Whole seconds: that is what S3 answers, and other servers in some of their answers.
pub(crate) fn time(time: Option<&DateTime>) -> SystemTime {
    let seconds = time.map_or(0, DateTime::secs);
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
