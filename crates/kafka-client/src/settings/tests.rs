use job_kit::config::{self, Loader};

use super::*;
use crate::Connection;

#[derive(Debug, Deserialize, Serialize)]
struct Job {
    kafka: KafkaSettings,
}

fn load(sets: &[&str]) -> KafkaSettings {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    Loader::new(DEFAULTS).sets(&sets).load::<Job>().unwrap().kafka
}

/// What is wrong with settings that are good apart from these.
fn wrong(sets: &[&str]) -> String {
    let mut all = vec!["kafka.brokers=localhost:9092"];
    all.extend_from_slice(sets);
    let error = Connection::new(&load(&all), "job").unwrap_err();
    assert!(error.is_configuration() && !error.is_retryable(), "{error:?}");
    error.to_string()
}

#[test]
fn the_defaults_are_those_of_plaintext() {
    let loaded = load(&["kafka.brokers=localhost:9092"]);
    loaded.check().unwrap();
    let made = KafkaSettings::plaintext("localhost:9092");
    assert_eq!(format!("{loaded:?}"), format!("{made:?}"));
}

#[test]
fn brokers_are_needed_and_have_ports() {
    let none = load(&[]).check().unwrap_err().to_string();
    assert!(none.starts_with("kafka.brokers is not set: give the addresses"), "{none}");
    for good in ["a:1", "a:1,b:2", " a:1 , b:2 ", "[::1]:9092", "10.0.0.1:65535"] {
        KafkaSettings::plaintext(good).check().unwrap();
    }
    for bad in ["a", "a:", ":1", "a:0", "a:65536", "a:x", "a:1,", "::1:9092", "ssl://a:1", "a b:1"]
    {
        let error = KafkaSettings::plaintext(bad).check().unwrap_err().to_string();
        assert!(error.contains("which is not HOST:PORT"), "{bad}: {error}");
    }
}

#[test]
fn logins_are_complete() {
    for (sets, message) in [
        (
            &["kafka.security=scram-sha-512"][..],
            "kafka.username is not set, but kafka.security = \"scram-sha-512\" needs the name of a user",
        ),
        (
            &["kafka.security=scram-sha-256", "kafka.username=u", "kafka.password=\"\""],
            "kafka.password is not set, but kafka.security = \"scram-sha-256\" needs a password; give it as \
             RFM_KAFKA__PASSWORD",
        ),
        (
            &["kafka.username=u"],
            "kafka.username is set, but kafka.security = \"plaintext\" does not use it; set kafka.security = \
             \"scram-sha-512\", or remove it",
        ),
        (
            &["kafka.security=iam", "kafka.password=p"],
            "kafka.password is set, but kafka.security = \"iam\" does not use it; set kafka.security = \
             \"scram-sha-512\", or remove it",
        ),
        (
            &["kafka.tls=true"],
            "kafka.tls is true, but kafka.security is \"plaintext\"; set kafka.security = \"tls\"",
        ),
        (
            &["kafka.tls=false", "kafka.security=iam"],
            "kafka.tls is false, but kafka.security = \"iam\" is always encrypted; remove it",
        ),
        (
            &["kafka.region=eu-west-1"],
            "kafka.region is set, but only kafka.security = \"iam\" uses it; set that, or remove it",
        ),
        (
            &["kafka.security=iam", "kafka.role_arn=admin"],
            "kafka.role_arn is 'admin', which is no ARN such as arn:aws:iam::123456789012:role/rfm",
        ),
        (
            &["kafka.security=iam", "kafka.token_lifetime=1h"],
            "kafka.token_lifetime must be between 2s and 15m",
        ),
        (&["kafka.connect_timeout=0s"], "kafka.connect_timeout must be more than 0s"),
    ] {
        assert_eq!(wrong(sets), message);
    }
}

