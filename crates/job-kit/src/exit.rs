//! Exit codes, the contract with submit scripts and schedulers.
//!
//! | code | meaning | what a script should do |
//! | --- | --- | --- |
//! | 0 | done | go on |
//! | 1 | failed | stop, a person must look |
//! | 2 | bad usage or configuration | stop, correct the command or the file |
//! | 3 | worth a retry | run the same command again later |

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigError;

/// The job did what it was asked to do.
pub const DONE: u8 = 0;
/// The job failed and running it again would most likely fail again.
pub const FAILED: u8 = 1;
/// The command line or the configuration is wrong; clap uses the same code for unknown flags.
pub const BAD_USAGE: u8 = 2;
/// The cause lies outside and may pass (a server restarts, another run holds the claim).
pub const RETRY_LATER: u8 = 3;

/// The user asked for something that cannot be done; the message says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The job could not do its work now, but the same command may succeed later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RetryLater(pub String);

/// Runs a job and turns its result into the process exit code.
///
/// An error is printed to stderr as `error: ` and its whole chain in one line. A closed pipe
/// (`order-producer --to-csv - | head`) is not an error: the reader has what it wanted.
pub fn run(job: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    let Err(error) = job() else {
        return ExitCode::from(DONE);
    };
    let Some(code) = code_of(&error) else {
        return ExitCode::from(DONE);
    };
    // Nothing is left to do if stderr itself is closed; the exit code still tells.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::from(code)
}

/// The exit code an error stands for; `None` for a closed pipe, which ends a job in silence.
pub fn code_of(error: &anyhow::Error) -> Option<u8> {
    let broken_pipe = error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    });
    if broken_pipe {
        return None;
    }
    if contains::<UsageError>(error) || contains::<ConfigError>(error) {
        Some(BAD_USAGE)
    } else if contains::<RetryLater>(error) {
        Some(RETRY_LATER)
    } else {
        Some(FAILED)
    }
}

/// Whether `E` is the error itself, one of its causes, or a context attached to it
/// (`error.context(RetryLater(..))`), which `chain()` alone does not show.
fn contains<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> bool {
    error.downcast_ref::<E>().is_some() || error.chain().any(|cause| cause.is::<E>())
}
