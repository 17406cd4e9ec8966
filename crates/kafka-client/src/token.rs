//! Tokens for MSK's login by IAM: a presigned request, made of AWS credentials, good for 15 minutes at most.
//!
//! A thread of its own makes them ahead of time, so that librdkafka's callback, which is called in the middle of a
//! job's
//! `poll`, never waits for AWS (but for the first one), and a client that is idle stays logged in.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider;
use aws_types::region::Region;
use tokio::sync::Notify;

use crate::KafkaError;
use crate::settings::LONGEST_TOKEN;

/// librdkafka asks for the next token when 80 % of one's life has passed: a little earlier the next one is there.
const RENEW_AFTER: f64 = 0.75;
/// Waits between attempts that fail.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A suspended machine's clock jumps: how long a sleep may be until the clock is looked at again.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(5);
/// AWS's own time-outs are shorter; this is for what has none, such as a credential process that hangs.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(60);

/// Where credentials come from.
pub(crate) enum CredentialsFrom {
    /// AWS's usual places.
    Chain { profile: Option<String>, role_arn: Option<String>, session: String },
    /// Somebody else knows.
    Provider(SharedCredentialsProvider),
}

impl CredentialsFrom {
    /// The beginning of a sentence.
    fn missing(&self) -> String {
        match self {
            Self::Chain { role_arn: Some(role), .. } => {
                format!("no AWS credentials of role {role}")
            }
            Self::Chain { profile: Some(profile), .. } => {
                format!("the profile '{profile}' gives no AWS credentials")
            }
            _ => "no AWS credentials".to_owned(),
        }
    }
}

/// A token and until when it is good.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) expires: SystemTime,
}

impl Token {
    /// Milliseconds since 1970.
    pub(crate) fn expires_ms(&self) -> i64 {
        let since = self.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn life_left(&self) -> Duration {
        self.expires.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Why there is no token, in one line without secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NoToken {
    message: String,
    /// Whether waiting may help.
    pub(crate) retryable: bool,
}

/// The newest token. The thread that makes them ends with it.
#[derive(Debug)]
pub(crate) struct TokenSource {
    shared: Arc<Shared>,
}

#[derive(Default, Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: Notify,
}

#[derive(Default, Debug)]
struct State {
    token: Option<Token>,
    /// Why the last attempt failed, if it did.
    failure: Option<NoToken>,
    region: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenSource {
    pub(crate) fn start(
        region: Option<String>,
        credentials: CredentialsFrom,
        lifetime: Duration,
    ) -> Result<Self, KafkaError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(KafkaError::Thread)?;
        let shared = Arc::new(Shared::default());
        let maker = Maker { shared: Arc::clone(&shared), credentials, region, lifetime };
        std::thread::Builder::new()
            .name("msk-token".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = maker.shared.stop.notified() => {}
                        () = maker.make_tokens() => {}
                    }
                });
                // A look-up of a name that hangs does not keep the thread.
                runtime.shutdown_background();
            })
            .map_err(KafkaError::Thread)?;
        Ok(Self { shared })
    }

    /// The newest token that is good, at once if there is one; else waits at most so long for it, or until there is a
    /// reason why there is none.
    pub(crate) fn newest(&self, wait: Duration) -> Result<Token, NoToken> {
        let end = Instant::now() + wait;
        let mut state = self.shared.lock();
        loop {
            if let Some(token) = state.token.as_ref().filter(|token| !token.life_left().is_zero()) {
                return Ok(token.clone());
            }
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("AWS has given none for {} s", wait.as_secs());
                return Err(NoToken { message, retryable: true });
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The region tokens are for, once it is known.
    pub(crate) fn region(&self) -> Option<String> {
        self.shared.lock().region.clone()
    }
}

impl Drop for TokenSource {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
    }
}

/// What the thread does.
struct Maker {
    shared: Arc<Shared>,
    credentials: CredentialsFrom,
    region: Option<String>,
    lifetime: Duration,
}

impl Maker {
    async fn make_tokens(&self) {
        let mut wait = FIRST_WAIT;
        loop {
            let made = tokio::time::timeout(LONGEST_ATTEMPT, self.make_token()).await;
            let made = made.unwrap_or_else(|_| {
                let message = format!("AWS has given none for {} s", LONGEST_ATTEMPT.as_secs());
                Err(NoToken { message, retryable: true })
            });
            let next = match &made {
                Ok(token) => {
                    wait = FIRST_WAIT;
                    SystemTime::now() + token.life_left().mul_f64(RENEW_AFTER)
                }
                Err(_) => {
                    let next = SystemTime::now() + wait;
                    wait = (wait * 2).min(LONGEST_WAIT);
                    next
                }
            };
            self.publish(made);
            while let Ok(left) = next.duration_since(SystemTime::now()) {
                tokio::time::sleep(left.min(LOOK_AT_THE_CLOCK)).await;
            }
        }
    }

