//! What holds for the local disk alone.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

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

/// Pages of a file that are in memory, of those asked for: one every 4 MiB.
fn pages_in_memory(path: &Path) -> Vec<bool> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let asked = (0..size).step_by(4 << 20);
    asked
        .map(|offset| {
            let mut page = [0; 4096];
            let to = &mut [IoSliceMut::new(&mut page)];
            // Reads only what is there without waiting for the disk.
            match preadv2(&file, to, offset, ReadWriteFlags::NOWAIT) {
                Err(Errno::AGAIN) => false,
                read => read.unwrap() > 0,
            }
        })
        .collect()
}

#[test]
fn a_large_file_that_nobody_reads_soon_does_not_stay_in_memory() {
    // On a disk: in memory alone nothing can leave it.
    let beside_test = std::env::current_exe().unwrap();
    let dir = tempfile::tempdir_in(beside_test.parent().unwrap()).unwrap();
    let megabyte: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    let write = |name: &str, megabytes: usize, behind: bool| {
        let mut writer = Location::local(dir.path().join(name)).create().unwrap();
        if behind {
            writer.drop_behind();
        }
        for _ in 0..megabytes {
            writer.write_all(&megabyte).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), (megabytes as u64) << 20);
        let path = dir.path().join(name);
        let in_memory = pages_in_memory(&path);
        let content = std::fs::read(path).unwrap();
        assert!(content.chunks(1 << 20).all(|chunk| chunk == megabyte), "{name}");
        in_memory.iter().filter(|&&page| page).count()
    };
    // Of 48, and of 15; a test beside this one may take memory away.
    assert!(write("kept", 192, false) > 40);
    assert!(write("small", 60, true) > 10);
    assert!(write("dropped", 192, true) < 8);
}
