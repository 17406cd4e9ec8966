//! What goes wrong on a cluster, and how an executor's own words reach the user.
//!
//! Ballista passes an error on as text, in the debug form of whatever is around it. So the message of a scan is written in
//! letters that no such form changes, between marks, and the driver takes it out again.

use datafusion::error::DataFusionError;
use order_csv::CsvError;
use store::chain;

const BEGIN: &str = "rfm-scan-failed:";
const END: &str = ":rfm-scan-failed";

/// Why a job did not end on the cluster.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ClusterError {
    kind: ClusterErrorKind,
    message: String,
}

/// Kinds of failure that users treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterErrorKind {
    /// The cluster, or a store, was not there when it was needed. Worth a retry.
    Unavailable,
    /// What was asked for cannot be done: it would fail again.
    Failed,
    /// An address or a setting that cannot be used.
    Usage,
}

impl ClusterError {
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: ClusterErrorKind::Unavailable, message: message.into() }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { kind: ClusterErrorKind::Failed, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: ClusterErrorKind::Usage, message: message.into() }
    }

    /// Something that must not be, whatever the cluster did.
    pub(crate) fn fault(message: impl std::fmt::Display) -> Self {
        Self::failed(format!("{message}; this is a fault of the program, nothing was written"))
    }

    /// Which kind it is.
    pub fn kind(&self) -> ClusterErrorKind {
        self.kind
    }

    /// What a job's failure on `scheduler` means, of which Ballista says `text`.
    pub(crate) fn of_job(scheduler: &str, text: &str) -> Self {
        if let Some((is_retryable, message)) = decode(text) {
            let kind = match is_retryable {
                true => ClusterErrorKind::Unavailable,
                false => ClusterErrorKind::Failed,
            };
            return Self { kind, message };
        }
        // Ballista's words for a job that ended; anything else is the connection to the scheduler.
        if text.contains("ResourcesExhausted") || text.contains("Resources exhausted") {
            return Self::failed(format!(
                "the aggregation does not fit an executor's memory; give the executors more of it, or more executors: {text}"
            ));
        }
        if !text.contains(" failed: ") {
            return Self::unavailable(format!(
                "the scheduler {scheduler} was lost while it worked on the job: {text}"
            ));
        }
        let causes_outside = ["xecutor", "etch", "ask lost", "TaskKilled", "transport"];
        match causes_outside.iter().any(|cause| text.contains(cause)) && !text.contains("panic") {
            true => Self::unavailable(format!("the executors were lost: {text}")),
            false => Self::failed(format!("the cluster could not do the job: {text}")),
        }
    }
}

/// What a scan says to the cluster. Work that may succeed elsewhere or later is tried again there, the rest is not.
pub(crate) fn scan_failed(error: CsvError) -> DataFusionError {
    let is_retryable = error.is_retryable();
    let message = chain(&error);
    failed(is_retryable, &message)
}

/// The same for a message.
pub(crate) fn failed(is_retryable: bool, message: &str) -> DataFusionError {
    let mark = if is_retryable { '1' } else { '0' };
    let mut text = format!("{BEGIN}{mark}");
    for byte in message.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'/' | b'.' | b'_' => {
                text.push(byte as char);
            }
            other => text.push_str(&format!("%{other:02x}")),
        }
    }
    text.push_str(END);
    match is_retryable {
        true => DataFusionError::IoError(std::io::Error::other(text)),
        false => DataFusionError::Execution(text),
    }
}

/// Whether it is worth a retry, and the message.
fn decode(text: &str) -> Option<(bool, String)> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let is_retryable = body.starts_with('1');
    let body = body.get(1..)?.as_bytes();
    let mut message = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        let code = body.get(at + 1..at + 3).filter(|_| byte == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                message.push(code);
                at += 3;
            }
            None => {
                message.push(byte);
                at += 1;
            }
        }
    }
    Some((is_retryable, String::from_utf8_lossy(&message).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scans_words_come_through_any_wrapping() {
        let message = "cannot read '/data/ü \"1\"\\n.csv': 50 %, it ends\nbefore that";
        for is_retryable in [true, false] {
            let error = failed(is_retryable, message);
            let wrapped = format!("Job x failed: {:?}", format!("{error:?} and {error}"));
            let found = ClusterError::of_job("h:1", &wrapped);
            assert_eq!(found.to_string(), message);
            let kind = match is_retryable {
                true => ClusterErrorKind::Unavailable,
                false => ClusterErrorKind::Failed,
            };
            assert_eq!(found.kind(), kind);
        }
    }

    #[test]
    fn what_ballista_says_has_an_exit_code() {
        for (text, kind) in [
            ("status: Unknown, message: \"h2 protocol error\"", ClusterErrorKind::Unavailable),
            ("Stream closed without job completing", ClusterErrorKind::Unavailable),
            ("Job a failed: no executors left", ClusterErrorKind::Unavailable),
            (
                "Job a failed: Task failed due to runtime execution error: panic",
                ClusterErrorKind::Failed,
            ),
            ("Job a failed: Internal(\"x\")", ClusterErrorKind::Failed),
        ] {
            assert_eq!(ClusterError::of_job("h:1", text).kind(), kind, "{text}");
        }
    }
}