    fn publish(&self, made: Result<Token, NoToken>) {
        let mut state = self.shared.lock();
        match made {
            Ok(token) => {
                if state.failure.take().is_some() {
                    tracing::info!("AWS credentials are back");
                }
                state.token = Some(token);
            }
            Err(failure) => {
                // The one at hand may still be good for minutes.
                if state.failure.as_ref() != Some(&failure) {
                    tracing::warn!(reason = %failure, "no token for the login at MSK; trying again");
                }
                state.failure = Some(failure);
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    async fn make_token(&self) -> Result<Token, NoToken> {
        let region = self.region().await?;
        // Looked up each time: a profile may have been written anew, a role be another.
        let credentials = self.credentials(&region).await?;
        let credentials_end = credentials.expiry();
        if credentials_end.is_some_and(|end| end <= SystemTime::now()) {
            let message = "the AWS credentials have expired".to_owned();
            return Err(NoToken { message, retryable: true });
        }
        let provider = SharedCredentialsProvider::new(credentials);
        let (text, expires_ms) =
            generate_auth_token_from_credentials_provider(Region::new(region), provider)
                .await
                .map_err(|error| NoToken { message: in_one_line(&error), retryable: true })?;
        // Counted from the time in the token, which is in whole seconds: brokers do the same.
        let full_life = UNIX_EPOCH + Duration::from_millis(expires_ms.try_into().unwrap_or(0));
        let expires = full_life - LONGEST_TOKEN.saturating_sub(self.lifetime);
        Ok(Token { text, expires: credentials_end.map_or(expires, |end| end.min(expires)) })
    }

    async fn region(&self) -> Result<String, NoToken> {
        let known = self.shared.lock().region.clone();
        if let Some(region) = known {
            return Ok(region);
        }
        let region = match &self.region {
            Some(region) => Some(region.clone()),
            None => {
                let mut chain = DefaultRegionChain::builder();
                if let CredentialsFrom::Chain { profile: Some(profile), .. } = &self.credentials {
                    chain = chain.profile_name(profile);
                }
                chain.build().region().await.map(|region| region.to_string())
            }
        };
        let region = region.filter(|region| !region.is_empty()).ok_or_else(|| NoToken {
            message: "the cluster's AWS region is not known; set kafka.region or AWS_REGION"
                .to_owned(),
            retryable: false,
        })?;
        self.shared.lock().region = Some(region.clone());
        Ok(region)
    }

    async fn credentials(&self, region: &str) -> Result<Credentials, NoToken> {
        let provided = match &self.credentials {
            CredentialsFrom::Provider(provider) => provider.provide_credentials().await,
            CredentialsFrom::Chain { profile, role_arn, session } => {
                let config = load(region, profile.as_deref()).await;
                match (role_arn, config.credentials_provider()) {
                    (Some(role), _) => {
                        let role = AssumeRoleProvider::builder(role)
                            .session_name(session)
                            .region(Region::new(region.to_owned()))
                            .configure(&config);
                        role.build().await.provide_credentials().await
                    }
                    (None, Some(provider)) => provider.provide_credentials().await,
                    (None, None) => Err(CredentialsError::not_loaded_no_source()),
                }
            }
        };
        provided.map_err(|error| NoToken {
            message: format!(
                "{}: {}; give some in the environment, by kafka.profile, kafka.role_arn or the role of the container or instance",
                self.credentials.missing(),
                in_one_line(&error)
            ),
            retryable: !matches!(
                error,
                CredentialsError::CredentialsNotLoaded(_)
                    | CredentialsError::InvalidConfiguration(_)
            ),
        })
    }
}

async fn load(region: &str, profile: Option<&str>) -> SdkConfig {
    let region = Region::new(region.to_owned());
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
    if let Some(profile) = profile {
        // A profile that is named goes before the environment, as with AWS's command line.
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::without_region().with_region(Some(region)))
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    loader.load().await
}

/// An error with its causes. AWS's name no secrets, only where those were looked for.
fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some print their cause themselves.
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    let line = line.replace('\0', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[path = "token/tests.rs"]
mod tests;
