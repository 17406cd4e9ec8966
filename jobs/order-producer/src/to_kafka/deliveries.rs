//! What becomes of the messages that were handed to the client.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka_client::ClientHooks;
use order_message::{Decoder, Limits};
use order_model::{Money, Timestamp};
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use service_kit::latency::Histogram;

use super::messages::Kind;

/// Announcements that wait for the screen; more are not worth it.
const WAITING: usize = 64;

/// Counts delivery reports. Clones are handles of the same.
#[derive(Clone)]
pub(super) struct Deliveries {
    shared: Arc<Shared>,
}

struct Shared {
    hooks: ClientHooks,
    started: Instant,
    delivered: AtomicU64,
    failed: AtomicU64,
    reasons: Mutex<Vec<(Code, u64)>>,
    latency: Histogram,
    /// How many deliveries are still to be announced.
    to_announce: AtomicU32,
    announcements: SyncSender<Announcement>,
}

/// A message that was delivered, for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Late or a duplicate; nothing for an order as it should be.
    pub(super) remark: Option<&'static str>,
    pub(super) bytes: usize,
    /// `None` for a malformed message.
    pub(super) order: Option<AnnouncedOrder>,
}

/// What is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnnouncedOrder {
    pub(super) invoice_no: String,
    pub(super) customer_id: Option<i64>,
    pub(super) quantity: i32,
    pub(super) article: String,
    /// Price of the whole line.
    pub(super) amount: Money,
}

impl Deliveries {
    pub(super) fn new(hooks: ClientHooks, started: Instant) -> (Self, Receiver<Announcement>) {
        let (announcements, receiver) = sync_channel(WAITING);
        let shared = Shared {
            hooks,
            started,
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            reasons: Mutex::default(),
            latency: Histogram::new(),
            to_announce: AtomicU32::new(0),
            announcements,
        };
        (Self { shared: Arc::new(shared) }, receiver)
    }

    /// Messages that a broker has confirmed.
    pub(super) fn delivered(&self) -> u64 {
        self.shared.delivered.load(Ordering::Relaxed)
    }

    /// Messages that were given up.
    pub(super) fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Why messages were given up, and how many.
    pub(super) fn reasons(&self) -> Vec<(Code, u64)> {
        self.shared.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From making a message to its confirmation.
    pub(super) fn latency(&self) -> &Histogram {
        &self.shared.latency
    }

    pub(super) fn hooks(&self) -> &ClientHooks {
        &self.shared.hooks
    }

    /// Announces so many of the next deliveries.
    pub(super) fn announce(&self, next: u32) {
        self.shared.to_announce.store(next, Ordering::Relaxed);
    }

    /// Notes a message that the client gave up, or did not take.
    pub(super) fn give_up(&self, code: Code) {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        let mut reasons = self.shared.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match reasons.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => reasons.push((code, 1)),
        }
    }

    #[inline]
    fn may_announce(&self) -> bool {
        match self.shared.to_announce.load(Ordering::Relaxed) {
            0 => false,
            // Deliveries are reported by one thread; a few more or less would do no harm.
            left => {
                self.shared.to_announce.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }
}

/// What goes along with a message: when it was made, and what it is.
pub(super) fn tag(made: Duration, kind: Kind) -> usize {
    let kind = match kind {
        Kind::Order => 0,
        Kind::Late => 1,
        Kind::Duplicate => 2,
        Kind::Malformed(_) => 3,
    };
    ((made.as_micros() as usize) << 2) | kind
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let message = match result {
            Ok(message) => message,
            Err((error, _)) => {
                return self.give_up(error.rdkafka_error_code().unwrap_or(Code::Unknown));
            }
        };
        let made = Duration::from_micros((tag >> 2) as u64);
        self.shared.latency.record(self.shared.started.elapsed().saturating_sub(made));
        self.shared.hooks.succeeded();
        if self.may_announce() {
            let remark = [None, Some("late"), Some("duplicate"), None][tag & 3];
            // The screen may be behind; then it has enough to show.
            let _ = self.shared.announcements.try_send(Announcement {
                partition: message.partition(),
                offset: message.offset(),
                remark,
                bytes: message.payload().map_or(0, <[u8]>::len),
                order: if tag & 3 == 3 { None } else { read(message.payload()) },
            });
        }
        // Last, so that whoever has seen all delivered finds all announced.
        self.shared.delivered.fetch_add(1, Ordering::Release);
    }
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.hooks.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.hooks.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.hooks.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.shared.hooks.generate_oauth_token(config)
    }
}

fn read(value: Option<&[u8]>) -> Option<AnnouncedOrder> {
    let mut decoder = Decoder::new();
    let limits = Limits::until(Timestamp::from_micros(i64::MAX));
    let order = decoder.decode(value, &limits).ok()?;
    Some(AnnouncedOrder {
        invoice_no: order.invoice_no.to_owned(),
        customer_id: order.customer_id,
        quantity: order.quantity,
        article: order.description.unwrap_or(order.stock_code).trim().to_owned(),
        amount: order.unit_price * i64::from(order.quantity),
    })
}
