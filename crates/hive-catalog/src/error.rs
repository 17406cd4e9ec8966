//! What a metastore refuses, and what the user can do about it.

use std::error::Error;

use warehouse::catalog::CatalogError;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {object} in the Hive metastore at {servers}{}", kind.advice())]
pub struct MetastoreError {
    /// What was attempted, in the infinitive: `create`.
    pub action: &'static str,
    /// With what: `table default.orders`.
    pub object: String,
    /// Who was asked.
    pub servers: String,
    /// What kind of failure it is.
    pub kind: MetastoreErrorKind,
    /// What the server said, or why it cannot be reached.
    pub source: Box<dyn Error + Send + Sync>,
}

/// Kinds of failures that callers or users treat differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetastoreErrorKind {
    /// The database, table or partition is not there.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// Somebody else has changed it meanwhile.
    Modified,
    /// The metastore says no.
    Refused,
    /// The metastore cannot reach the database behind it. Worth a retry.
    DatabaseDown,
    /// No server answers, or not in time. Worth a retry.
    Unreachable,
    /// The program that answers does not speak the metastore's protocol, or a version of it that has not this call.
    Protocol,
}

impl MetastoreErrorKind {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::DatabaseDown | Self::Unreachable)
    }

    /// The end of a sentence.
    fn advice(self) -> &'static str {
        match self {
            Self::NotFound => ": it is not there",
            Self::AlreadyExists => ": it is there already",
            Self::Modified => ": somebody else has changed it meanwhile",
            Self::Refused => "",
            Self::DatabaseDown => ": the database behind it does not answer; try again later",
            Self::Unreachable => {
                ": it does not answer; check that it runs and that catalog.uris or hive-site.xml names it"
            }
            Self::Protocol => {
                ": its answer is not understood; Hive 3.1 and 4.0 without Kerberos are supported"
            }
        }
    }
}

impl From<MetastoreError> for CatalogError {
    fn from(error: MetastoreError) -> Self {
        CatalogError::Server {
            problem: error.to_string(),
            retryable: error.kind.is_retryable(),
            source: Some(error.source),
        }
    }
}
