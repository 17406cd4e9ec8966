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
