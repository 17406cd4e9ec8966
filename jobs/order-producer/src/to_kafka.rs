//! Orders to a Kafka topic: each delivered exactly once, or told not to be.

mod deliveries;
mod faults;
mod messages;
mod pacer;
mod replay;
mod screen;
mod sender;
mod source;
mod topic;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use job_kit::config::ConfigError;
use kafka_client::{Connection, EmbeddedBroker, KafkaSettings};
use order_generator::{GeneratorError, LiveConfig, LiveOrders};
use order_model::DateFormat;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::ThreadedProducer;
use service_kit::{Stop, signals};

use deliveries::Deliveries;
pub(crate) use faults::Fault;
pub(crate) use messages::Noise;
use messages::{Counts, Messages};
use pacer::Pacer;
use replay::Replay;
use screen::Screen;
pub(crate) use screen::Telling;
pub(crate) use sender::Limit;
use sender::{Pace, Sender};
pub(crate) use source::EventTimes;
use source::Source;
pub(crate) use topic::CreateTopic;

/// How long the messages under way may take when the job is asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the client may take to get its producer id before the first message is made all the same.
const READY_TIMEOUT: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What the client may hold until the brokers take it.
const QUEUE_MESSAGES: &str = "200000";
const QUEUE_KILOBYTES: &str = "131072";

/// What to send, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) topic: String,
    pub(crate) create_topic: Option<CreateTopic>,
    pub(crate) orders: Orders,
    pub(crate) event_times: EventTimes,
    pub(crate) speed: Speed,
    pub(crate) limit: Limit,
    pub(crate) noise: Noise,
    pub(crate) seed: u64,
    /// After this time a message that no broker confirmed is given up.
    pub(crate) delivery_timeout: Duration,
}

/// Which orders.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Orders {
    Live(LiveConfig),
    Replay { path: String, date_format: Option<DateFormat> },
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// As the brokers take them.
    Most,
    /// Messages a second.
    Rate(f64),
    /// With the gaps between the orders of a file, divided by this.
    OfTheFile(f64),
}

/// Partitions of the topic of an embedded broker, unless the settings say otherwise.
const EMBEDDED_PARTITIONS: i32 = 4;

/// Starts a broker within this process, and writes its address to `file`, for those that are to read the orders.
///
/// # Errors
/// When it cannot be started, or the file cannot be written.
pub(crate) fn embedded_broker(plan: &Plan, file: &Path) -> Result<EmbeddedBroker> {
    let partitions = plan.create_topic.map_or(EMBEDDED_PARTITIONS, |topic| topic.partitions);
    let broker = EmbeddedBroker::start(&[(&plan.topic, partitions)]).map_err(topic::as_exit)?;
    // Complete before it has its name: whoever waits for the file reads all of it.
    let unfinished = file.with_extension("new");
    let address = format!("{}\n", broker.bootstrap_servers());
    std::fs::write(&unfinished, address)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| format!("cannot write the broker's address to '{}'", file.display()))?;
    tracing::info!(address = broker.bootstrap_servers(), "a broker, as long as this program runs");
    Ok(broker)
}

/// Sends the orders.
///
/// # Errors
/// Whatever keeps a message from being delivered; see `job_kit::exit` for the kinds.
pub(crate) fn run(plan: &Plan, kafka: &KafkaSettings, telling: Telling) -> Result<()> {
    let source = match &plan.orders {
        Orders::Live(config) => {
            Source::Live(Box::new(LiveOrders::new(config.clone()).map_err(as_setting)?))
        }
        Orders::Replay { path, date_format } => {
            Source::Replay(Box::new(Replay::open(path, *date_format)?))
        }
    };
    let connection = Connection::new(kafka, "order-producer").map_err(topic::as_exit)?;
    let config = connection
        .client_config()
        .governed("message.timeout.ms", millis(plan.delivery_timeout), "producer.delivery_timeout")
        .fixed("enable.idempotence", "true", "every message is to be delivered exactly once")
        .fixed("acks", "all", "every message is to be delivered exactly once")
        .preset("linger.ms", "5")
        .preset("compression.codec", "lz4")
        // As Java's clients do it, so that a customer's orders are in one partition whoever sends them.
        .preset("partitioner", "murmur2_random")
        .preset("queue.buffering.max.messages", QUEUE_MESSAGES)
        .preset("queue.buffering.max.kbytes", QUEUE_KILOBYTES)
        // They tell when the client is ready.
        .preset("statistics.interval.ms", "100")
        .build()
        .map_err(topic::as_exit)?;
    let found = topic::find(&connection, &plan.topic, plan.create_topic)?;
    // Until here a signal ends the process as it always does: there is nothing to lose yet.
    let stop = signals::listen()?;
    tracing::info!(
        topic = plan.topic,
        partitions = found.partitions,
        brokers = kafka.brokers,
        "sending"
    );

    let counting = Instant::now();
    let (deliveries, announcements) = Deliveries::new(connection.context(), counting);
    let producer = ThreadedProducer::from_config_and_context(&config, deliveries.clone())
        .context("cannot make a Kafka producer")?;
    wait_until_ready(&deliveries, &stop);
    let started = Instant::now();
    let (pace, speed_up, rate) = match plan.speed {
        Speed::Most => (Pace::WhenDue, None, Some(f64::INFINITY)),
        Speed::Rate(rate) => (Pace::Even(Pacer::new(rate)), None, Some(rate)),
        Speed::OfTheFile(speed_up) => (Pace::WhenDue, Some(speed_up), None),
    };
    let screen = Screen::new(telling, &plan.topic, deliveries.clone(), announcements, rate);
    let messages = Messages::new(source, plan.event_times, speed_up, plan.noise.clone(), plan.seed);
    let mut sender = Sender {
        producer: &producer,
        deliveries,
        topic: &plan.topic,
        messages,
        counts: Counts::default(),
        pace,
        limit: plan.limit,
        screen,
        stop,
        started,
        counting_for: started.duration_since(counting),
    };
    let sent = sender.run();
    // Whatever ended it: what was handed over is brought home first.
    sender.flush(plan.delivery_timeout + STOP_TIMEOUT, STOP_TIMEOUT);
    let told = sender.screen.finish(&sender.counts, started.elapsed());
    if let (Some(skipped), Orders::Replay { path, .. }) =
        (sender.messages.source().skipped(), &plan.orders)
        && skipped.total() > 0
    {
        tracing::warn!(file = %path, rows = skipped.total(), reasons = ?skipped.by_reason, "rows that are no orders were not sent");
    }
    sender.verdict()?;
    sent?;
    Ok(told?)
}

/// Waits until the client may send: an idempotent producer asks for its id when it connects, and again after half a
/// second. Orders that were made meanwhile would come late.
fn wait_until_ready(deliveries: &Deliveries, stop: &Stop) {
    let end = Instant::now() + READY_TIMEOUT;
    let is_ready = || {
        let statistics = deliveries.hooks().statistics();
        statistics
            .is_some_and(|of| of.eos.as_ref().is_some_and(|eos| eos.idemp_state == "Assigned"))
    };
    while !is_ready() && !stop.is_set() && Instant::now() < end {
        stop.wait_timeout(LOOK_AGAIN);
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// The generator names its own fields; the user knows them as settings.
fn as_setting(error: GeneratorError) -> ConfigError {
    ConfigError::invalid(format!("producer.{}", error.field), error.message)
}
