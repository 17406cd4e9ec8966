//! What goes wrong between a client and its brokers, in words that say what to do.

use std::fmt;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::settings::{KafkaSettings, Security};

/// Kinds of problems that callers or users treat differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProblemKind {
    /// No broker answers.
    NoBroker,
    /// The brokers refuse the login.
    Authentication,
    /// No encrypted connection comes about: a certificate that is not trusted, or no TLS at the other end.
    Tls,
    /// The login is good, but does not give the right to what is asked for.
    Authorization,
    /// There are no AWS credentials to make a token of.
    Token,
    /// The client cannot go on and has to be made anew.
    Fatal,
}

impl ProblemKind {
    /// For logs and metrics, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoBroker => "no_broker",
            Self::Authentication => "authentication",
            Self::Tls => "tls",
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::Fatal => "fatal",
        }
    }
}

/// A problem of a client as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Which kind.
    pub kind: ProblemKind,
    /// What happened and what to do, in one line. Holds no secret.
    pub message: String,
    /// Whether waiting may help.
    pub(crate) retryable: bool,
    /// Whether whoever waits for a connection can give up.
    pub(crate) is_certain: bool,
}

impl Problem {
    /// Whether it may pass without anybody changing the settings.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What messages about one cluster need to know of its settings.
#[derive(Clone, Debug)]
pub(crate) struct Advice {
    brokers: String,
    security: Security,
    username: String,
    has_ca_file: bool,
    has_certificate: bool,
}

impl Advice {
    pub(crate) fn new(settings: &KafkaSettings) -> Self {
        Self {
            brokers: settings.brokers.clone().unwrap_or_default(),
            security: settings.security,
            username: settings.username.clone().unwrap_or_default(),
            has_ca_file: settings.ca_file.is_some(),
            has_certificate: settings.certificate_file.is_some(),
        }
    }

    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// What an error of the client as a whole means; `None` for one that is not about the connection or its rights.
    pub(crate) fn classify(
        &self,
        code: Code,
        reason: &str,
        region: Option<&str>,
    ) -> Option<Problem> {
        let reason = clean(reason);
        let (kind, message) = match code {
            Code::AllBrokersDown => return Some(self.unreachable(None)),
            // The client's own words about a token that it was not given: `token` says it better.
            Code::Authentication if reason.starts_with("Failed to acquire SASL OAUTHBEARER") => {
                return None;
            }
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState => {
                (ProblemKind::Authentication, self.refused_login(&reason, region))
            }
            Code::SSL => (ProblemKind::Tls, self.no_tls(&reason)),
            // What brokers think of the client's certificate comes after the handshake.
            Code::BrokerTransportFailure if reason.contains("SSL alert") => {
                (ProblemKind::Tls, self.no_tls(&reason))
            }
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::DelegationTokenAuthorizationFailed => {
                (ProblemKind::Authorization, self.not_allowed(&reason))
            }
            Code::Fatal | Code::Fenced => (
                ProblemKind::Fatal,
                format!("the Kafka client cannot go on: {reason}; start the job again"),
            ),
            _ => return None,
        };
        // A broker that starts or ends breaks handshakes off, too.
        let is_certain = !reason.contains("Disconnected");
        Some(Problem { kind, message, retryable: kind == ProblemKind::Fatal, is_certain })
    }

    /// That no broker answers; `last` is what the last attempt to reach one came to.
    pub(crate) fn unreachable(&self, last: Option<&str>) -> Problem {
        let last = last.map(clean);
        let hung_up = last.as_deref().is_some_and(|reason| reason.starts_with("Disconnected"));
        if let Some(reason) = last.as_deref().filter(|reason| reason.contains("SSL") && !hung_up) {
            let (kind, message) = (ProblemKind::Tls, self.no_tls(reason));
            return Problem { kind, message, retryable: false, is_certain: false };
        }
        let last = last.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let advice = if hung_up {
            format!(
                "check that they run, and that kafka.security = \"{}\" is what this port wants",
                self.security
            )
        } else {
            "check kafka.brokers, that they run, and that this machine may reach them (security groups, firewalls)"
                .to_owned()
        };
        let message = format!("no Kafka broker answers at {}{last}: {advice}", self.brokers);
        Problem { kind: ProblemKind::NoBroker, message, retryable: true, is_certain: false }
    }

    pub(crate) fn token(&self, reason: &str, retryable: bool) -> Problem {
        let message = format!("cannot log in at {}: {reason}", self.brokers);
        Problem { kind: ProblemKind::Token, message, retryable, is_certain: !retryable }
    }

    fn refused_login(&self, reason: &str, region: Option<&str>) -> String {
        let brokers = &self.brokers;
        match self.security {
            Security::Iam => {
                let region = region.unwrap_or("unknown");
                format!(
                    "{brokers} refuses the AWS credentials for region {region}: {reason}; check that they belong to an identity \
                     with kafka-cluster:Connect on this cluster, that the region is the cluster's (kafka.region), and the clock"
                )
            }
            security if security.is_scram() => format!(
                "{brokers} refuses the login of user '{}': {reason}; check kafka.username, kafka.password and whether the \
                 cluster wants kafka.security = \"{security}\"",
                self.username
            ),
            security => format!(
                "{brokers} refuses the client: {reason}; check that kafka.security = \"{security}\" is what this port wants"
            ),
        }
    }

