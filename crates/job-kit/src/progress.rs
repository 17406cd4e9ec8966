//! The steps of a job as its user sees them, and their times for the run report.
//!
//! On a terminal a step is a bar or a spinner that leaves one line behind; elsewhere it is exactly
//! one log line when it ends, so that a log file of a cluster node stays readable.

use std::borrow::Cow;
use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::{LogFormat, Verbosity};

/// One for the process, because there is one terminal: log lines must find the bars to hide them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

const BYTES_BAR: &str = "{msg:<24} {bar:28} {binary_bytes:>10} / {binary_total_bytes} \
                         {binary_bytes_per_sec:>12}  {eta} left";
const SPINNER: &str = "{msg:<24} {spinner} {elapsed}";
const BYTES_SPINNER: &str =
    "{msg:<24} {spinner} {elapsed} {binary_bytes:>10} {binary_bytes_per_sec:>12}";

/// Where the steps of a job are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// Bars on a terminal.
    Bars,
    /// One log line for a finished step.
    Lines,
    /// Nothing; the times are still kept.
    Silent,
}

impl ProgressMode {
    /// Bars if stderr is a terminal that shows text, nothing if the user asked for quiet.
    pub fn detect(format: LogFormat, verbosity: Verbosity) -> Self {
        match (verbosity, format) {
            (Verbosity::Quiet, _) => Self::Silent,
            (_, LogFormat::Text) if stderr().is_terminal() => Self::Bars,
            _ => Self::Lines,
        }
    }
}

/// The steps of one run, in the order they end.
#[derive(Clone, Debug)]
pub struct Steps {
    mode: ProgressMode,
    finished: Arc<Mutex<Vec<(String, f64)>>>,
}

impl Steps {
    pub fn new(mode: ProgressMode) -> Self {
        Self { mode, finished: Arc::default() }
    }

    /// Starts a step; `total_bytes` makes its bar show a share, a rate and the time left.
    pub fn start(&self, name: impl Into<Cow<'static, str>>, total_bytes: Option<u64>) -> Step {
        let name = name.into();
        let bar = match self.mode {
            ProgressMode::Bars => shown_bar(name.clone(), total_bytes),
            ProgressMode::Lines | ProgressMode::Silent => ProgressBar::hidden(),
        };
        Step(Arc::new(StepState {
            name,
            mode: self.mode,
            bar,
            started: Instant::now(),
            ended: AtomicBool::new(false),
            finished: Arc::clone(&self.finished),
        }))
    }

    /// Name and seconds of every finished step, for the run report.
    pub fn seconds(&self) -> Vec<(String, f64)> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A step under way. Clones are handles to the same step, for use from many threads.
///
/// A step that is dropped unfinished (its job failed) disappears from the screen and is not in
/// [`Steps::seconds`].
#[derive(Clone, Debug)]
pub struct Step(Arc<StepState>);

#[derive(Debug)]
struct StepState {
    name: Cow<'static, str>,
    mode: ProgressMode,
    bar: ProgressBar,
    started: Instant,
    ended: AtomicBool,
    finished: Arc<Mutex<Vec<(String, f64)>>>,
}

impl Step {
    /// Adds bytes done. An atomic addition and a look at the clock: call it per buffer, not per row.
    pub fn advance(&self, bytes: u64) {
        if self.0.mode == ProgressMode::Bars {
            if self.0.bar.length().is_none() && self.0.bar.position() == 0 {
                self.0.bar.set_style(style(BYTES_SPINNER));
            }
            self.0.bar.inc(bytes);
        }
    }

    /// Ends the step with a short result such as `541,909 rows`. Only the first call counts.
    pub fn finish(&self, result: impl fmt::Display) {
        let step = &self.0;
        if step.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let seconds = step.started.elapsed().as_secs_f64();
        match step.mode {
            ProgressMode::Bars => {
                step.bar.finish_and_clear();
                with_bars_hidden(|| eprintln!("{:<24} {seconds:>8.2} s  {result}", step.name));
            }
            ProgressMode::Lines => tracing::info!(
                step = %step.name,
                seconds = (seconds * 1000.0).round() / 1000.0,
                result = %result,
                "step finished"
            ),
            ProgressMode::Silent => {}
        }
        step.finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((step.name.to_string(), seconds));
    }
}

impl Drop for StepState {
    fn drop(&mut self) {
        if self.mode == ProgressMode::Bars && !*self.ended.get_mut() {
            self.bar.finish_and_clear();
        }
    }
}

/// Runs `write` while no bar is on the screen, so that its output does not tear one apart.
pub(crate) fn with_bars_hidden<R>(write: impl FnOnce() -> R) -> R {
    BARS.suspend(write)
}

fn shown_bar(name: Cow<'static, str>, total_bytes: Option<u64>) -> ProgressBar {
    let bar = match total_bytes {
        Some(total) => ProgressBar::new(total).with_style(style(BYTES_BAR)),
        None => ProgressBar::no_length().with_style(style(SPINNER)),
    };
    let bar = BARS.add(bar.with_message(name));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the constants above, so a mistake shows as a plain bar, not as a failure.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
