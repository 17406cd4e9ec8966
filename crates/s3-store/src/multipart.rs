//! Objects that are written in parts: none of them is to be seen before the last request, which has the condition.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::StreamExt as _;
use store::StoreErrorKind;
use tokio::task::JoinHandle;

use crate::connection::{Connection, Ready};
use crate::keys::copy_source;
use crate::objects::{Condition, Object, Outcome, WriteId};
use crate::problem::{Cause, Problem};

/// Bytes of a part of a file that is written. S3 takes at least 5 MiB, and [`PARTS`] of them; some servers want all but
/// the last to have the same size.
pub(crate) const PART_BYTES: usize = 8 << 20;
/// Parts of an object at most.
pub(crate) const PARTS: usize = 10_000;
/// Parts on their way at the same time. Each is held in memory until it has arrived.
const IN_FLIGHT: usize = 3;
/// Bytes of a part that is copied inside S3.
const COPIED_PART_BYTES: u64 = 256 << 20;

/// A multipart upload that has begun.
#[derive(Debug)]
pub(crate) struct Upload {
    connection: Arc<Connection>,
    key: String,
    id: String,
    write_id: WriteId,
    /// On their way, in order.
    under_way: VecDeque<JoinHandle<Result<CompletedPart, Problem>>>,
    arrived: Vec<CompletedPart>,
    begun: usize,
}

impl Upload {
    /// Of an object that must not be there when it is complete.
    pub(crate) async fn begin_absent(
        connection: &Arc<Connection>,
        key: &str,
    ) -> Result<Self, Problem> {
        connection.check_conditions(key).await?;
        Self::begin(connection, key).await
    }

    async fn begin(connection: &Arc<Connection>, key: &str) -> Result<Self, Problem> {
        let ready = connection.ready().await?;
        let write_id = WriteId::new();
        let created = ready
            .client
            .create_multipart_upload()
            .bucket(&connection.bucket)
            .key(key)
            .metadata(WriteId::key(), &write_id.0)
            .send()
            .await
            .map_err(|error| Problem::of(error, &ready.asked))?;
        Ok(Self {
            connection: connection.clone(),
            key: key.to_owned(),
            id: created.upload_id().unwrap_or_default().to_owned(),
            write_id,
            under_way: VecDeque::new(),
            arrived: Vec::new(),
            begun: 0,
        })
    }

