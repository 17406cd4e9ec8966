//! Messages of a consumer, many at a time.
//!
//! [`BaseConsumer::poll`] makes an event of each message and looks at the clock for it. Beside a fast reader that is a
//! fifth of all the work. librdkafka can also hand over what lies in a queue in one call; `rdkafka` has none for it, so this
//! module has the ones that are missing. Which way a message takes is decided partition by partition, see
//! [`MessageQueue::add`]; all else (the group's decisions, errors, statistics) goes on coming through `poll`.
//!
//! It is the call with a callback (`rd_kafka_consume_callback_queue`), not the one that fills an array
//! (`rd_kafka_consume_batch_queue`): that one (2.12) takes the end of a partition for a message, and after the next
//! rebalance, when librdkafka goes on where it believes the application to be, a message would be missing.
//!
//! # Safety
//! The module calls librdkafka's C functions and reads the messages that they give. That is sound because
//! - the queue holds the consumer ([`Arc`]), so librdkafka's handle outlives it; it is destroyed once, in `drop`;
//! - a message is librdkafka's, and valid during the callback: a [`Record`] borrows from it, and its lifetime ends with the
//!   closure's call, which cannot keep it (`for<'m> FnMut(Record<'m>)`);
//! - the callback is called by this thread, before [`MessageQueue::read`] returns, and gets back the very closure that `read`
//!   has on its stack; no panic leaves it, it goes on when librdkafka's call has returned;
//! - `read` borrows the queue mutably, so the closure cannot call it again; none of the types is `Send` or `Sync`.
//!
//! The twin without `unsafe` is `poll`; the integration test reads one topic in both ways and compares.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::{CString, c_int, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

/// A queue for the messages of some partitions of a consumer.
pub struct MessageQueue<C: ConsumerContext + 'static> {
    consumer: Arc<BaseConsumer<C>>,
    queue: NonNull<rd::rd_kafka_queue_t>,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    /// Number of the partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Key, if there is one.
    pub key: Option<&'m [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'m [u8]>,
    /// When it was produced, or appended by the broker, in milliseconds since 1970. Not negative.
    pub timestamp_millis: Option<i64>,
}

impl<C: ConsumerContext + 'static> MessageQueue<C> {
    /// An empty queue, of no partition yet.
    ///
    /// # Errors
    /// [`KafkaError::ClientCreation`] when librdkafka gives none.
    pub fn new(consumer: Arc<BaseConsumer<C>>) -> Result<Self, KafkaError> {
        // SAFETY: the handle lives as long as the consumer.
        let queue = unsafe { rd::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).ok_or_else(no_queue)?;
        Ok(Self { consumer, queue })
    }

    /// The consumer, to be polled for everything that is not a message of the partitions that were added.
    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Messages of this partition that are fetched from now on come here. It stays so while the consumer lives; adding it again
    /// does no harm. What was fetched before still comes through `poll`, unless a seek makes it outdated: who adds a partition
    /// that is being read seeks in it afterwards, and has each message once and in order.
    ///
    /// # Errors
    /// [`KafkaError::ClientCreation`] when librdkafka has no queue for the partition, or no topic can be called so.
    pub fn add(&self, topic: &str, partition: i32) -> Result<(), KafkaError> {
        let topic = CString::new(topic).map_err(|_| no_queue())?;
        let client = self.consumer.client().native_ptr();
        // SAFETY: handle and name are valid for the call, which copies the name.
        let of_partition =
            unsafe { rd::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition) };
        let of_partition = NonNull::new(of_partition).ok_or_else(no_queue)?;
        // SAFETY: both queues are valid; the reference to the partition's is given back once.
        unsafe {
            rd::rd_kafka_queue_forward(of_partition.as_ptr(), self.queue.as_ptr());
            rd::rd_kafka_queue_destroy(of_partition.as_ptr());
        }
        Ok(())
    }

    /// Calls `each` with the messages that are there, oldest first within a partition, until it breaks; the rest stays. Waits
    /// for the first one up to `wait` (whole milliseconds) when there is nothing; not so long when librdkafka finds that what
    /// there was is outdated. In a message's place may be an error, above all [`KafkaError::PartitionEOF`].
    pub fn read(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(Result<Record<'_>, KafkaError>) -> ControlFlow<()>,
    ) {
        let mut reading =
            Reading { each: &mut each, client: self.consumer.client().native_ptr(), panic: None };
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        let opaque = (&raw mut reading).cast::<c_void>();
        // SAFETY: the queue is valid, and `reading` until the call has returned; `on_message` is told what it points to.
        unsafe {
            rd::rd_kafka_consume_callback_queue(
                self.queue.as_ptr(),
                wait,
                Some(on_message),
                opaque,
            );
        }
        if let Some(panic) = reading.panic {
            resume_unwind(panic);
        }
    }
}

fn no_queue() -> KafkaError {
    KafkaError::ClientCreation("librdkafka gives no queue".to_owned())
}

impl<C: ConsumerContext + 'static> Drop for MessageQueue<C> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed here alone; the consumer is still there.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

impl<C: ConsumerContext + 'static> std::fmt::Debug for MessageQueue<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("queue of messages")
    }
}

type Each<'r> = &'r mut dyn FnMut(Result<Record<'_>, KafkaError>) -> ControlFlow<()>;

/// What the callback works with.
struct Reading<'r> {
    each: Each<'r>,
    client: *mut rd::rd_kafka_t,
    panic: Option<Box<dyn Any + Send>>,
}

/// # Safety
/// To be called by librdkafka within [`MessageQueue::read`]: `message` is valid during the call, and `opaque` is that call's
/// [`Reading`].
unsafe extern "C" fn on_message(message: *mut rd::rd_kafka_message_t, opaque: *mut c_void) {
    // SAFETY: the caller's promise; nobody else has a reference to it meanwhile.
    let reading = unsafe { &mut *opaque.cast::<Reading<'_>>() };
    // SAFETY: likewise.
    let record = unsafe { record(&*message) };
    let outcome = catch_unwind(AssertUnwindSafe(|| (reading.each)(record)));
    match outcome {
        Ok(ControlFlow::Continue(())) => return,
        Ok(ControlFlow::Break(())) => {}
        Err(panic) => reading.panic = Some(panic),
    }
    // SAFETY: the handle is that of the consumer that is being read.
    unsafe { rd::rd_kafka_yield(reading.client) };
}

/// # Safety
/// `message` is one that librdkafka has handed over, and lives for `'m`.
unsafe fn record(message: &rd::rd_kafka_message_t) -> Result<Record<'_>, KafkaError> {
    match message.err {
        rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
        rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            return Err(KafkaError::PartitionEOF(message.partition));
        }
        error => return Err(KafkaError::MessageConsumption(error.into())),
    }
    // SAFETY: a valid message; its kind of timestamp is not asked for.
    let millis = unsafe { rd::rd_kafka_message_timestamp(message, std::ptr::null_mut()) };
    Ok(Record {
        partition: message.partition,
        offset: message.offset,
        // SAFETY: librdkafka's pointers and lengths of a message without an error.
        key: unsafe { bytes(message.key.cast(), message.key_len) },
        // SAFETY: likewise.
        value: unsafe { bytes(message.payload.cast(), message.len) },
        timestamp_millis: (millis >= 0).then_some(millis),
    })
}

/// # Safety
/// `start` is null or points to `len` bytes that live for `'m`.
unsafe fn bytes<'m>(start: *const u8, len: usize) -> Option<&'m [u8]> {
    let start = NonNull::new(start.cast_mut())?;
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), len) })
}
