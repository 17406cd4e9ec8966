//! Folders, of which S3 has none, and the signs that others leave of theirs.

use store::StoreErrorKind;

use crate::helper::{again, key, keys, location, put, stores};

#[test]
fn folders_have_markers_as_those_of_s3a() {
    let at = location();
    at.join("a/b/file").write(b"").unwrap();
    at.join("c").create_dir().unwrap();
    let expected = ["", "a/", "a/b/", "a/b/file", "c/"].map(|name| format!("{}/{name}", key(&at)));
    assert_eq!(keys(&format!("{}/", key(&at))), expected);
    // So a folder stays when it becomes empty.
    at.join("a/b/file").remove_file().unwrap();
    assert_eq!(again(&at).join("a/b").list().unwrap(), []);
}

#[test]
fn folders_of_others_may_have_none() {
    let at = location();
    put(&format!("{}/x/y/file.csv", key(&at)), b"text");
    assert!(at.join("x/y").stat().unwrap().unwrap().is_dir);
    assert_eq!(at.join("x").list().unwrap()[0].name, "y");
    assert_eq!(at.join("x/y").create_dir().unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    at.join("x").remove_tree().unwrap();
    assert_eq!(at.join("x").stat().unwrap(), None);
}

#[test]
fn the_markers_of_emrfs_are_no_files() {
    let at = location();
    at.join("day/file").write(b"").unwrap();
    put(&format!("{}/day_$folder$", key(&at)), b"");
    let names: Vec<_> = at.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["day"]);
}

#[test]
fn both_schemes_name_the_same_object() {
    let at = location();
    at.write(b"text").unwrap();
    let other = stores().locate(&at.uri().replace("s3://", "s3a://")).unwrap();
    assert_eq!(other.read().unwrap().unwrap(), b"text");
    // Hive gets what the user wrote.
    assert!(other.uri().starts_with("s3a://shop/case-"), "{}", other.uri());
    assert!(other.remove_file().unwrap());
    assert_eq!(at.stat().unwrap(), None);
}

#[test]
fn the_bucket_is_a_folder() {
    location().write(b"").unwrap();
    let bucket = stores().locate("s3a://shop").unwrap();
    assert!(bucket.stat().unwrap().unwrap().is_dir);
    assert!(bucket.list().unwrap().iter().any(|entry| entry.name.starts_with("case-")));
    bucket.create_dir_all().unwrap();
    assert_eq!(bucket.create_dir().unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(bucket.create().unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    assert!(bucket.open().is_err());
    assert!(bucket.remove_tree().is_err());
}

/// More than one page of them.
#[test]
fn a_large_tree_is_removed() {
    let at = location();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let at = &at;
            scope.spawn(move || {
                for number in 0..275 {
                    at.join(&format!("{thread}/{number}")).write(b"").unwrap();
                }
            });
        }
    });
    at.remove_tree().unwrap();
    assert_eq!(keys(key(&at)), [""; 0]);
}
