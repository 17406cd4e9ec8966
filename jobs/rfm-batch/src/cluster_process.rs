//! What `rfm-scheduler` and `rfm-executor` have in common.

use ballista_engine::{ClusterError, ClusterErrorKind};
use job_kit::exit::{RetryLater, UsageError};

/// Gives an error its exit code.
pub(crate) fn explain(error: ClusterError) -> anyhow::Error {
    match error.kind() {
        ClusterErrorKind::Unavailable => RetryLater(error.to_string()).into(),
        ClusterErrorKind::Usage => UsageError(error.to_string()).into(),
        ClusterErrorKind::Failed => error.into(),
    }
}
