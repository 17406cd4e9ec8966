use std::io;

use anyhow::{Context, anyhow};
use job_kit::config::ConfigError;
use job_kit::exit::{self, RetryLater, UsageError, code_of};

fn check(error: anyhow::Error, expected: Option<u8>) {
    assert_eq!(code_of(&error), expected, "{error:#}");
}

#[test]
fn every_kind_of_error_has_its_code() {
    check(anyhow!("disk full"), Some(exit::FAILED));
    check(UsageError("no input".to_owned()).into(), Some(exit::BAD_USAGE));
    check(ConfigError::invalid("batch.k", "must be 2 or more").into(), Some(exit::BAD_USAGE));
    check(RetryLater("another run".to_owned()).into(), Some(exit::RETRY_LATER));
    check(io::Error::from(io::ErrorKind::BrokenPipe).into(), None);
}

#[test]
fn the_kind_is_found_anywhere_in_the_chain() {
    let inner = || Err::<(), _>(RetryLater("metastore restarts".to_owned()));
    check(inner().context("publish").context("run").unwrap_err(), Some(exit::RETRY_LATER));

    let outer = anyhow!("connection refused").context(RetryLater("metastore".to_owned()));
    check(outer.context("publish"), Some(exit::RETRY_LATER));

    let pipe = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe));
    check(pipe.context("write report").unwrap_err(), None);
}
