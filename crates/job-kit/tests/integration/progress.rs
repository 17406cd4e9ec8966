use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use job_kit::cli::{LogFormat, Verbosity};
use job_kit::progress::{ProgressMode, Steps};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn log_of(mode: ProgressMode) -> (String, Steps) {
    let log = Captured::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let steps = Steps::new(mode);
    tracing::subscriber::with_default(subscriber, || {
        let step = steps.start("read orders", Some(100));
        thread::scope(|scope| {
            for _ in 0..4 {
                let step = step.clone();
                scope.spawn(move || step.advance(25));
            }
        });
        step.finish("541,909 rows");
        step.finish("said twice");
        drop(steps.start("failed step", None));
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (text, steps)
}

#[test]
fn off_a_terminal_a_finished_step_is_exactly_one_line() {
    let (log, _) = log_of(ProgressMode::Lines);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("step finished step=read orders seconds=0"), "{log}");
    assert!(log.trim_end().ends_with("result=541,909 rows"), "{log}");
}

#[test]
fn quiet_shows_nothing_and_still_keeps_the_times() {
    let (log, steps) = log_of(ProgressMode::Silent);
    assert_eq!(log, "");
    let seconds = steps.seconds();
    assert_eq!(seconds.len(), 1);
    assert_eq!(seconds[0].0, "read orders");
    assert!(seconds[0].1 >= 0.0);
}

#[test]
fn bars_need_a_terminal_and_text() {
    let check = |format, verbosity, expected| {
        assert_eq!(ProgressMode::detect(format, verbosity), expected);
    };
    check(LogFormat::Text, Verbosity::Quiet, ProgressMode::Silent);
    check(LogFormat::Json, Verbosity::Normal, ProgressMode::Lines);
}

#[test]
fn bars_work_without_a_terminal_too() {
    let (_, steps) = log_of(ProgressMode::Bars);
    assert_eq!(steps.seconds().len(), 1);
}
