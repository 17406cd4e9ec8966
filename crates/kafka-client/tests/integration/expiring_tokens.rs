//! A broker that takes a token for twenty seconds only, and then cuts off a client that has not logged in anew.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use job_kit::units::HumanDuration;
use kafka_client::{Connection, KafkaSettings, ProblemKind};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use test_cluster::{Cluster, Part};

use crate::helper::{Counting, DEADLINE, iam, topic, unique};
use crate::iam::key;

#[test]
fn clients_stay_logged_in_over_many_tokens() {
    let cluster = Cluster::private_with(&[Part::Kafka], &[("RFM_MSK_TOKEN_LIFE_SECONDS", "20")]);
    let life = Some(HumanDuration::new(Duration::from_secs(20)));
    let settings = KafkaSettings { token_lifetime: life, ..iam(&cluster) };
    let connection = Connection::with_credentials(&settings, "test", key(&cluster, None)).unwrap();
    let topic = topic(&cluster, "expiring", 1);

    // One client that is busy, one that waits for messages, one that does nothing at all.
    let (busy, waiting, idle) =
        (Counting::new(&connection), Counting::new(&connection), Counting::new(&connection));
    let config = connection.client_config().preset("linger.ms", "0").build().unwrap();
    let producer: BaseProducer<Counting> = config.create_with_context(busy.clone()).unwrap();
    let config = connection
        .client_config()
        .preset("group.id", unique("expiring"))
        .preset("auto.offset.reset", "earliest")
        .build()
        .unwrap();
    let consumer: BaseConsumer<Counting> = config.create_with_context(waiting.clone()).unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    let config = connection.client_config().build().unwrap();
    let idler: BaseConsumer<Counting> = config.create_with_context(idle.clone()).unwrap();

    let (mut sent, mut received) = (0, 0);
    let start = Instant::now();
    // librdkafka asks every 16 s or so: until each has used four tokens, of which two have expired.
    let used = |context: &Counting| context.tokens.load(Ordering::Relaxed) >= 4;
    while !(used(&busy) && used(&waiting) && used(&idle)) {
        assert!(start.elapsed() < 4 * DEADLINE, "clients ask for no tokens");
        producer
            .send(BaseRecord::<(), str>::to(&topic).payload("x"))
            .map_err(|(error, _)| error)
            .unwrap();
        sent += 1;
        producer.poll(Duration::ZERO);
        let _ = idler.poll(Duration::ZERO);
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            let message = message.unwrap_or_else(|error| {
                panic!("{error} after {:?}: {:?}", start.elapsed(), waiting.hooks.problem())
            });
            assert_eq!(message.payload(), Some(&b"x"[..]));
            received += 1;
        }
    }
    producer.flush(DEADLINE).unwrap();
    while received < sent {
        assert!(start.elapsed() < 5 * DEADLINE, "{received} of {sent} messages");
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            message.unwrap();
            received += 1;
        }
    }
    assert_eq!(busy.delivered.load(Ordering::Relaxed), sent);
    for context in [&busy, &waiting, &idle] {
        assert_eq!(context.errors.load(Ordering::Relaxed), 0, "{:?}", context.hooks.problem());
        assert_eq!(context.hooks.problem(), None);
    }

    // The broker does what this test relies on: a token that is kept for longer is refused.
    let connection =
        Connection::with_credentials(&iam(&cluster), "test", key(&cluster, None)).unwrap();
    connection.check(DEADLINE).unwrap();
    std::thread::sleep(Duration::from_secs(21));
    let error = connection.check(DEADLINE).unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(problem.kind, ProblemKind::Authentication, "{problem}");
    assert!(problem.message.contains("invalid_token: expired"), "{problem}");
}
