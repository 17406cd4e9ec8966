//! The program as its users start it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn producer(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-producer"));
    command.current_dir(folder).env_remove("RUST_LOG");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("RFM_") || name.starts_with("AWS_") {
            command.env_remove(&*name);
        }
    }
    command
}

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    producer(folder).args(args).output().unwrap()
}

pub(crate) fn check_ok(folder: &Path, args: &[&str]) -> Output {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The exit code and the one line on stderr.
pub(crate) fn check_error(folder: &Path, args: &[&str], code: i32, message: &str) {
    let output = run(folder, args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: {message}\n"));
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