    /// Sends a part, once there are not too many on their way.
    ///
    /// # Errors
    /// That of this part or of an earlier one. The upload is to be given up then.
    pub(crate) async fn send(&mut self, contents: Bytes) -> Result<(), Problem> {
        while self.under_way.len() >= IN_FLIGHT {
            self.await_first().await?;
        }
        let number = self.next_number()?;
        let (connection, key, id) = (self.connection.clone(), self.key.clone(), self.id.clone());
        self.under_way.push_back(tokio::spawn(async move {
            let Ready { client, asked, .. } = connection.ready().await?;
            let sent = client
                .upload_part()
                .bucket(&connection.bucket)
                .key(key)
                .upload_id(id)
                .part_number(number)
                .body(ByteStream::from(contents))
                .send()
                .await
                .map_err(|error| Problem::of(error, asked))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .set_checksum_crc32(sent.checksum_crc32)
                .set_checksum_crc32_c(sent.checksum_crc32_c)
                .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                .set_checksum_sha1(sent.checksum_sha1)
                .set_checksum_sha256(sent.checksum_sha256)
                .build())
        }));
        Ok(())
    }

    fn next_number(&mut self) -> Result<i32, Problem> {
        if self.begun == PARTS {
            let gib = (PARTS * PART_BYTES) >> 30;
            let problem = format!("a file in S3 cannot be larger than {gib} GiB here");
            return Err(Problem::new(StoreErrorKind::Full, problem, &self.connection.asked()));
        }
        self.begun += 1;
        Ok(i32::try_from(self.begun).unwrap_or(i32::MAX))
    }

    async fn await_first(&mut self) -> Result<(), Problem> {
        let Some(first) = self.under_way.pop_front() else { return Ok(()) };
        let part = first.await.unwrap_or_else(|error| {
            let text = format!("the S3 client failed inside: {error}");
            Err(Problem::new(StoreErrorKind::Other, text, &self.connection.asked()))
        });
        self.arrived.push(part?);
        Ok(())
    }

    /// Makes an object of the parts. [`StoreErrorKind::AlreadyExists`] if it was to be [`Condition::Absent`] and is not.
    ///
    /// # Errors
    /// The upload is to be given up then.
    pub(crate) async fn complete(&mut self, condition: &Condition) -> Result<(), Problem> {
        while !self.under_way.is_empty() {
            self.await_first().await?;
        }
        let ready = self.connection.ready().await?.clone();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.arrived.clone()));
        let parts = parts.build();
        let mut attempt = 1;
        loop {
            let complete = ready
                .client
                .complete_multipart_upload()
                .bucket(&self.connection.bucket)
                .key(&self.key)
                .upload_id(&self.id)
                .multipart_upload(parts.clone())
                .set_if_none_match(condition.if_none_match())
                .set_if_match(condition.if_match());
            let Err(error) = complete.send().await else { return Ok(()) };
            let problem = Problem::of(error, &ready.asked);
            let after =
                self.connection.after_conditional(&self.key, &self.write_id, problem, attempt);
            match after.await? {
                Outcome::Done => return Ok(()),
                Outcome::Again => attempt += 1,
            }
        }
    }

    /// Gives the upload up, so that its parts take up no room.
    pub(crate) async fn abort(mut self) -> Result<(), Problem> {
        // A part that arrives after the upload was given up would stay.
        while let Some(part) = self.under_way.pop_front() {
            let _ = part.await;
        }
        self.connection.abort_upload(&self.key, &self.id).await
    }

    /// Copies a large object inside S3.
    pub(crate) async fn copy(
        connection: &Arc<Connection>,
        from: &str,
        source: &Object,
        to: &str,
        condition: &Condition,
    ) -> Result<(), Problem> {
        let mut upload = Self::begin(connection, to).await?;
        let copied = match upload.copy_parts(from, source).await {
            Ok(()) => upload.complete(condition).await,
            failed => failed,
        };
        if copied.is_err() {
            // The first problem is the one to tell; what is left is swept with its folder, or by a rule of the bucket.
            let _ = upload.abort().await;
        }
        copied
    }

    async fn copy_parts(&mut self, from: &str, source: &Object) -> Result<(), Problem> {
        let length = COPIED_PART_BYTES.max(source.size.div_ceil(PARTS as u64));
        let mut requests = Vec::new();
        for from_byte in (0..source.size).step_by(usize::try_from(length).unwrap_or(usize::MAX)) {
            let last_byte = (from_byte + length).min(source.size) - 1;
            requests.push((self.next_number()?, format!("bytes={from_byte}-{last_byte}")));
        }
        let this = &*self;
        let copies = requests.into_iter().map(|(number, range)| async move {
            let Ready { client, asked, .. } = this.connection.ready().await?;
            let copied = client
                .upload_part_copy()
                .bucket(&this.connection.bucket)
                .key(&this.key)
                .upload_id(&this.id)
                .part_number(number)
                .copy_source(copy_source(&this.connection.bucket, from))
                .copy_source_range(range)
                .copy_source_if_match(&source.etag)
                .send()
                .await
                .map_err(|error| Problem::of(error, asked))?;
            let part = CompletedPart::builder().part_number(number);
            Ok(match copied.copy_part_result {
                Some(sent) => part
                    .set_e_tag(sent.e_tag)
                    .set_checksum_crc32(sent.checksum_crc32)
                    .set_checksum_crc32_c(sent.checksum_crc32_c)
                    .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                    .set_checksum_sha1(sent.checksum_sha1)
                    .set_checksum_sha256(sent.checksum_sha256),
                None => part,
            }
            .build())
        });
        let arrived: Vec<Result<CompletedPart, Problem>> =
            futures::stream::iter(copies).buffered(IN_FLIGHT).collect().await;
        self.arrived = arrived.into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }
}

impl Connection {
    /// Gives an upload up. It may be gone.
    pub(crate) async fn abort_upload(&self, key: &str, id: &str) -> Result<(), Problem> {
        let ready = self.ready().await?;
        let abort = ready.client.abort_multipart_upload().bucket(&self.bucket).key(key);
        match abort.upload_id(id).send().await.map_err(|error| Problem::of(error, &ready.asked)) {
            Err(problem) if problem.cause != Cause::NoSuchUpload => Err(problem),
            _ => Ok(()),
        }
    }
}
