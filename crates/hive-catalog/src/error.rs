//! What a server refuses, and what the user can do about it.

use std::borrow::Cow;
use std::error::Error;

use warehouse::catalog::CatalogError;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {object} in {server}{advice}")]
pub struct MetastoreError {
    /// What was attempted, in the infinitive: `create`.
    pub action: &'static str,
    /// With what: `table default.orders`.
    pub object: String,
    /// Who was asked: `the Hive metastore at thrift://host:9083`.
    pub server: String,
    /// What kind of failure it is.
    pub kind: MetastoreErrorKind,
    /// What the user can do, as the end of the sentence: `: it is not there`.
    pub advice: Cow<'static, str>,
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
    /// The server says no.
    Refused,
    /// The server answers that it cannot do it now: it has lost the database behind it, it has too much to do. Worth a
    /// retry.
    Unavailable,
    /// No server answers, or not in time. Worth a retry.
    Unreachable,
    /// The program that answers does not speak the server's protocol, or a version of it that has not this call.
    Protocol,
}

impl MetastoreErrorKind {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Modified | Self::Unavailable | Self::Unreachable)
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
