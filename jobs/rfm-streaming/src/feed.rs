//! Tagged orders to another Kafka topic: the live feed of whoever wants to see them now.
//!
//! At least once: an order is in the topic before it is committed to the tables, so after a crash some come again. They can be told by
//! `kafka_partition` and `kafka_offset`.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use kafka_client::{ClientHooks, Connection};
use order_message::{Order, encode};
use order_model::Timestamp;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use segment_index::SegmentIndex;
use stream_sink::source::Source;

use crate::rows::{NO_SEGMENT, Raw, UNKNOWN};
use crate::stream::explain;

/// How long the topic's brokers may be away before the job fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Writes tagged orders to a topic.
pub(crate) struct Feed {
    topic: String,
    producer: BaseProducer<Deliveries>,
    failed: Arc<AtomicU64>,
    value: Vec<u8>,
    key: Vec<u8>,
    /// What each segment code adds to a message, for the snapshot that they belong to.
    tags: Option<(String, Vec<Vec<u8>>)>,
}

struct Deliveries {
    hooks: ClientHooks,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.hooks.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hooks.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.hooks.generate_oauth_token(config)
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::debug!(%error, "a tagged order was not delivered");
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Feed {
    pub(crate) fn open(connection: &Connection, topic: &str) -> anyhow::Result<Self> {
        let failed = Arc::new(AtomicU64::new(0));
        let config = connection
            .client_config()
            .preset("linger.ms", "5")
            .preset("compression.type", "lz4")
            .preset("enable.idempotence", "true")
            .preset("message.timeout.ms", PATIENCE.as_millis().to_string())
            .build()
            .map_err(explain)?;
        let context = Deliveries { hooks: connection.context(), failed: failed.clone() };
        let producer = config.create_with_context(context)?;
        let topic = topic.to_owned();
        Ok(Self { topic, producer, failed, value: Vec::new(), key: Vec::new(), tags: None })
    }

    /// Sends one order; waits while the producer's queue is full.
    pub(crate) fn send(
        &mut self,
        order: &Order<'_>,
        raw: &Raw<'_>,
        source: &Source,
        segments: &SegmentIndex,
        ingest: Timestamp,
    ) -> anyhow::Result<()> {
        self.value.clear();
        encode(order, &mut self.value);
        self.value.pop();
        let code = order.customer_id.and_then(|id| segments.get(id));
        let tag = self.tag(segments, code.unwrap_or(NO_SEGMENT))?;
        let (is_return, offset) = (order.is_return(), raw.offset);
        let ingest = ingest.to_string().replace(' ', "T");
        self.value.extend_from_slice(&tag);
        write!(
            self.value,
            ",\"is_return\":{is_return},\"ingest_time\":\"{ingest}Z\",\"kafka_partition\":{},\"kafka_offset\":{offset}}}",
            source.partition
        )
        .context("a message cannot be made")?;
        self.key.clear();
        if let Some(id) = order.customer_id {
            write!(self.key, "{id}").context("a key cannot be made")?;
        }
        let started = Instant::now();
        loop {
            let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic).payload(&self.value);
            if !self.key.is_empty() {
                record = record.key(&self.key);
            }
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _))
                    if started.elapsed() < PATIENCE =>
                {
                    self.producer.poll(Duration::from_millis(20));
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| {
                        format!("cannot send tagged orders to the topic '{}'", self.topic)
                    });
                }
            }
        }
    }

    /// Does what is to be done from time to time. An order that was not delivered is an error.
    pub(crate) fn serve(&mut self) -> anyhow::Result<()> {
        self.producer.poll(Duration::ZERO);
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(anyhow!(
                "{failed} tagged orders could not be delivered to the topic '{}'; does it exist, and may this job \
                 write to it?",
                self.topic
            )),
        }
    }

    /// Waits until everything is delivered.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.producer.flush(PATIENCE).with_context(|| {
            format!("tagged orders could not be delivered to the topic '{}'", self.topic)
        })?;
        self.serve()
    }

    fn tag(&mut self, segments: &SegmentIndex, code: u8) -> anyhow::Result<Vec<u8>> {
        let snapshot = segments.snapshot().map(|s| format!("{} {}", s.date, s.run_id));
        let snapshot = snapshot.unwrap_or_default();
        if self.tags.as_ref().is_none_or(|(of, _)| *of != snapshot) {
            let date = segments.snapshot().map(|s| s.date.as_str());
            let text = |id: Option<i32>, name: &str| -> anyhow::Result<Vec<u8>> {
                let tag = serde_json::json!({
                    "segment_id": id, "segment": name, "segment_snapshot": date
                });
                let object = serde_json::to_string(&tag)?;
                let fields = object.trim_start_matches('{').trim_end_matches('}');
                Ok(format!(",{fields}").into_bytes())
            };
            let mut tags = Vec::new();
            for segment in segments.segments() {
                tags.push(text(Some(segment.id), &segment.name)?);
            }
            tags.push(text(None, UNKNOWN)?);
            self.tags = Some((snapshot, tags));
        }
        let tags = self.tags.as_ref().map(|(_, tags)| tags.as_slice()).unwrap_or_default();
        let tag = tags.get(usize::from(code)).or(tags.last());
        Ok(tag.cloned().unwrap_or_default())
    }
}