#[test]
fn files_are_there_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("a.pem");
    std::fs::write(&pem, "no certificate").unwrap();
    let set = |name: &str, path: &Path| format!("kafka.{name}={}", path.display());
    let (certificate, key) = (set("certificate_file", &pem), set("key_file", &pem));
    let missing = folder.path().join("missing.pem");
    for (sets, message) in [
        (
            vec![set("ca_file", &missing)],
            format!("cannot read {}, the file of kafka.ca_file", missing.display()),
        ),
        (
            vec![set("ca_file", folder.path())],
            format!("kafka.ca_file is {}, which is not a file", folder.path().display()),
        ),
        (
            vec![certificate.clone()],
            "kafka.certificate_file is set, but not kafka.key_file, which is needed with it"
                .to_owned(),
        ),
        (
            vec![key.clone()],
            "kafka.key_file is set, but not kafka.certificate_file, which is needed with it"
                .to_owned(),
        ),
        (
            vec!["kafka.key_password=x".to_owned()],
            "kafka.key_password is set, but not kafka.key_file, which it is for".to_owned(),
        ),
    ] {
        let mut sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        sets.push("kafka.security=tls");
        assert_eq!(wrong(&sets), message);
    }
    assert_eq!(
        wrong(&[&set("ca_file", &pem)]),
        "kafka.ca_file is set, but the connection is not encrypted; set kafka.security = \"tls\", or remove it"
    );
    // Only librdkafka can tell that these are no certificates.
    let brokers = "kafka.brokers=localhost:9092";
    let settings = load(&[brokers, "kafka.security=tls", &certificate, &key]);
    let connection = Connection::new(&settings, "job").unwrap();
    let error = connection.check(Duration::from_secs(1)).unwrap_err();
    assert!(error.is_configuration());
    let text = error.to_string();
    assert!(text.starts_with("cannot make a Kafka client of the section [kafka]: "), "{text}");
    assert!(text.contains("ssl.certificate.location"), "{text}");
}

#[test]
fn options_are_librdkafkas_and_not_those_with_a_setting() {
    let toml = r#"
        [kafka]
        brokers = "localhost:9092"
        [kafka.options]
        fetch.min.bytes = 10
        fetch.wait.max.ms = 20
        "socket.nagle.disable" = true
        "compression.type" = "lz4"
    "#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, toml).unwrap();
    let job: Job = Loader::new(DEFAULTS)
        .file(Some(file))
        .env_from([("RFM_KAFKA__OPTIONS__QUEUED__MIN__MESSAGES", "7")])
        .sets(&["kafka.options.fetch.min.bytes=11".to_owned()])
        .load()
        .unwrap();
    let options: Vec<_> = job.kafka.options.iter().collect();
    let merged = [
        ("compression.type", "lz4"),
        ("fetch.min.bytes", "11"),
        ("fetch.wait.max.ms", "20"),
        ("queued.min.messages", "7"),
        ("socket.nagle.disable", "true"),
    ];
    assert_eq!(options, merged);
    assert_eq!(job.kafka.options.get("compression.codec"), Some("lz4"));

    let connection = Connection::new(&job.kafka, "job").unwrap();
    let config = connection
        .client_config()
        .preset("linger.ms", "5")
        .preset("compression.codec", "zstd")
        .governed("group.id", "g", "streaming.group")
        .build()
        .unwrap();
    for (option, value) in [
        ("bootstrap.servers", "localhost:9092"),
        ("client.id", "job"),
        ("compression.codec", "lz4"),
        ("fetch.wait.max.ms", "20"),
        ("group.id", "g"),
        ("linger.ms", "5"),
        ("security.protocol", "plaintext"),
    ] {
        assert_eq!(config.get(option), Some(value), "{option}");
    }

    for (option, setting) in [
        ("bootstrap.servers", "kafka.brokers"),
        ("metadata.broker.list", "kafka.brokers"),
        ("security.protocol", "kafka.security"),
        ("sasl.mechanisms", "kafka.security"),
        ("sasl.password", "kafka.password"),
        ("sasl.oauthbearer.config", "kafka.security"),
        ("ssl.ca.location", "kafka.ca_file"),
        ("ssl.key.pem", "kafka.key_file"),
    ] {
        assert_eq!(
            wrong(&[&format!("kafka.options.{option}=geheim")]),
            format!(
                "kafka.options has '{option}', which is what {setting} is for: remove it there and set {setting}"
            )
        );
    }
    assert_eq!(
        wrong(&["kafka.options.fetch.min.byte=1"]),
        "kafka.options has 'fetch.min.byte', which librdkafka does not know; its options are listed at \
         https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"
    );
    assert_eq!(
        wrong(&["kafka.options.fetch.min.bytes=many"]),
        "librdkafka does not accept kafka.options: Invalid value for configuration property \"fetch.min.bytes\""
    );
}

