use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::future;

use super::*;

const WAIT: Duration = Duration::from_secs(20);

/// Answers with the results of a function of the number of the call.
struct Scripted<F>(AtomicUsize, F);

impl<F> fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl<F> ProvideCredentials for Scripted<F>
where
    F: Fn(usize) -> Result<Credentials, CredentialsError> + Send + Sync,
{
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready((self.1)(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn start<F>(lifetime: Duration, script: F) -> TokenSource
where
    F: Fn(usize) -> Result<Credentials, CredentialsError> + Send + Sync + 'static,
{
    let provider = SharedCredentialsProvider::new(Scripted(AtomicUsize::new(0), script));
    let from = CredentialsFrom::Provider(provider);
    TokenSource::start(Some("us-east-1".to_owned()), from, lifetime).unwrap()
}

fn credentials(expires: Option<SystemTime>) -> Credentials {
    Credentials::new("AKIATEST", "top-secret-key", None, expires, "test")
}

/// Waits for the next other token.
fn after(source: &TokenSource, old: &Token) -> Token {
    let end = Instant::now() + WAIT;
    loop {
        let token = source.newest(WAIT).unwrap();
        if token.expires != old.expires {
            return token;
        }
        assert!(Instant::now() < end, "still the same token");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn there_is_always_a_token_that_is_good() {
    // Its end is in whole seconds, so of two seconds there may be hardly a quarter of one left when it is renewed.
    let source = start(Duration::from_secs(6), |_| Ok(credentials(None)));
    let mut token = source.newest(WAIT).unwrap();
    for _ in 0..2 {
        let next = after(&source, &token);
        // The old one was still good when the new one came.
        assert!(token.life_left() > Duration::ZERO);
        assert!(next.expires > token.expires);
        token = next;
    }
}

#[test]
fn a_token_ends_with_the_credentials() {
    let expiry = SystemTime::now() + Duration::from_secs(100);
    let source = start(LONGEST_ATTEMPT, move |_| Ok(credentials(Some(expiry))));
    assert!(source.newest(WAIT).unwrap().expires <= SystemTime::now() + LONGEST_ATTEMPT);
    let source = start(Duration::from_secs(900), move |_| Ok(credentials(Some(expiry))));
    assert_eq!(source.newest(WAIT).unwrap().expires, expiry);
}

#[test]
fn a_failure_is_tried_again_while_the_last_token_serves() {
    let source = start(Duration::from_secs(8), |call| match call {
        1 => Err(CredentialsError::provider_error("the instance does not answer")),
        _ => Ok(credentials(None)),
    });
    let first = source.newest(WAIT).unwrap();
    let second = after(&source, &first);
    assert!(second.expires > first.expires);
}

#[test]
fn why_there_is_none_is_told_without_secrets() {
    let source = start(LONGEST_ATTEMPT, |_| Err(CredentialsError::provider_error("a\nb\0c.")));
    let none = source.newest(WAIT).unwrap_err();
    assert!(none.retryable);
    assert!(none.message.starts_with("no AWS credentials: "), "{none}");
    assert!(none.message.contains("a b c; give some in the environment"), "{none}");

    let source = start(LONGEST_ATTEMPT, |_| Err(CredentialsError::not_loaded_no_source()));
    assert!(!source.newest(WAIT).unwrap_err().retryable);

    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let source = start(LONGEST_ATTEMPT, move |_| Ok(credentials(Some(yesterday))));
    let none = source.newest(WAIT).unwrap_err();
    assert_eq!(none.message, "the AWS credentials have expired");

    let source = start(LONGEST_ATTEMPT, |_| Ok(credentials(None)));
    let token = source.newest(WAIT).unwrap();
    for shown in [format!("{token:?}"), format!("{source:?}")] {
        assert!(!shown.contains("top-secret") && !shown.contains(&token.text), "{shown}");
    }
}

#[test]
fn the_thread_ends_with_its_source() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let source = start(Duration::from_secs(2), move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(credentials(None))
    });
    source.newest(WAIT).unwrap();
    let shared = Arc::downgrade(&source.shared);
    drop(source);
    let end = Instant::now() + WAIT;
    while shared.strong_count() > 0 {
        assert!(Instant::now() < end, "the thread still holds what it shared");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(Arc::strong_count(&made), 1);
}
