//! What HDFS refuses, as the kind of error that it is.

use std::io::Write as _;
use std::process::Command;

use hdfs_store::HdfsStores;
use store::{StoreError, StoreErrorKind, Stores};

use crate::helper::{cluster, hdfs, new_folder, text};

#[test]
fn a_quota_of_space() {
    let folder = new_folder();
    hdfs(cluster(), &["dfsadmin", "-setSpaceQuota", "1m", folder.path()]);
    let file = folder.join("file");
    let mut writer = file.create().unwrap();
    // The first block would be larger than the quota.
    let written = writer.write_all(&vec![1; 3 << 20]).map_err(|e| StoreError::from_io("", "", e));
    let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{}", text(&error));
    assert!(text(&error).contains(&file.uri()), "{}", text(&error));
    assert_eq!(file.stat().unwrap(), None);
}

#[test]
fn a_quota_of_names() {
    let folder = new_folder();
    hdfs(cluster(), &["dfsadmin", "-setQuota", "2", folder.path()]);
    folder.join("1").write(b"").unwrap();
    for error in
        [folder.join("2").write(b"").unwrap_err(), folder.join("3").create_dir().unwrap_err()]
    {
        assert_eq!(error.kind(), StoreErrorKind::Full, "{}", text(&error));
    }
    // Its name has to come from somewhere too.
    assert_eq!(folder.list().unwrap().len(), 1);
}

#[test]
fn a_user_without_permission() {
    const FOLDER: &str = "RFM_TEST_FORBIDDEN_FOLDER";
    // The client takes the user from the process's environment.
    if let Ok(folder) = std::env::var(FOLDER) {
        let stores = Stores::local().with(HdfsStores::from_env().unwrap());
        let folder = stores.locate(&folder).unwrap();
        for error in [
            folder.join("new").write(b"").unwrap_err(),
            folder.join("new").create_dir().unwrap_err(),
            folder.join("file").rename(&folder.join("renamed")).unwrap_err(),
            folder.join("file").remove_file().unwrap_err(),
            folder.join("file").touch().unwrap_err(),
            folder.join("secret/file").open().unwrap_err(),
            folder.join("secret").list().unwrap_err(),
            folder.join("secret/file").stat().unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::PermissionDenied, "{}", text(&error));
            assert!(text(&error).contains("user=somebody"), "{}", text(&error));
            assert!(text(&error).contains(&folder.uri()), "{}", text(&error));
        }
        assert_eq!(folder.join("file").read().unwrap().unwrap(), b"text");
        return;
    }
    let folder = new_folder();
    folder.join("file").write(b"text").unwrap();
    folder.join("secret/file").write(b"text").unwrap();
    hdfs(cluster(), &["dfs", "-chmod", "700", folder.join("secret").path()]);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "refusals::a_user_without_permission", "--nocapture"])
        .env(FOLDER, folder.uri())
        .env("HADOOP_CONF_DIR", cluster().hadoop_conf_dir())
        .env("HADOOP_USER_NAME", "somebody")
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
fn a_name_that_hdfs_does_not_take() {
    let error = new_folder().join("12:30").write(b"").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Address, "{}", text(&error));
    assert!(text(&error).contains("12:30"), "{}", text(&error));
}

#[test]
fn a_file_that_became_shorter_is_not_mixed_up() {
    let file = new_folder().join("file");
    file.write(&vec![1; 9 << 20]).unwrap();
    let open = file.open().unwrap();
    file.remove_file().unwrap();
    file.write(b"short").unwrap();
    // The old blocks may be there for a moment, but the new file's bytes are never given out for them.
    let mut buf = vec![0; 1 << 20];
    match open.read_exact_at(&mut buf, 8 << 20) {
        Ok(()) => assert!(buf.iter().all(|byte| *byte == 1)),
        Err(error) => {
            assert!(
                matches!(error.kind(), StoreErrorKind::Truncated | StoreErrorKind::Unavailable),
                "{}",
                text(&error)
            );
        }
    }
}