#[test]
fn an_option_in_two_spellings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, "[kafka.options]\n\"fetch.min.bytes\" = 10\n").unwrap();
    let sets = ["kafka.options.fetch.min.bytes=11".to_owned()];
    let error = Loader::new(DEFAULTS).file(Some(file)).sets(&sets).load::<Job>().unwrap_err();
    assert!(
        error.to_string().contains("has fetch.min.bytes twice, with and without quotes"),
        "{error}"
    );
}

#[test]
fn a_job_refuses_options_that_are_its_own() {
    let mut settings = KafkaSettings::plaintext("localhost:9092");
    settings.options.set("auto.commit.enable", "true");
    let connection = Connection::new(&settings, "job").unwrap();
    let reason = "offsets are kept with the data";
    let error = connection.client_config().fixed("enable.auto.commit", "false", reason).build();
    assert_eq!(
        error.unwrap_err().to_string(),
        "kafka.options has 'auto.commit.enable', which cannot be changed: offsets are kept with the data"
    );
    let error =
        connection.client_config().governed("enable.auto.commit", "false", "job.commit").build();
    assert_eq!(
        error.unwrap_err().to_string(),
        "kafka.options has 'auto.commit.enable', which is what job.commit is for: remove it there and set job.commit"
    );
}

#[test]
fn secrets_are_not_shown() {
    let settings = load(&[
        "kafka.brokers=localhost:9092",
        "kafka.security=scram-sha-512",
        "kafka.username=u",
        "kafka.password=geheim",
        "kafka.options.sasl.password=geheim",
        "kafka.options.ssl.keystore.password=geheim",
    ]);
    let error = settings.check().unwrap_err();
    let connection =
        Connection::new(&KafkaSettings { options: Options::default(), ..settings.clone() }, "job")
            .unwrap();
    let config = connection.client_config().build().unwrap();
    assert_eq!(config.get("sasl.password"), Some("geheim"));
    let printed = config::print(&Job { kafka: settings.clone() }).unwrap();
    assert!(printed.contains("\"sasl.password\" = \"****\""), "{printed}");
    for shown in [
        printed,
        format!("{settings:?}"),
        format!("{connection:?}"),
        format!("{config:?}"),
        format!("{error:?} {error}"),
    ] {
        assert!(!shown.contains("geheim"), "{shown}");
    }
}

#[test]
fn encryption_follows_the_login() {
    let user = ["kafka.username=u", "kafka.password=p"];
    for (sets, protocol) in [
        (vec!["kafka.security=plaintext"], "plaintext"),
        (vec!["kafka.security=tls"], "ssl"),
        (vec!["kafka.security=scram-sha-256", user[0], user[1]], "sasl_ssl"),
        (
            vec!["kafka.security=scram-sha-256", "kafka.tls=false", user[0], user[1]],
            "sasl_plaintext",
        ),
    ] {
        let mut all = vec!["kafka.brokers=localhost:9092"];
        all.extend(sets);
        let connection = Connection::new(&load(&all), "job").unwrap();
        let config = connection.client_config().build().unwrap();
        assert_eq!(config.get("security.protocol"), Some(protocol));
        assert_eq!(config.get("ssl.ca.location").is_some(), protocol.contains("ssl"));
    }
}

#[test]
fn msks_brokers_say_their_region() {
    for (brokers, region) in [
        ("b-1.shop.x1y2z3.c2.kafka.eu-west-1.amazonaws.com:9098", Some("eu-west-1")),
        (
            "localhost:1,b-1.shop.x1.c2.kafka.us-gov-west-1.amazonaws.com:9098",
            Some("us-gov-west-1"),
        ),
        ("boot-x1.c1.kafka-serverless.us-east-1.amazonaws.com:9098", Some("us-east-1")),
        ("b-1.shop.x1.c2.kafka.cn-north-1.amazonaws.com.cn:9098", Some("cn-north-1")),
        ("vpce-1.s3.eu-west-1.amazonaws.com:9098", None),
        ("kafka.example.org:9098", None),
        ("localhost:9092", None),
    ] {
        assert_eq!(KafkaSettings::plaintext(brokers).region_of_brokers(), region, "{brokers}");
    }
}
