//! What is said when Glue refuses, or is not there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use aws_config::SdkConfig;
use glue_catalog::{Glue, GlueSettings};
use hive_catalog::{MetastoreCalls, MetastoreError, MetastoreErrorKind};
use warehouse::publish::PublishError;

use crate::helper::{Shop, config, glue, settings, unique};

const DAY: &str = "2011-12-10";

fn impatient() -> GlueSettings {
    GlueSettings { timeout: Duration::from_secs(2), keep_trying: Duration::ZERO, ..settings() }
}

fn ask(config: &SdkConfig) -> MetastoreError {
    let glue = Glue::with_config(config, impatient()).unwrap();
    glue.get_table("shop", "orders").unwrap_err()
}

fn check(error: &MetastoreError, kind: MetastoreErrorKind, parts: &[&str]) {
    let said = format!("{error}: {}", error.source);
    assert_eq!(error.kind, kind, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn a_right_is_missing() {
    for operation in ["CreateDatabase", "CreateTable", "CreatePartition", "GetTable"] {
        let shop = Shop::new();
        shop.on(operation, "deny");
        let error = shop.publish(DAY, 1).unwrap_err();
        assert!(!error.is_retryable());
        let PublishError::Catalog(refused) = &error else { panic!("{error:?}") };
        let said = refused.to_string();
        let right = format!("lacks the right glue:{operation}; give it (emr/iam/node-glue.json");
        assert!(said.contains(&right), "{said}");
        assert!(said.contains("in the Glue Data Catalog of eu-west-1"), "{said}");
        assert_eq!(said.contains("create the database beforehand"), operation == "CreateDatabase");
        let source = std::error::Error::source(refused).unwrap().to_string();
        assert!(source.contains("is not authorized to perform"), "{source}");
    }
}

#[test]
fn a_database_that_is_there_needs_no_right_to_create_one() {
    let shop = Shop::new();
    crate::helper::raw(|client| {
        let input = aws_sdk_glue::types::DatabaseInput::builder().name(&shop.database);
        let request = client.create_database().database_input(input.build().unwrap());
        async { request.send().await.map(drop).unwrap() }
    });
    shop.on("CreateDatabase", "deny");
    shop.publish(DAY, 2).unwrap();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 2); 3]);
}

#[test]
fn what_is_not_there() {
    let glue = glue();
    let (database, none) = (unique(), None);
    assert_eq!(glue.get_table(&database, "orders").unwrap(), none);
    assert!(!glue.has_database(&database).unwrap());
    let table = hive_metastore::Table {
        db_name: Some(database.clone().into()),
        table_name: Some("orders".into()),
        ..Default::default()
    };
    let error = glue.create_table(&table).unwrap_err();
    let object = format!("cannot create table {database}.orders in the Glue Data Catalog");
    check(&error, MetastoreErrorKind::NotFound, &[&object, ": its database is not there: "]);
    assert!(!glue.drop_partition(&database, "orders", "dt=2011-12-09").unwrap());
    let error = glue.get_partitions(&database, "orders").unwrap_err();
    check(&error, MetastoreErrorKind::NotFound, &["EntityNotFoundException"]);
}

#[test]
fn credentials_that_aws_does_not_accept() {
    for code in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let shop = Shop::new();
        shop.on("GetTable", &format!("refuse {code}"));
        let error = MetastoreCalls::get_table(&glue(), &shop.database, "orders").unwrap_err();
        let said = ": AWS does not accept the credentials of this process: ";
        check(&error, MetastoreErrorKind::Refused, &[said, code]);
    }
}

#[test]
fn other_refusals() {
    let shop = Shop::new();
    shop.on("GetTable", "refuse GlueEncryptionException");
    let error = MetastoreCalls::get_table(&glue(), &shop.database, "orders").unwrap_err();
    let object = format!("cannot read table {}.orders in the Glue Data Catalog", shop.database);
    let said = "GlueEncryptionException: of the test";
    check(&error, MetastoreErrorKind::Refused, &[&object, said]);
}

#[test]
fn patience_ends() {
    let shop = Shop::new();
    for _ in 0..4 {
        shop.on("GetTable", "throttle");
    }
    let url = crate::server::server().url();
    let glue = Glue::with_config(&config(&url), impatient()).unwrap();
    let error = MetastoreCalls::get_table(&glue, &shop.database, "orders").unwrap_err();
    let said = ": it asks to be called less often; try again later: ThrottlingException";
    check(&error, MetastoreErrorKind::Unavailable, &[said]);
    assert!(error.kind.is_retryable());
    // Another one is throttled, and then answered.
    assert_eq!(MetastoreCalls::get_table(&glue, &shop.database, "orders").unwrap(), None);
    shop.check();
}

#[test]
fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (kind, said) = (MetastoreErrorKind::Unreachable, ": it does not answer; check the region");
    // It takes connections, and says nothing.
    check(&ask(&config(&url)), kind, &[said]);
    drop(listener);
    check(&ask(&config(&url)), kind, &[said]);
    check(&ask(&config("http://no-such-host.invalid")), kind, &[said]);
}

#[test]
fn something_else_is_there() {
    for (answer, kind) in [
        ("404 Not Found", MetastoreErrorKind::Protocol),
        ("200 OK", MetastoreErrorKind::Protocol),
        ("502 Bad Gateway", MetastoreErrorKind::Unavailable),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let text = "<html>hello</html>";
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {answer}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 16_384];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        check(
            &ask(&config(&url)),
            kind,
            &["cannot read table shop.orders in the Glue Data Catalog"],
        );
    }
}

const TASK: &str = "GLUE_TEST_ASK";

/// What is said in an environment with nothing but this: in a process of its own, for the environment is the process's.
fn said_with(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["answers::ask_in_this_process", "--exact", "--nocapture"])
        .env_clear()
        .env(TASK, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn no_region() {
    let said = said_with(&[]);
    let expected = "said: cannot read table shop.orders in the Glue Data Catalog: the AWS region is not known; set AWS_REGION";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn no_credentials() {
    let said = said_with(&[("AWS_REGION", "eu-west-1")]);
    let expected = "said: cannot read table shop.orders in the Glue Data Catalog of eu-west-1: there are no AWS credentials; give some";
    assert!(said.contains(expected), "{said}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn ask_in_this_process() {
    if std::env::var_os(TASK).is_none() {
        return;
    }
    let glue = Glue::new(settings()).unwrap();
    let error = MetastoreCalls::get_table(&glue, "shop", "orders").unwrap_err();
    assert_eq!(error.kind, MetastoreErrorKind::Refused, "{error}: {}", error.source);
    println!("\nsaid: {error}");
}