    fn no_tls(&self, reason: &str) -> String {
        let advice = if reason.contains("certificate verify failed") {
            if self.has_ca_file {
                "the authority that signed the brokers' certificate is not in kafka.ca_file, or the certificate is not for that name"
            } else {
                "the authority that signed the brokers' certificate is not among the system's: name its PEM file in kafka.ca_file"
            }
        } else if reason.contains("wrong version number") || reason.contains("PLAINTEXT broker") {
            "that port may not speak TLS: correct the port in kafka.brokers, or set kafka.security = \"plaintext\""
        } else if reason.contains("SSL alert") && !self.has_certificate {
            "the brokers want a certificate of the client: set kafka.certificate_file and kafka.key_file"
        } else if reason.contains("SSL alert") {
            "the brokers do not accept the certificate in kafka.certificate_file"
        } else {
            "check kafka.security, kafka.ca_file and the port in kafka.brokers"
        };
        format!("no TLS connection to {}: {reason}; {advice}", self.brokers)
    }

    fn not_allowed(&self, reason: &str) -> String {
        let where_to = match self.security {
            Security::Iam => {
                "the identity's IAM policy (kafka-cluster:... on cluster, topic and group)"
            }
            _ => "the ACLs of the cluster",
        };
        format!("{} does not allow it: {reason}; check {where_to}", self.brokers)
    }
}

/// What librdkafka says without what means nothing to a user: the address (`ssl://localhost:9094/bootstrap: `), how
/// long the state lasted (` (after 3ms in state CONNECT)`), OpenSSL's error numbers.
fn clean(reason: &str) -> String {
    let mut line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(start) = line.rfind(" (after ")
        && line.ends_with(')')
    {
        line.truncate(start);
    }
    if let Some((address, rest)) = line.split_once(": ")
        && let Some((_, node)) = address.rsplit_once('/')
        && (node == "bootstrap" || node.parse::<u32>().is_ok())
    {
        line = rest.to_owned();
    }
    if let Some(start) = line.find("error:")
        && let Some((_, rest)) = line[start..].split_once("::")
    {
        line = format!("{}{rest}", &line[..start]);
    }
    // What follows names librdkafka's options, which are not those of the section.
    if let Some(start) = line.find("certificate verify failed") {
        line.truncate(start + "certificate verify failed".len());
    }
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafkas_words_are_cleaned() {
        for (said, cleaned) in [
            (
                "sasl_ssl://b-1.shop.kafka.eu-west-1.amazonaws.com:9098/bootstrap: SASL authentication error: {\"status\":\"no\"} \
                 (after 303ms in state AUTH_REQ, 1 identical error(s) suppressed)",
                "SASL authentication error: {\"status\":\"no\"}",
            ),
            (
                "localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed",
                "Connect to ipv4#127.0.0.1:9092 failed",
            ),
            (
                "ssl://a:1/2: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate \
                 could not be verified, verify that ssl.ca.location is correct (after 7ms in state SSL_HANDSHAKE)",
                "SSL handshake failed: certificate verify failed",
            ),
            ("2/2 brokers are down", "2/2 brokers are down"),
            ("http: //x/y: z", "http: //x/y: z"),
        ] {
            assert_eq!(clean(said), cleaned);
        }
        assert_eq!(clean(&"x ".repeat(1000)).chars().count(), 403);
    }

    #[test]
    fn kinds_and_what_they_mean() {
        let advice = Advice::new(&KafkaSettings::plaintext("h:1"));
        let kind =
            |code, reason: &str| advice.classify(code, reason, None).map(|problem| problem.kind);
        assert_eq!(kind(Code::AllBrokersDown, ""), Some(ProblemKind::NoBroker));
        assert_eq!(kind(Code::Authentication, "no"), Some(ProblemKind::Authentication));
        assert_eq!(kind(Code::Authentication, "Failed to acquire SASL OAUTHBEARER token: x"), None);
        assert_eq!(kind(Code::SSL, "x"), Some(ProblemKind::Tls));
        assert_eq!(
            kind(Code::BrokerTransportFailure, "Receive failed: SSL alert 42"),
            Some(ProblemKind::Tls)
        );
        assert_eq!(kind(Code::BrokerTransportFailure, "Disconnected"), None);
        assert_eq!(kind(Code::TopicAuthorizationFailed, "x"), Some(ProblemKind::Authorization));
        assert_eq!(kind(Code::Fatal, "x"), Some(ProblemKind::Fatal));
        assert_eq!(kind(Code::OperationTimedOut, "x"), None);
        assert!(advice.unreachable(None).is_retryable());
        assert!(!advice.classify(Code::SSL, "x", None).unwrap().is_retryable());
        assert!(!advice.token("x", false).is_retryable());
    }
}
