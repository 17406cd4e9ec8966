//! A scheduler and executors as child processes on loopback.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed when it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// Both kinds, in a folder of their own.
pub struct Cluster {
    pub scheduler: Process,
    pub executors: Vec<Process>,
    /// The last to go: the others' logs are in it.
    folder: tempfile::TempDir,
}

impl Cluster {
    /// A scheduler that expects `expected` executors, and `started` of them with a core each.
    pub fn start(expected: usize, started: usize) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let expected = expected.to_string();
        let endpoint = folder.path().join("endpoint");
        let scheduler = Process::start(
            env!("CARGO_BIN_EXE_rfm-scheduler"),
            &["--executors", &expected, "--executor-timeout", "5s", "--endpoint-file"],
            &[&endpoint],
            folder.path().join("scheduler.log"),
        );
        let mut cluster = Cluster { scheduler, executors: Vec::new(), folder };
        for _ in 0..started {
            cluster.add_executor();
        }
        cluster
    }

    pub fn add_executor(&mut self) {
        let number = self.executors.len();
        let work = self.folder.path().join(format!("work-{number}"));
        let executor = Process::start(
            env!("CARGO_BIN_EXE_rfm-executor"),
            &["--cores", "1", "--memory", "256 MiB", "--scheduler"],
            &[&self.endpoint(), Path::new("--work-folder"), &work],
            self.folder.path().join(format!("executor-{number}.log")),
        );
        self.executors.push(executor);
    }

    pub fn endpoint(&self) -> PathBuf {
        self.folder.path().join("endpoint")
    }

    /// What is left of the executors' files.
    pub fn work_files(&self) -> Vec<PathBuf> {
        let folders =
            (0..self.executors.len()).map(|n| self.folder.path().join(format!("work-{n}")));
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        files.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Process {
    /// An executor that looks for its scheduler for a moment.
    pub fn lonely_executor(scheduler: &str, folder: &Path) -> Process {
        let args = ["--cores", "1", "--wait", "1s", "--scheduler", scheduler, "--work-folder"];
        let log = folder.join("lonely.log");
        Process::start(env!("CARGO_BIN_EXE_rfm-executor"), &args, &[folder], log)
    }

    fn start(program: &str, args: &[&str], paths: &[&Path], log: PathBuf) -> Process {
        let mut command = Command::new(program);
        command.args(args).args(paths);
        for name in ["RUST_LOG", "HADOOP_CONF_DIR", "HADOOP_HOME", "HIVE_CONF_DIR", "HIVE_HOME"] {
            command.env_remove(name);
        }
        let output = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        Process { child: command.spawn().unwrap(), log }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits until it ends; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.log());
        }
    }
}

/// Waits until something is there.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
