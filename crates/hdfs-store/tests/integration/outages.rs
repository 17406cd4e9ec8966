//! Daemons that stop while files are read and written.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hadoop_conf::HadoopConf;
use store::{Location, StoreError, StoreErrorKind};
use test_cluster::{Cluster, Daemon, Part};

use crate::helper::{hdfs, stores, text};

/// A cluster for the tests of this module, one at a time. It ends with the process.
struct Private(MutexGuard<'static, Option<Cluster>>);

impl Private {
    fn get() -> Self {
        static CLUSTER: Mutex<Option<Cluster>> = Mutex::new(None);
        let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
        cluster.get_or_insert_with(|| Cluster::private(&[Part::Hdfs]));
        Self(cluster)
    }

    fn cluster(&self) -> &Cluster {
        self.0.as_ref().unwrap()
    }

    /// A file of the cluster, for a client that waits for nothing longer than two seconds.
    fn file(&self, name: &str) -> Location {
        let settings =
            [("ipc.client.rpc-timeout.ms", "2000"), ("dfs.client.socket-timeout", "2000")];
        stores(self.cluster(), &settings).locate(&format!("/outages/{name}")).unwrap()
    }
}

/// The error is of the kind that may go away, names the file, and does not take long.
fn is_unavailable<T>(file: &Location, within: u64, op: impl FnOnce() -> Result<T, StoreError>) {
    let start = Instant::now();
    let Err(error) = op() else { panic!("{file}: an error was expected") };
    let text = text(&error);
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{text}");
    assert!(error.is_retryable() && text.contains(&file.uri()), "{text}");
    assert!(text.contains("NameNode localhost:"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(within), "{:?}: {text}", start.elapsed());
}

fn write_all(mut writer: Box<dyn store::FileWriter>, bytes: &[u8]) -> Result<u64, StoreError> {
    let written = writer.write_all(bytes).map_err(|error| StoreError::from_io("", "", error));
    written.and_then(|()| writer.finish())
}

/// Waits until `op` succeeds: a daemon that is up may not have told the other one yet.
fn until_ok<T>(op: impl Fn() -> Result<T, StoreError>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match op() {
            Ok(value) => return value,
            Err(error) if Instant::now() > deadline => panic!("{}", text(&error)),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

#[test]
fn safe_mode() {
    let private = Private::get();
    let file = private.file("safe-mode");
    file.write(b"text").unwrap();
    hdfs(private.cluster(), &["dfsadmin", "-safemode", "enter"]);
    let other = private.file("safe-mode-2");
    is_unavailable(&other, 5, || other.write(b""));
    is_unavailable(&other, 5, || other.create_dir());
    is_unavailable(&other, 5, || other.create_dir_all());
    is_unavailable(&file, 5, || file.remove_file());
    is_unavailable(&file, 5, || file.touch());
    assert_eq!(file.read().unwrap().unwrap(), b"text");
    hdfs(private.cluster(), &["dfsadmin", "-safemode", "leave"]);
    other.write(b"text").unwrap();
}

#[test]
fn the_namenode_goes_and_comes_back() {
    let private = Private::get();
    let file = private.file("namenode");
    file.write(&vec![7; 9 << 20]).unwrap();
    let open = file.open().unwrap();
    open.read_exact_at(&mut [0; 1000], 0).unwrap();

    private.cluster().pause(Daemon::NameNode);
    is_unavailable(&file, 10, || file.stat());
    private.cluster().resume(Daemon::NameNode);
    until_ok(|| file.stat());

    let writer = private.file("namenode-2").create().unwrap();
    private.cluster().stop(Daemon::NameNode);
    is_unavailable(&file, 5, || file.stat());
    is_unavailable(&file, 5, || file.list());
    is_unavailable(&file, 5, || file.open());
    is_unavailable(&file, 5, || file.touch());
    // A file that is open needs no NameNode.
    let mut buf = vec![0; 1 << 20];
    open.read_exact_at(&mut buf, 8 << 20).unwrap();
    assert!(buf.iter().all(|byte| *byte == 7));
    // One that is written does.
    is_unavailable(&private.file("namenode-2"), 20, || write_all(writer, &[1; 1 << 20]));
    private.cluster().start(Daemon::NameNode);
    until_ok(|| file.stat());
    until_ok(|| private.file("namenode-3").write(b"text"));
    assert_eq!(file.read().unwrap().unwrap().len(), 9 << 20);
}

#[test]
fn the_datanode_goes_and_comes_back() {
    let private = Private::get();
    let (file, other) = (private.file("datanode"), private.file("datanode-2"));
    file.write(&vec![7; 30 << 20]).unwrap();
    let open = file.open().unwrap();
    let read = |offset: u64| {
        let mut buf = vec![0; 1 << 20];
        open.read_exact_at(&mut buf, offset).map(|()| assert!(buf.iter().all(|b| *b == 7)))
    };
    read(0).unwrap();
    let mut writer = other.create().unwrap();
    writer.write_all(&vec![1; 5 << 20]).unwrap();

    // It accepts connections and says nothing.
    private.cluster().pause(Daemon::DataNode);
    is_unavailable(&file, 20, || read(10 << 20));
    private.cluster().resume(Daemon::DataNode);
    until_ok(|| read(10 << 20));

    private.cluster().stop(Daemon::DataNode);
    is_unavailable(&file, 20, || read(20 << 20));
    is_unavailable(&file, 20, || file.read());
    is_unavailable(&other, 30, || write_all(writer, &vec![1; 30 << 20]));
    let third = private.file("datanode-3");
    is_unavailable(&third, 20, || third.write(&[1; 1 << 20]));
    // The writers cleaned up.
    assert_eq!((other.stat().unwrap(), third.stat().unwrap()), (None, None));

    private.cluster().start(Daemon::DataNode);
    until_ok(|| read(20 << 20));
    until_ok(|| third.write(b"text"));
    assert_eq!(third.read().unwrap().unwrap(), b"text");
}

#[test]
fn damaged_bytes_are_never_given_out() {
    let private = Private::get();
    let file = private.file("damaged");
    let expected: Vec<u8> = (0..5_000_011_u32).map(|i| (i / 1000) as u8).collect();
    file.write(&expected).unwrap();
    let conf = HadoopConf::from_dirs(Some(private.cluster().hadoop_conf_dir()), None).unwrap();
    let data = conf.get("dfs.datanode.data.dir").unwrap();
    let block = file_of_size(Path::new(data.trim_start_matches("file://")), 5_000_011).unwrap();
    let mut bytes = std::fs::read(&block).unwrap();
    bytes[3_000_000] ^= 1;
    std::fs::write(&block, bytes).unwrap();

    is_unavailable(&file, 20, || file.read());
    let open = file.open().unwrap();
    for piece in (0..4_500_000).step_by(500_000) {
        let mut buf = vec![0; 500_000];
        match open.read_exact_at(&mut buf, piece as u64) {
            Ok(()) => assert!(piece != 3_000_000 && buf == expected[piece..piece + 500_000]),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", text(&error)),
        }
    }
}

/// One that has this size, in the folder or below.
fn file_of_size(folder: &Path, size: u64) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            if let Some(found) = file_of_size(&entry.path(), size) {
                return Some(found);
            }
        } else if metadata.len() == size {
            return Some(entry.path());
        }
    }
    None
}
