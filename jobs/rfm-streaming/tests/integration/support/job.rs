//! The program with its settings, before it is started.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::place::Place;
use super::running::{Ended, Running};
use super::topic::Topic;

/// What is started, with settings that make it quick. Clones are for variations.
#[derive(Clone)]
pub(crate) struct Job<'p> {
    place: &'p Place,
    topic: String,
    options: Vec<(String, String)>,
    args: Vec<String>,
    envs: Vec<(String, String)>,
    config_file: Option<String>,
}

impl<'p> Job<'p> {
    pub(crate) fn new(place: &'p Place, topic: &Topic) -> Self {
        let job = Self {
            place,
            topic: topic.name.clone(),
            options: Vec::new(),
            args: Vec::new(),
            envs: Vec::new(),
            config_file: None,
        };
        // Longer than a test: what the servers' brief troubles do to a run is the business of few of them.
        job.set("streaming.keep_trying", "10m")
            .set("streaming.flush_interval", "300ms")
            .set("streaming.segments_refresh", "300ms")
            .set("streaming.group", &topic.name)
            .option("session.timeout.ms", "6000")
            .option("heartbeat.interval.ms", "500")
            .option("topic.metadata.refresh.interval.ms", "500")
    }

    /// A setting, by its dotted key.
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        let set = format!("{key}={value}");
        self.arg("--set").arg(&set)
    }

    /// An option of librdkafka.
    pub(crate) fn option(mut self, key: &str, value: &str) -> Self {
        self.options.retain(|(present, _)| present != key);
        self.options.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.envs.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Takes the settings of this file instead of those of the place.
    pub(crate) fn config_file(mut self, path: &Path) -> Self {
        self.config_file = Some(path.to_str().unwrap().to_owned());
        self
    }

    /// Where it ends or pauses: see `warehouse::fault`.
    pub(crate) fn fault(self, fault: &str) -> Self {
        self.env("RFM_FAULT", fault)
    }

    /// Makes it a static member of its group: the next one of this name need not wait until the group has given this
    /// one up.
    pub(crate) fn instance(self, name: &str) -> Self {
        self.set("streaming.instance", name)
    }

    pub(crate) fn until_caught_up(self) -> Self {
        self.arg("--until-caught-up")
    }

    pub(crate) fn start(&self) -> Running {
        let mut command = self.command();
        Running::new(command.stdin(Stdio::null()))
    }

    /// Runs it to its own end.
    pub(crate) fn run(&self) -> Ended {
        self.start().wait()
    }

    /// Runs it until it has read what there is, and expects that to work.
    #[track_caller]
    pub(crate) fn catch_up(&self) -> Ended {
        let ended = self.clone().until_caught_up().run();
        assert_eq!(ended.code, Some(0), "{ended}");
        ended
    }

    /// Starts it in a mount namespace of its own, after these commands of a shell; fails where there is no such thing.
    pub(crate) fn start_in_namespace(&self, prepare: &str) -> Running {
        let command = self.command();
        let mut unshare = Command::new("unshare");
        unshare.args(["-Urm", "bash", "-ec", &format!("{prepare}; exec \"$0\" \"$@\"")]);
        unshare.arg(command.get_program()).args(command.get_args());
        unshare.current_dir(self.place.folder.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => unshare.env(name, value),
                None => unshare.env_remove(name),
            };
        }
        Running::new(unshare.stdin(Stdio::null()))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rfm-streaming"));
        command.current_dir(self.place.folder.path());
        // Nothing of the environment that the tests run in may change a result.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RFM_")) {
            command.env_remove(name);
        }
        for name in ["RUST_LOG", "HADOOP_CONF_DIR", "HADOOP_HOME", "HIVE_CONF_DIR", "HIVE_HOME"] {
            command.env_remove(name);
        }
        command.envs(self.place.envs.iter().map(|(name, value)| (name, value)));
        command.envs(self.envs.iter().map(|(name, value)| (name, value)));
        let config = self.config_file.clone().unwrap_or_else(|| self.config());
        command.arg("--config").arg(config).args(&self.args);
        command
    }

    /// Writes the configuration file.
    fn config(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("job-{}.toml", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut text = self.place.sections.clone();
        text += &format!("[streaming]\ntopic = \"{}\"\n", self.topic);
        text += &format!("[kafka]\nbrokers = \"{}\"\n[kafka.options]\n", self.place.brokers);
        for (key, value) in &self.options {
            text += &format!("\"{key}\" = \"{value}\"\n");
        }
        std::fs::write(self.place.folder.path().join(&name), text).unwrap();
        name
    }
}
