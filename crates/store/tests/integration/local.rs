//! What holds for the local disk alone.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use store::{Location, StoreErrorKind, Stores};

#[test]
fn relative_paths_are_of_the_working_directory() {
    let here = std::env::current_dir().unwrap();
    let location = Stores::local().locate("no/such").unwrap();
    assert_eq!(location.to_string(), "no/such");
    assert_eq!(location.uri(), format!("file:{}/no/such", here.display()));
    assert_eq!(location, Location::local(here.join("no/such")));
    assert_eq!(location.stat().unwrap(), None);
}

#[test]
fn a_folder_that_may_not_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let location = Location::local(closed.join("file"));
    match location.write(b"") {
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::PermissionDenied, "{error}"),
        // The superuser may.
        Ok(()) => assert_eq!(std::fs::read(closed.join("file")).unwrap(), b""),
    }
}

#[test]
fn links_are_followed_and_those_to_nothing_are_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let at = Location::local(dir.path());
    at.join("file").write(b"text").unwrap();
    symlink("file", dir.path().join("link")).unwrap();
    symlink("nothing", dir.path().join("dangling")).unwrap();
    let names: Vec<_> =
        at.list().unwrap().into_iter().map(|e| (e.name, e.is_file, e.size)).collect();
    assert_eq!(names, [("file".to_owned(), true, 4), ("link".to_owned(), true, 4)]);
    assert_eq!(at.join("dangling").stat().unwrap(), None);
    assert_eq!(at.join("link").read().unwrap().unwrap(), b"text");
}

#[test]
fn a_tree_is_removed_without_following_links() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(other.path().join("file"), "").unwrap();
    let at = Location::local(dir.path()).join("tree");
    at.create_dir_all().unwrap();
    symlink(other.path(), dir.path().join("tree/link")).unwrap();
    at.remove_tree().unwrap();
    assert!(other.path().join("file").exists());
}

/// What this thread had to have the disk read until now, in bytes.
fn read_from_disk() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap().parse().unwrap()
}

#[test]
fn a_large_file_that_nobody_reads_soon_does_not_stay_in_memory() {
    // On a disk: in memory alone nothing can leave it.
    let beside_test = std::env::current_exe().unwrap();
    let dir = tempfile::tempdir_in(beside_test.parent().unwrap()).unwrap();
    let megabyte: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    // Writes a file, reads it, and gives the megabytes of it that were in memory.
    let write = |name: &str, megabytes: u64, behind: bool| {
        let mut writer = Location::local(dir.path().join(name)).create().unwrap();
        if behind {
            writer.drop_behind();
        }
        for _ in 0..megabytes {
            writer.write_all(&megabyte).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), megabytes << 20);
        let before = read_from_disk();
        let content = std::fs::read(dir.path().join(name)).unwrap();
        let from_disk = (read_from_disk() - before) >> 20;
        assert!(content.chunks(1 << 20).all(|chunk| chunk == megabyte), "{name}");
        megabytes.saturating_sub(from_disk)
    };
    // What a quick disk has while it is asked to begin leaves memory too, so one of several.
    assert!((0..5).any(|attempt| write(&format!("kept-{attempt}"), 192, false) > 160));
    // A test beside this one may take memory away.
    assert!(write("small", 60, true) > 40);
    assert!(write("dropped", 192, true) < 32);
}
