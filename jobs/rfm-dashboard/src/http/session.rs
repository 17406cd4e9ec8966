//! Who may see it: a token, or a user and a password, and the sessions of those who signed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, PasswordHash};
use axum::http::{HeaderMap, header};
use job_kit::config::Secret;
use sha2::{Digest as _, Sha256};

use super::answer::hex;
use crate::config::Dashboard;

/// The cookie of a session.
pub(super) const COOKIE: &str = "rfm_session";
/// Sessions at the same time; the one that ends first makes room.
const MOST_SESSIONS: usize = 10_000;
/// Failed sign-ins of an address within [`WINDOW`].
const MOST_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses whose failures are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// What a sign-in needs.
#[derive(Debug)]
enum Method {
    None,
    Token(Secret),
    Password { user: String, hash: Secret },
}

/// The sign-in. Shared as an `Arc`.
#[derive(Debug)]
pub(crate) struct Auth {
    method: Method,
    lifetime: Duration,
    /// Whether cookies are for HTTPS alone.
    is_secure: bool,
    /// By the hash of the cookie: memory that leaks gives no session away.
    sessions: Mutex<HashMap<[u8; 32], Instant>>,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    /// One password at a time: each takes 20 MB and a good part of a second of a processor on purpose.
    verifying: Mutex<()>,
}

/// What somebody claims.
pub(super) enum Claim {
    Token(String),
    Password { user: String, password: String },
}

/// What came of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    TooMany,
}

impl Auth {
    pub(crate) fn new(settings: &Dashboard) -> Arc<Self> {
        let method = match (&settings.token, &settings.user, &settings.password_hash) {
            (Some(token), ..) => Method::Token(token.clone()),
            (None, Some(user), Some(hash)) => {
                Method::Password { user: user.clone(), hash: hash.clone() }
            }
            _ => Method::None,
        };
        Arc::new(Self {
            method,
            lifetime: settings.session.get(),
            is_secure: settings.tls_certificate.is_some(),
            sessions: Mutex::default(),
            failures: Mutex::default(),
            verifying: Mutex::default(),
        })
    }

    /// `none`, `token` or `password`.
    pub(super) fn method(&self) -> &'static str {
        match self.method {
            Method::None => "none",
            Method::Token(_) => "token",
            Method::Password { .. } => "password",
        }
    }

    pub(crate) fn is_needed(&self) -> bool {
        !matches!(self.method, Method::None)
    }

    pub(super) fn user(&self) -> Option<&str> {
        match &self.method {
            Method::Password { user, .. } => Some(user),
            Method::None | Method::Token(_) => None,
        }
    }

    /// Whether a request comes from somebody who has signed in.
    pub(super) fn has_session(&self, headers: &HeaderMap) -> bool {
        !self.is_needed() || cookie(headers).is_some_and(|cookie| self.is_session(&cookie))
    }

    /// Whether the session of a cookie goes on.
    pub(super) fn is_session(&self, cookie: &str) -> bool {
        let sessions = lock(&self.sessions);
        sessions.get(&digest(cookie)).is_some_and(|end| *end > Instant::now())
    }

    /// What a program says about itself in each request: `Authorization: Bearer` or `Basic`.
    pub(super) fn claim_of(headers: &HeaderMap) -> Option<Claim> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Claim::Token(rest.trim().to_owned()));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let text = String::from_utf8(base64(rest.trim())?).ok()?;
            let (user, password) = text.split_once(':')?;
            let (user, password) = (user.to_owned(), password.to_owned());
            return Some(Claim::Password { user, password });
        }
        None
    }

    /// Holds a claim against the settings. Slow on purpose: not for the threads that answer.
    pub(super) fn verify(&self, claim: &Claim, from: IpAddr) -> Verdict {
        if self.has_failed_too_often(from) {
            return Verdict::TooMany;
        }
        let is_right = match (&self.method, claim) {
            (Method::None, _) => true,
            // Of what is compared, only the hashes' common beginning can be told by the time it takes.
            (Method::Token(token), Claim::Token(given)) => digest(token.expose()) == digest(given),
            (Method::Password { user, hash }, Claim::Password { user: given, password }) => {
                let _turn = lock(&self.verifying);
                let verified = PasswordHash::new(hash.expose()).is_ok_and(|hash| {
                    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
                });
                verified && digest(user) == digest(given)
            }
            _ => false,
        };
        if is_right {
            return Verdict::Accepted;
        }
        self.note_failure(from);
        Verdict::Refused
    }

    /// Begins a session; gives the value of `Set-Cookie`.
    pub(super) fn begin(&self) -> anyhow::Result<String> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| anyhow!("no randomness for a session: {e}"))?;
        let cookie = hex(&secret);
        let now = Instant::now();
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, end| *end > now);
        if sessions.len() >= MOST_SESSIONS
            && let Some(first) = sessions.iter().min_by_key(|(_, end)| **end).map(|(key, _)| *key)
        {
            sessions.remove(&first);
        }
        sessions.insert(digest(&cookie), now + self.lifetime);
        Ok(self.set_cookie(&cookie, self.lifetime.as_secs()))
    }

    /// Ends the session of a request; gives the value of `Set-Cookie`.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(cookie) = cookie(headers) {
            lock(&self.sessions).remove(&digest(&cookie));
        }
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    fn has_failed_too_often(&self, from: IpAddr) -> bool {
        let failures = lock(&self.failures);
        let failed = failures.get(&from);
        failed.is_some_and(|(n, since)| *n >= MOST_FAILURES && since.elapsed() < WINDOW)
    }

    fn note_failure(&self, from: IpAddr) {
        let mut failures = lock(&self.failures);
        if failures.len() >= MOST_ADDRESSES {
            failures.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        if failures.len() >= MOST_ADDRESSES {
            return;
        }
        let entry = failures.entry(from).or_insert_with(|| (0, Instant::now()));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 += 1;
    }
}

/// The cookie of a session, if the request has one.
pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(name, _)| name.trim() == COOKIE)?;
    Some(found.1.trim().to_owned())
}

/// The hash of a password for `dashboard.password_hash` (Argon2id with the crate's parameters, those that OWASP recommends).
///
/// # Errors
/// An empty password, or no randomness for a salt.
pub(crate) fn hash_password(password: &str) -> anyhow::Result<String> {
    if password.is_empty() {
        return Err(job_kit::exit::UsageError("the password on stdin is empty".to_owned()).into());
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| anyhow!("no randomness for a salt: {e}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| anyhow!("{e}")).context("no salt")?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| anyhow!("cannot hash the password: {e}"))?.to_string())
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Base64 of RFC 4648 with or without padding; `None` for anything else.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    if text.len() > 4_096 || text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut n_bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push((bits >> n_bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials() {
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9v!", None),
            ("Z", None),
        ] {
            let decoded = base64(text).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(decoded.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_hash_is_that_of_its_password_alone() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"wrong", &parsed).is_err());
        assert_ne!(hash, hash_password("correct horse").unwrap());
        assert!(hash_password("").is_err());
    }

    #[test]
    fn cookies() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=b; rfm_session=12ab ; c".parse().unwrap());
        assert_eq!(cookie(&headers).as_deref(), Some("12ab"));
        headers.insert(header::COOKIE, "xrfm_session=1".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }
}
