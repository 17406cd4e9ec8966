//! Running `dev/cluster/cluster` and the tools beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Part;

/// The launcher with the home of one cluster.
pub(crate) struct Launcher {
    home: PathBuf,
    /// What is set otherwise than in `defaults.env`.
    settings: Vec<(String, String)>,
}

impl Launcher {
    pub(crate) fn new(home: PathBuf, settings: &[(&str, &str)]) -> Launcher {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Launcher { home, settings: settings.iter().map(owned).collect() }
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Starts what is missing; with `with_process` for as long as this process lives.
    pub(crate) fn up(&self, parts: &[Part], with_process: bool) -> Result<(), String> {
        let pid = std::process::id().to_string();
        let mut arguments = vec!["up", "--free-ports"];
        if with_process {
            arguments.extend(["--while", &pid, "--wipe"]);
        }
        // Without a name it would start everything.
        if parts.is_empty() {
            arguments.push(Part::Hdfs.name());
        }
        arguments.extend(parts.iter().map(|part| part.name()));
        self.run(&arguments).map(drop)
    }

    /// What `cluster env` exports, without `PATH`.
    pub(crate) fn env(&self) -> Result<BTreeMap<String, String>, String> {
        let text = self.run(&["env"])?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        Ok(lines
            .filter(|(name, _)| *name != "PATH")
            .map(|(name, value)| (name.to_owned(), unquoted(value)))
            .collect())
    }

    /// Ends the cluster and forgets it.
    pub(crate) fn wipe(&self) {
        let _ = self.run(&["wipe"]);
        let _ = std::fs::remove_dir_all(&self.home);
    }

    /// Runs a command of the launcher, and gives what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let what = format!("`cluster {}`", arguments.join(" "));
        let output = self
            .command(&folder().join("cluster"))
            .args(arguments)
            .output()
            .map_err(|error| format!("can't run {what}: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{what} failed ({}):\n{said}", output.status));
        }
        String::from_utf8(output.stdout).map_err(|error| format!("{what} printed no text: {error}"))
    }

    /// A command line tool of `dev/cluster/bin`.
    pub(crate) fn tool(&self, name: &str) -> Command {
        self.command(&folder().join("bin").join(name))
    }

    /// The settings of another cluster, which the caller may have in the environment, must not reach this one.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RFM_PORT_")
                || text.starts_with("RFM_HEAP_")
                || text == "HADOOP_USER_NAME"
            {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.env("RFM_CLUSTER_HOME", &self.home).stdin(std::process::Stdio::null());
        command
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/cluster")
}

/// Undoes the backslashes of bash's `printf %q`, which writes text without control characters with no other quotes; an
/// empty text is `''`.
fn unquoted(value: &str) -> String {
    if value == "''" {
        return String::new();
    }
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn values_are_unquoted() {
        for (quoted, text) in [("a/b:1", "a/b:1"), ("a\\ b\\\\c", "a b\\c"), ("''", "")] {
            assert_eq!(unquoted(quoted), text);
        }
    }
}
