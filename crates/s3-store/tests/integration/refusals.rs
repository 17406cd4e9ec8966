//! What is said when something is wrong, and to whom.

use std::error::Error;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use hadoop_conf::HadoopConf;
use s3_store::S3Stores;
use store::{Location, StoreError, StoreErrorKind, Stores};

use crate::helper::{config, location, stores, stores_with};
use crate::server::server;

fn message(error: &StoreError) -> String {
    format!("{error}: {}", error.source().unwrap())
}

fn refusal(at: &Location) -> (StoreErrorKind, String) {
    let error = at.stat().unwrap_err();
    (error.kind(), message(&error))
}

#[test]
fn a_bucket_that_is_not_there() {
    let at = stores().locate("s3://shopp/orders").unwrap();
    let (kind, text) = refusal(&at);
    assert_eq!(kind, StoreErrorKind::Address);
    assert!(text.starts_with("cannot look at 's3://shopp/orders': NoSuchBucket: "), "{text}");
    let end = format!("is the bucket's name right? (bucket shopp at {})", server().url());
    assert!(text.ends_with(&end), "{text}");
    assert_eq!(at.open().unwrap_err().kind(), StoreErrorKind::Address);
    assert_eq!(at.list().unwrap_err().kind(), StoreErrorKind::Address);
    assert_eq!(at.write(b"").unwrap_err().kind(), StoreErrorKind::Address);
}

#[test]
fn what_servers_refuse() {
    for (fault, kind, part) in [
        ("deny", StoreErrorKind::PermissionDenied, "AccessDenied: of the test: does the identity"),
        ("expired", StoreErrorKind::Address, "the AWS credentials have expired"),
        (
            "elsewhere",
            StoreErrorKind::Address,
            "the bucket is in the region ap-south-1; set AWS_REGION=ap",
        ),
    ] {
        let at = location();
        server().on("GET", at.path(), fault);
        let error = at.open().unwrap_err();
        assert_eq!(error.kind(), kind, "{fault}");
        let text = message(&error);
        assert!(text.contains(part), "{text}");
        // An answer without a text.
        server().on("HEAD", at.path(), fault);
        if fault != "expired" {
            assert_eq!(refusal(&at).0, kind, "{fault}");
        }
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let at = location();
    at.write(b"text").unwrap();
    server().on("HEAD", at.path(), "slow down");
    assert_eq!(at.stat().unwrap().unwrap().size, 4);
    for _ in 0..3 {
        server().on("HEAD", at.path(), "slow down");
    }
    assert!(at.stat().unwrap_err().is_retryable());
    server().check(at.path());
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = stores_with(config(&format!("http://{free}"))).locate("s3://shop/x").unwrap();
    let error = at.stat().unwrap_err();
    assert!(error.is_retryable());
    let text = message(&error);
    assert!(text.contains("Connection refused"), "{text}");
    assert!(text.ends_with(&format!("(bucket shop at http://{free})")), "{text}");
}

/// What is said when the chain of providers ends so.
fn without_credentials(problem: fn() -> CredentialsError) -> (StoreErrorKind, String) {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(server().url())
        .credentials_provider(SharedCredentialsProvider::new(Failing(problem)))
        .build();
    refusal(&stores_with(config).locate("s3://shop/x").unwrap())
}

#[derive(Debug)]
struct Failing(fn() -> CredentialsError);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

#[test]
fn no_credentials() {
    let (kind, text) = without_credentials(|| {
        CredentialsError::not_loaded("no providers in chain provided credentials")
    });
    assert_eq!(kind, StoreErrorKind::Address);
    assert!(text.contains("there are no AWS credentials: set AWS_PROFILE"), "{text}");
    let (kind, text) =
        without_credentials(|| CredentialsError::invalid_configuration("a profile without keys"));
    assert_eq!(kind, StoreErrorKind::Address);
    assert!(text.contains("credentials cannot be had: a profile without keys"), "{text}");
}

/// STS, or the machine's own endpoint, may answer the next time.
#[test]
fn credentials_that_do_not_come_now() {
    let problems: [(fn() -> CredentialsError, _); 3] = [
        (|| CredentialsError::provider_error("STS is busy"), "cannot be had now: STS is busy"),
        (|| CredentialsError::unhandled("not understood"), "cannot be had now: not understood"),
        (
            || CredentialsError::provider_timed_out(Duration::from_secs(5)),
            "the AWS credentials did not come in time",
        ),
    ];
    for (problem, part) in problems {
        let (kind, text) = without_credentials(problem);
        assert_eq!(kind, StoreErrorKind::Unavailable, "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn no_region() {
    let nowhere = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let (kind, text) = refusal(&stores_with(nowhere).locate("s3://shop/x").unwrap());
    assert_eq!(kind, StoreErrorKind::Address);
    assert!(text.contains("no AWS region is known: set AWS_REGION"), "{text}");
}

/// Hadoop's files may say where it is, when AWS's settings do not.
#[test]
fn the_endpoint_of_core_site_xml() {
    let at = location();
    at.write(b"text").unwrap();
    let credentials = config("http://nowhere").credentials_provider().unwrap();
    let silent = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .build();
    let conf = HadoopConf::from_pairs([
        ("fs.s3a.endpoint", server().url()),
        ("fs.s3a.path.style.access", "true".to_owned()),
    ]);
    let stores = Stores::local().with(S3Stores::with_config(conf, silent));
    assert_eq!(stores.locate(&at.uri()).unwrap().read().unwrap().unwrap(), b"text");
}

#[test]
fn addresses_that_cannot_be_used() {
    for (address, part) in [
        ("s3:/orders", "it names no bucket: write s3://BUCKET/PATH"),
        ("s3a:///orders", "it names no bucket: write s3a://BUCKET/PATH"),
        ("s3://key:secret@shop/orders", "is not the name of a bucket"),
        ("s3://127.0.0.1:9000/shop", "a server that is not AWS is set as AWS_ENDPOINT_URL_S3"),
    ] {
        let error = stores().locate(address).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Address);
        assert!(message(&error).contains(part), "{}", message(&error));
    }
}
