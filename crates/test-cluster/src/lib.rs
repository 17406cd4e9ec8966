//! The local Hadoop cluster of `dev/cluster` for tests: real HDFS, Hive, Kafka and YARN.
//!
//! ```no_run
//! use test_cluster::{Cluster, Part};
//! let cluster = Cluster::shared(&[Part::Hive]);
//! let rows = cluster.beeline().query("select 1, cast(null as string)").expect("an answer");
//! assert_eq!(rows, [["1", "NULL"]]);
//! ```
//!
//! Nothing is left behind: a cluster that a test process started ends with it, however it ends. What can't be had
//! fails the test, with the launcher's words and the end of the daemon's log; no test is skipped.

mod beeline;
mod daemon;
mod launcher;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, OnceLock, PoisonError};

pub use beeline::Beeline;
pub use daemon::{Daemon, Part};
use launcher::Launcher;

/// A running cluster.
pub struct Cluster {
    launcher: Launcher,
    env: BTreeMap<String, String>,
    /// Whether it ends when this is dropped.
    private: bool,
}

/// The one that tests share: what of it is up, or why it can't be.
#[derive(Default)]
struct Shared {
    parts: BTreeSet<Part>,
    failure: Option<String>,
}

impl Cluster {
    /// The cluster that all tests of this process share, with at least these parts.
    ///
    /// It is the one in the folder `RFM_TEST_CLUSTER_HOME` if that is set, which may be shared with other processes,
    /// and else a new one. Tests on it use paths, databases and topics of their own and leave its daemons alone.
    ///
    /// # Panics
    ///
    /// When it can't start.
    pub fn shared(parts: &[Part]) -> &'static Cluster {
        static SHARED: Mutex<Option<Shared>> = Mutex::new(None);
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();

        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.get_or_insert_default();
        if let Some(failure) = &shared.failure {
            fail(failure);
        }
        let missing: Vec<Part> =
            parts.iter().copied().filter(|part| !shared.parts.contains(part)).collect();
        let home = std::env::var_os("RFM_TEST_CLUSTER_HOME");
        let started = match CLUSTER.get() {
            Some(_) if missing.is_empty() => Ok(()),
            Some(cluster) => cluster.launcher.up(&missing, home.is_none()),
            None => Self::begin(home, &missing, &[], false).map(|cluster| {
                let _ = CLUSTER.set(cluster);
            }),
        };
        if let Err(failure) = started {
            fail(shared.failure.insert(failure));
        }
        shared.parts.extend(missing);
        CLUSTER.get().unwrap_or_else(|| fail("the shared cluster is not there"))
    }

    /// A cluster for one test alone, which may stop and kill its daemons. It ends with the value.
    ///
    /// # Panics
    ///
    /// When it can't start.
    pub fn private(parts: &[Part]) -> Cluster {
        Self::private_with(parts, &[])
    }

    /// The same with settings of `dev/cluster/defaults.env` that are not the defaults.
    ///
    /// # Panics
    ///
    /// When it can't start.
    pub fn private_with(parts: &[Part], settings: &[(&str, &str)]) -> Cluster {
        Self::begin(None, parts, settings, true).unwrap_or_else(|failure| fail(&failure))
    }

    fn begin(
        home: Option<OsString>,
        parts: &[Part],
        settings: &[(&str, &str)],
        private: bool,
    ) -> Result<Cluster, String> {
        let with_process = home.is_none();
        let home = match home {
            Some(home) => PathBuf::from(home),
            // Whoever watches this process deletes it.
            None => tempfile::Builder::new()
                .prefix("rfm-cluster-")
                .tempdir()
                .map_err(|error| format!("no folder for a cluster: {error}"))?
                .keep(),
        };
        let launcher = Launcher::new(home, settings);
        let env = match launcher.up(parts, with_process).and_then(|()| launcher.env()) {
            Ok(env) => env,
            Err(failure) => {
                if with_process {
                    launcher.wipe();
                }
                return Err(failure);
            }
        };
        Ok(Cluster { launcher, env, private })
    }

    /// The default file system: `hdfs://localhost:PORT`.
    pub fn hdfs_url(&self) -> &str {
        self.value("RFM_HDFS_URL")
    }

    /// WebHDFS, up to and with `/webhdfs/v1`.
    pub fn webhdfs_url(&self) -> &str {
        self.value("RFM_WEBHDFS_URL")
    }

    /// The folder with `core-site.xml`, `hdfs-site.xml` and `yarn-site.xml`.
    pub fn hadoop_conf_dir(&self) -> &Path {
        Path::new(self.value("HADOOP_CONF_DIR"))
    }

    /// The folder with `hive-site.xml`.
    pub fn hive_conf_dir(&self) -> &Path {
        Path::new(self.value("HIVE_CONF_DIR"))
    }

    /// The metastore of Hive 4: `thrift://localhost:PORT`.
    pub fn metastore_uri(&self) -> &str {
        self.value("RFM_METASTORE_URI")
    }

    /// The metastore of Hive 3.1.3, with a catalogue of its own.
    pub fn metastore3_uri(&self) -> &str {
        self.value("RFM_METASTORE3_URI")
    }

    /// HiveServer2, for the database `default`.
    pub fn hive_jdbc_url(&self) -> &str {
        self.value("RFM_HIVE_JDBC_URL")
    }

    /// Kafka without encryption or login.
    pub fn kafka_brokers(&self) -> &str {
        self.value("RFM_BROKERS")
    }

    /// Kafka with TLS and MSK's IAM login; the region and key pair are among [`Cluster::envs`].
    pub fn kafka_iam_brokers(&self) -> &str {
        self.value("RFM_BROKERS_IAM")
    }

    /// Kafka with TLS and SCRAM; user and password are among [`Cluster::envs`].
    pub fn kafka_scram_brokers(&self) -> &str {
        self.value("RFM_BROKERS_SCRAM")
    }

    /// Kafka with TLS for clients with a certificate.
    pub fn kafka_tls_brokers(&self) -> &str {
        self.value("RFM_BROKERS_TLS")
    }

    /// A certificate for [`Cluster::kafka_tls_brokers`] and its key, PEM.
    pub fn kafka_client_certificate(&self) -> (&Path, &Path) {
        let file = |name| Path::new(self.value(name));
        (file("RFM_CLIENT_CERTIFICATE"), file("RFM_CLIENT_KEY"))
    }

    /// The certificate authority of Kafka's addresses with TLS, PEM.
    pub fn kafka_ca(&self) -> &Path {
        Path::new(self.value("RFM_BROKERS_CA"))
    }

    /// YARN's ResourceManager: `http://localhost:PORT`.
    pub fn resource_manager_url(&self) -> &str {
        self.value("RFM_RM_URL")
    }

    /// What `cluster env` prints, for the environment of child processes. Without `PATH`.
    pub fn envs(&self) -> Vec<(String, String)> {
        self.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Starts a daemon that was stopped or killed, and waits until it is well; a NameNode is when it has left safe mode.
    ///
    /// # Panics
    ///
    /// When it does not come up. So with the next four when there is no such daemon.
    pub fn start(&self, daemon: Daemon) {
        self.one("start", daemon);
    }

    /// Ends a daemon in good order.
    pub fn stop(&self, daemon: Daemon) {
        self.one("stop", daemon);
    }

    /// Ends a daemon by SIGKILL.
    pub fn kill(&self, daemon: Daemon) {
        self.one("kill", daemon);
    }

    /// Stops a daemon in its tracks: it accepts connections, and does not answer.
    pub fn pause(&self, daemon: Daemon) {
        self.one("pause", daemon);
    }

    /// Lets a paused daemon go on.
    pub fn resume(&self, daemon: Daemon) {
        self.one("resume", daemon);
    }

    fn one(&self, action: &str, daemon: Daemon) {
        if let Err(failure) = self.launcher.run(&[action, daemon.name()]) {
            fail(&failure);
        }
    }

    /// What a daemon has logged since it last started; empty if it never did.
    pub fn log(&self, daemon: Daemon) -> String {
        let file = self.launcher.home().join(format!("logs/{}.log", daemon.name()));
        String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
    }

    /// Runs `hdfs`, for example with `["dfs", "-ls", "/"]`, as the superuser; takes a second or two.
    ///
    /// # Panics
    ///
    /// When it can't be run; that it fails is in the answer.
    pub fn hdfs<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Output {
        self.output(self.launcher.tool("hdfs").args(arguments))
    }

    /// The same as another user; HDFS believes it.
    ///
    /// # Panics
    ///
    /// As [`Cluster::hdfs`].
    pub fn hdfs_as<S: AsRef<std::ffi::OsStr>>(&self, user: &str, arguments: &[S]) -> Output {
        self.output(self.launcher.tool("hdfs").env("HADOOP_USER_NAME", user).args(arguments))
    }

    fn output(&self, command: &mut std::process::Command) -> Output {
        command.output().unwrap_or_else(|error| fail(&format!("can't run {command:?}: {error}")))
    }

    /// A connection to HiveServer2 that stays open, so that a query does not cost the start of a JVM.
    ///
    /// # Panics
    ///
    /// When it can't be had.
    pub fn beeline(&self) -> Beeline {
        let log = self.launcher.home().join("logs/hiveserver2.log");
        Beeline::connect(self.launcher.tool("beeline"), log)
            .unwrap_or_else(|failure| fail(&failure))
    }

    /// What `beeline -f FILE --hivevar NAME=VALUE...` prints on stdout, as for a user.
    ///
    /// # Errors
    ///
    /// All that it printed, when a statement failed or it could not connect.
    pub fn beeline_text(
        &self,
        sql_file: &Path,
        hivevars: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut command = self.launcher.tool("beeline");
        for (name, value) in hivevars {
            command.arg("--hivevar").arg(format!("{name}={value}"));
        }
        beeline::text(self.output(command.arg("-f").arg(sql_file)))
    }

    /// What `cluster env` prints for a name.
    ///
    /// # Panics
    ///
    /// When it prints none.
    pub fn value(&self, name: &str) -> &str {
        self.env.get(name).unwrap_or_else(|| fail(&format!("`cluster env` does not print {name}")))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.private {
            self.launcher.wipe();
        }
    }
}

#[expect(clippy::panic, reason = "a test that lacks its cluster fails")]
fn fail(message: &str) -> ! {
    panic!("the test cluster: {message}")
}
