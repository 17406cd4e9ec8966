//! What librdkafka tells about a client, and asks of it.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode as Code};
use rdkafka::{ClientContext, Statistics};

use crate::problem::{Advice, Problem, ProblemKind};
use crate::token::TokenSource;

/// How long the very first token may take; librdkafka asks again after a failure, 10 s later.
const FIRST_TOKEN: Duration = Duration::from_secs(10);
/// A refused login is refused again at each attempt to connect, of which librdkafka tells every 30 s. After so long
/// without another one, that no broker answers is the newer and better news.
const STALE: Duration = Duration::from_secs(75);

/// Log lines that say again what `error` is told, at each attempt to connect; and CONFWARN, which is about options of
/// producers that a consumer does not use and the other way round, when one file serves both.
const NOISE: [&str; 5] = ["FAIL", "ERROR", "CONFWARN", "OAUTHBEARER", "TERMINATE"];

/// A client's context, or a part of a job's own: a clone is the same one.
#[derive(Clone)]
pub struct ClientHooks {
    shared: Arc<Shared>,
}

struct Shared {
    advice: Advice,
    tokens: Option<Arc<TokenSource>>,
    /// Whether `state.problem` is there, for those who look after each message.
    has_problem: AtomicBool,
    state: Mutex<State>,
    statistics: Mutex<Option<Arc<Statistics>>>,
}

#[derive(Default)]
struct State {
    problem: Option<(Problem, Instant)>,
    /// What the last attempt to reach a broker came to.
    last_failure: Option<String>,
}

impl fmt::Debug for ClientHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHooks").field("problem", &self.problem()).finish_non_exhaustive()
    }
}

impl ClientHooks {
    pub(crate) fn new(advice: Advice, tokens: Option<Arc<TokenSource>>) -> Self {
        let shared = Shared {
            advice,
            tokens,
            has_problem: AtomicBool::new(false),
            state: Mutex::default(),
            statistics: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether it logs in with tokens that this process makes.
    pub(crate) fn has_tokens(&self) -> bool {
        self.shared.tokens.is_some()
    }

    /// What is wrong with the client as a whole, since the last [`ClientHooks::succeeded`].
    ///
    /// Of a refused login librdkafka says nothing else and tries on: a job that waits looks here now and then.
    pub fn problem(&self) -> Option<Problem> {
        if !self.shared.has_problem.load(Ordering::Relaxed) {
            return None;
        }
        self.state().problem.as_ref().map(|(problem, _)| problem.clone())
    }

    /// A broker has answered: a message came, or one was delivered. Costs next to nothing, and may be called for each.
    pub fn succeeded(&self) {
        if self.shared.has_problem.load(Ordering::Relaxed) {
            self.clear(|_| true);
        }
    }

    /// What an error that a call of the client returned means, if it is about the connection or its rights.
    pub fn classify(&self, error: &NativeError) -> Option<Problem> {
        let region = self.region();
        self.shared.advice.classify(
            error.rdkafka_error_code()?,
            &error.to_string(),
            region.as_deref(),
        )
    }

    /// The newest statistics, if the option `statistics.interval.ms` is set.
    pub fn statistics(&self) -> Option<Arc<Statistics>> {
        self.shared.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client's `kafka.brokers`.
    pub fn brokers(&self) -> &str {
        self.shared.advice.brokers()
    }

    /// That no broker answers, with what the last attempt to reach one came to.
    pub(crate) fn unreachable(&self) -> Problem {
        let last = self.state().last_failure.clone();
        self.shared.advice.unreachable(last.as_deref())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn region(&self) -> Option<String> {
        self.shared.tokens.as_ref().and_then(|tokens| tokens.region())
    }

    fn clear(&self, which: impl FnOnce(&Problem) -> bool) {
        let mut state = self.state();
        if state.problem.as_ref().is_some_and(|(problem, _)| which(problem)) {
            state.problem = None;
            self.shared.has_problem.store(false, Ordering::Relaxed);
            drop(state);
            tracing::info!(brokers = self.brokers(), "Kafka answers");
        }
    }

    fn report(&self, problem: Problem) {
        let mut state = self.state();
        let known = state.problem.as_ref();
        // With a refused login all brokers count as down: that is no news.
        let vague = !problem.is_certain;
        if vague && known.is_some_and(|(old, seen)| old.is_certain && seen.elapsed() < STALE) {
            return;
        }
        let is_news = known.is_none_or(|(old, _)| old.kind != problem.kind);
        state.problem = Some((problem.clone(), Instant::now()));
        self.shared.has_problem.store(true, Ordering::Relaxed);
        drop(state);
        if is_news {
            tracing::warn!(kind = problem.kind.as_str(), "{problem}");
        }
    }
}

impl ClientContext for ClientHooks {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            // Some of these are not told to `error`, such as that a port wants TLS.
            self.state().last_failure = Some(message.to_owned());
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, "librdkafka: {message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning if !NOISE.contains(&facility) => {
                tracing::warn!(facility, "librdkafka: {message}");
            }
            _ => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        // A broker that is reachable and logged in is a success nobody has to wait a message for.
        if statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP") {
            self.clear(|problem| !problem.is_certain && problem.kind != ProblemKind::Token);
        }
        *self.shared.statistics.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(statistics));
    }

    fn error(&self, error: NativeError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::debug!(?code, "librdkafka: {reason}");
        let Some(code) = code else { return };
        if matches!(code, Code::BrokerTransportFailure | Code::Resolve | Code::SSL) {
            self.state().last_failure = Some(reason.to_owned());
        }
        let problem = match code {
            Code::AllBrokersDown => Some(self.unreachable()),
            code => self.shared.advice.classify(code, reason, self.region().as_deref()),
        };
        if let Some(problem) = problem {
            self.report(problem);
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let Some(tokens) = &self.shared.tokens else {
            return Err("kafka.security is not \"iam\"".into());
        };
        match tokens.newest(FIRST_TOKEN) {
            Ok(token) => {
                self.clear(|problem| problem.kind == ProblemKind::Token);
                Ok(OAuthToken {
                    lifetime_ms: token.expires_ms(),
                    token: token.text,
                    // The broker takes the name from the token.
                    principal_name: "msk-iam".to_owned(),
                })
            }
            Err(none) => {
                self.report(self.shared.advice.token(&none.to_string(), none.retryable));
                Err(none.into())
            }
        }
    }
}

impl ConsumerContext for ClientHooks {}
