//! Files that Hadoop's own client writes and reads, and what it shows of them.

use store::{Location, Stores};

use crate::helper::{cluster, hdfs, new_folder, stores};

fn lines(length: usize) -> String {
    (0..length / 10).map(|line| format!("line {line:4}\n")).collect()
}

#[test]
fn hadoops_client_reads_what_this_one_writes() {
    let file = new_folder().join("a folder/käse=1%.txt");
    let expected = lines(300_000);
    file.write(expected.as_bytes()).unwrap();
    assert!(hdfs(cluster(), &["dfs", "-cat", file.path()]) == expected);
    // Permissions by the usual umask, of the file and of the folder that was made for it.
    for (path, expected) in [(file.path(), "644"), (file.parent().unwrap().path(), "755")] {
        assert_eq!(hdfs(cluster(), &["dfs", "-stat", "%a", path]).trim(), expected, "{path}");
    }
}

#[test]
fn this_client_reads_what_hadoops_one_writes() {
    let folder = new_folder();
    let dir = tempfile::tempdir().unwrap();
    let local = Location::local(dir.path().join("local.txt"));
    let expected = lines(5_000_000);
    local.write(expected.as_bytes()).unwrap();
    // Several blocks, so that a chunk of the reader ends with one and begins another.
    hdfs(cluster(), &["dfs", "-Ddfs.blocksize=1048576", "-put", local.path(), folder.path()]);
    assert!(folder.join("local.txt").read().unwrap().unwrap() == expected.as_bytes());
}

#[test]
fn settings_of_files_that_are_written() {
    let folder = new_folder();
    let settings =
        [("fs.permissions.umask-mode", "077"), ("dfs.blocksize", "2m"), ("dfs.replication", "2")];
    let file = stores(cluster(), &settings).locate(&folder.join("d/file").uri()).unwrap();
    file.write(lines(5_000_000).as_bytes()).unwrap();
    file.parent().unwrap().join("e").create_dir().unwrap();
    let shown = hdfs(cluster(), &["dfs", "-stat", "%a %o %r", file.path()]);
    assert_eq!(shown.trim(), "600 2097152 2");
    let shown = hdfs(cluster(), &["dfs", "-stat", "%a", file.parent().unwrap().join("e").path()]);
    assert_eq!(shown.trim(), "700");
    assert!(file.read().unwrap().unwrap() == lines(5_000_000).as_bytes());
}

#[test]
fn a_caller_may_be_in_an_asynchronous_runtime() {
    let file = new_folder().join("file");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        file.write(b"text").unwrap();
        assert_eq!(file.read().unwrap().unwrap(), b"text");
        // Dropped without being finished.
        file.parent().unwrap().join("other").create().unwrap();
    });
    assert_eq!(file.parent().unwrap().list().unwrap().len(), 1);
}

#[test]
fn bare_paths_are_of_the_configured_file_system() {
    let stores: Stores = stores(cluster(), &[]);
    let home = stores.locate("some/file").unwrap();
    assert_eq!(
        home.uri(),
        format!("{}/user/{}/some/file", cluster().hdfs_url(), whoami::username())
    );
    for text in ["/a/b", "hdfs:/a/b", "hdfs:///a/b"] {
        assert_eq!(stores.locate(text).unwrap().uri(), format!("{}/a/b", cluster().hdfs_url()));
    }
}
