//! Log lines on stderr; stdout belongs to a job's result.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::{LogFormat, Verbosity};
use crate::exit::UsageError;
use crate::progress;

/// Starts logging: RFC 3339 times in UTC, level by `verbosity`, unless `RUST_LOG` says otherwise.
///
/// A second call is harmless and changes nothing (tests run several jobs in one process).
///
/// # Errors
/// [`UsageError`] if `RUST_LOG` is set and is not a filter.
pub fn init(format: LogFormat, verbosity: Verbosity) -> anyhow::Result<()> {
    let filter = filter(std::env::var("RUST_LOG").ok().as_deref(), verbosity)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(BesideBars)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
    let started = match format {
        LogFormat::Text => builder.with_target(verbosity == Verbosity::Trace).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was started before");
    }
    Ok(())
}

/// The log filter: `rust_log` if it says anything, else by `verbosity`.
fn filter(rust_log: Option<&str>, verbosity: Verbosity) -> Result<EnvFilter, UsageError> {
    let directives = match rust_log {
        Some(directives) if !directives.trim().is_empty() => directives,
        _ => match verbosity {
            Verbosity::Quiet => "warn",
            Verbosity::Normal => "info",
            // The libraries under a job write a line per request at this level.
            Verbosity::Verbose => "debug,h2=info,hyper=info,hyper_util=info,rustls=info,tower=info",
            Verbosity::Trace => "trace",
        },
    };
    EnvFilter::try_new(directives).map_err(|error| {
        UsageError(format!(
            "RUST_LOG=\"{directives}\" is not a log filter ({error}); write for example \
             RUST_LOG=info or RUST_LOG=warn,rfm_batch=debug"
        ))
    })
}

/// Stderr for log lines; a progress bar is taken off the screen while a line is written.
struct BesideBars;

impl<'a> MakeWriter<'a> for BesideBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for BesideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        progress::with_bars_hidden(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_log_overrides_the_verbosity() {
        let check = |rust_log, verbosity, expected| {
            assert_eq!(filter(rust_log, verbosity).unwrap().to_string(), expected);
        };
        check(None, Verbosity::Quiet, "warn");
        check(None, Verbosity::Normal, "info");
        check(Some(""), Verbosity::Trace, "trace");
        check(Some("rfm=debug"), Verbosity::Quiet, "rfm=debug");
    }

    #[test]
    fn a_bad_filter_is_a_usage_error() {
        let error = filter(Some("info=loud=x"), Verbosity::Normal).unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG=\"info=loud=x\" is not a log filter ("), "{error}");
        assert!(
            error.ends_with("write for example RUST_LOG=info or RUST_LOG=warn,rfm_batch=debug")
        );
    }
}
