//! Settings that cannot work, and servers that are not there: what is said, and the exit code.

use crate::support::job::Job;
use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::running::Ended;
use crate::support::topic::Topic;

use super::Shop;

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

#[test]
fn settings_that_cannot_work_are_named() {
    let place = Place::local(NOWHERE);
    let topic = Topic::named(NOWHERE, "orders");
    let long = "x".repeat(250);
    let cases = [
        ("streaming.topic", "", "streaming.topic is ''"),
        ("streaming.topic", "..", "streaming.topic is '..'"),
        ("streaming.topic", "my orders", "letters, digits, '.', '_' and '-' only"),
        ("streaming.topic", &long, "which cannot be the name of a topic"),
        ("streaming.tagged_topic", "a/b", "streaming.tagged_topic is 'a/b'"),
        ("streaming.tagged_topic", "orders", "which is also streaming.topic"),
        ("streaming.group", "", "streaming.group is empty"),
        ("streaming.memory", "1 MiB", "streaming.memory is 1 MiB, the least is 16 MiB"),
        ("streaming.memory", "much", "streaming.memory"),
        ("streaming.flush_rows", "0", "streaming.flush_rows must be at least 1"),
        ("streaming.flush_rows", "-1", "streaming.flush_rows"),
        ("streaming.flush_interval", "0s", "streaming.flush_interval must be more than nothing"),
        ("streaming.flush_interval", "10", "streaming.flush_interval"),
        ("streaming.segments_refresh", "0s", "streaming.segments_refresh must be"),
        ("streaming.earliest_date", "long ago", "streaming.earliest_date"),
        ("streaming.start", "middle", "streaming.start"),
        ("streaming.on_lost_offsets", "skip", "streaming.on_lost_offsets"),
        ("streaming.listen", "9464", "streaming.listen is '9464', which is no address"),
        ("streaming.compact.older_than_days", "0", "streaming.compact.older_than_days"),
        ("streaming.compact.min_files", "1", "streaming.compact.min_files must be at least 2"),
        ("streaming.flush_intervall", "1s", "streaming.flush_intervall"),
        ("batch.input", "x", "batch"),
        ("warehouse.database", "no good", "no good"),
        ("warehouse.path", "s9://shop", "s9"),
        ("catalog.kind", "file", "catalog.kind"),
        ("kafka.brokers", "", "kafka.brokers is not set"),
        ("kafka.brokers", "localhost", "kafka.brokers has 'localhost', which is not HOST:PORT"),
        ("kafka.security", "kerberos", "kafka.security"),
        ("kafka.security", "scram-sha-256", "kafka.username is not set"),
        ("kafka.connect_timeout", "0s", "kafka.connect_timeout must be more than 0s"),
        ("kafka.options.bootstrap.servers", "x:1", "which is what kafka.brokers is for"),
        ("kafka.options.sasl.password", "x", "which is what kafka.password is for"),
        ("kafka.options.no.such.option", "1", "which librdkafka does not know"),
        ("kafka.options.fetch.min.bytes", "many", "does not accept kafka.options"),
        // Those that the consumer needs.
        ("kafka.options.group.id", "x", "which is what streaming.group is for"),
        (
            "kafka.options.enable.auto.commit",
            "true",
            "'enable.auto.commit', which cannot be changed",
        ),
        ("kafka.options.auto.offset.reset", "latest", "streaming.on_lost_offsets says what to do"),
    ];
    for (key, value, part) in cases {
        let ended = Job::new(&place, &topic).set(key, value).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{key}={value}: {ended}");
        assert!(ended.message().contains(part), "{key}={value}: {ended}");
    }
    for (args, part) in [
        (&["--max-messages", "0"][..], "--max-messages"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["compress"], "compress"),
        (&["--set", "streaming.topic"], "no value"),
    ] {
        let job = args.iter().fold(Job::new(&place, &topic), |job, arg| job.arg(arg));
        job.run().assert_fails(2, &[part]);
    }
    // Nothing was touched.
    assert!(!place.folder.path().join("warehouse").exists());
}

#[test]
fn brokers_and_topics_that_are_not_there() {
    let place = Place::local(NOWHERE);
    let topic = Topic::named(NOWHERE, "orders");
    let quick = Job::new(&place, &topic).set("kafka.connect_timeout", "500ms");
    quick.run().assert_fails(3, &["no Kafka broker answers at 127.0.0.1:1", "kafka.brokers"]);
    // What it needs no broker for.
    assert_eq!(quick.clone().arg("status").run().code, Some(0));

    let shop = Shop::new(1);
    let of = |topic: &str| shop.job().arg("--topic").arg(topic).run();
    of("oders").assert_fails(1, &["has no topic 'oders'", "did you mean 'orders'?"]);
    of("payments").assert_fails(1, &["has no topic 'payments': create it"]);
    assert!(!shop.place.folder.path().join("warehouse").exists());
}

#[test]
fn printed_settings_have_no_secrets_and_can_be_used() {
    let place = Place::local(NOWHERE);
    let topic = Topic::named(NOWHERE, "orders");
    let job = Job::new(&place, &topic)
        .set("kafka.security", "scram-sha-512")
        .set("kafka.username", "shopkeeper")
        .env("RFM_KAFKA__PASSWORD", "s3cret-1")
        .env("RFM_KAFKA__KEY_PASSWORD", "s3cret-2")
        .set("kafka.options.ssl.key.password", "s3cret-3")
        .set("streaming.compact.retain_days", "400")
        .arg("--print-config");
    let printed = job.run();
    assert_eq!(printed.code, Some(0), "{printed}");
    let Ended { stdout, stderr, .. } = &printed;
    assert!(stdout.contains("shopkeeper") && stdout.contains("password = \"****\""), "{printed}");
    assert!(!stdout.contains("s3cret") && !stderr.contains("s3cret"), "{printed}");
    // The same again, from what was printed.
    let file = place.folder.path().join("printed.toml");
    std::fs::write(&file, stdout).unwrap();
    let again = Job::new(&place, &topic).config_file(&file).arg("--print-config").run();
    assert_eq!(&again.stdout, stdout, "{again}");
    assert!(again.stdout.contains("retain_days = 400"), "{again}");
}

#[test]
fn flags_count_more_than_the_environment_and_that_more_than_the_file() {
    let shop = Shop::new(1);
    shop.topic.send(&mut Orders::of_days(61, &["2011-12-08"]), 20, &[0]);
    let job = shop.job().env("RFM_STREAMING__TOPIC", "nothing").env("RFM_KAFKA__BROKERS", NOWHERE);
    job.clone()
        .set("kafka.connect_timeout", "500ms")
        .run()
        .assert_fails(3, &["no Kafka broker answers at 127.0.0.1:1"]);
    let brokers = shop.broker.bootstrap_servers().to_owned();
    job.arg("--topic").arg("orders").arg("--brokers").arg(&brokers).catch_up();
    shop.place.check_at_rest(&shop.topic);
}
