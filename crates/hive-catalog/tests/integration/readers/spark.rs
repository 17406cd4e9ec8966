//! Queries to Spark 3.5, which knows metastores up to Hive 3.1.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::text::{Row, python};
use crate::helper::{Version, cluster};

/// Which code reads the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reader {
    /// Spark's, as is the default.
    Own,
    /// That of Hive 2.3, by `spark.sql.hive.convertMetastoreParquet=false`; it stands for an old Hive.
    Hive,
}

/// A session, which takes many seconds to start. It ends with this process.
pub(crate) struct Spark {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    log: File,
}

/// The session that all tests share, in a JVM with UTC as its zone.
pub(crate) fn spark() -> MutexGuard<'static, Spark> {
    static SPARK: LazyLock<Mutex<Spark>> = LazyLock::new(|| Mutex::new(Spark::start("UTC")));
    SPARK.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spark {
    /// In a JVM with this zone.
    pub(crate) fn start(zone: &str) -> Self {
        let log = tempfile::tempfile().unwrap();
        let mut command = python(include_str!("spark.py"));
        let mut child = command
            .args([Version::Hive3.uri(), cluster().hdfs_url(), zone])
            .envs(cluster().envs())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {command:?} (set RFM_PYTHON): {e}"));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output, log }
    }

    /// The rows, or what Spark said.
    pub(crate) fn query(&mut self, reader: Reader, sql: &str) -> Result<Vec<Row>, String> {
        let query = serde_json::to_string(&(reader == Reader::Own, sql)).unwrap();
        let mut answer = String::new();
        let asked = writeln!(self.input, "{query}");
        if asked.and_then(|()| self.output.read_line(&mut answer)).is_err() || answer.is_empty() {
            let ended = self.child.wait();
            let mut log = String::new();
            self.log.rewind().unwrap();
            self.log.read_to_string(&mut log).unwrap();
            panic!("Spark ended ({ended:?}):\n{log}");
        }
        let answer: (Option<Vec<Row>>, Option<String>) = serde_json::from_str(&answer).unwrap();
        answer.0.ok_or(answer.1.unwrap_or_default())
    }

    pub(crate) fn rows(&mut self, reader: Reader, sql: &str) -> Vec<Row> {
        self.query(reader, sql)
            .unwrap_or_else(|problem| panic!("{reader:?} reader, {sql}: {problem}"))
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        // Its Java process sees that it is gone, and ends too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
