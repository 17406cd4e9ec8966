//! Folders.

use super::{at_once, kind, names};
use crate::{Location, StoreErrorKind};

/// By name as bytes, hidden ones too.
pub fn list_is_sorted(at: &Location) {
    for name in ["b", "a", "_SUCCESS", "B", ".hidden", "a0", "a.b", "ä", "10", "9"] {
        at.join(name).write(name.as_bytes()).unwrap();
    }
    at.join("folder/file").write(b"").unwrap();
    assert_eq!(
        names(at),
        [".hidden", "10", "9", "B", "_SUCCESS", "a", "a.b", "a0", "b", "folder", "ä"]
    );
    for entry in at.list().unwrap() {
        let is_folder = entry.name == "folder";
        assert_eq!((entry.is_dir, entry.is_file), (is_folder, !is_folder), "{entry:?}");
        assert_eq!(entry.size, if is_folder { 0 } else { entry.name.len() as u64 }, "{entry:?}");
        assert_eq!(at.join(&entry.name).stat().unwrap().unwrap(), entry);
    }
}

/// A missing folder is told from a file.
pub fn list_of_what_is_no_folder(at: &Location) {
    assert_eq!(kind(at.list(), at), StoreErrorKind::NotFound);
    assert_eq!(at.list_if_exists().unwrap(), []);
    at.write(b"").unwrap();
    assert_ne!(kind(at.list(), at), StoreErrorKind::NotFound);
    assert!(at.list_if_exists().is_err());
}

/// More than a server gives at a time.
pub fn many_entries(at: &Location) {
    at_once(4, |thread| {
        for n in 0..550 {
            at.join(&format!("{:04}", n * 4 + thread)).create_dir_all().unwrap();
        }
    });
    let expected: Vec<_> = (0..2200).map(|n| format!("{n:04}")).collect();
    assert_eq!(names(at), expected);
}

/// The folders above a file or folder are made.
pub fn deep_folders(at: &Location) {
    let deep = "d/".repeat(40);
    at.join(&deep).join("file").write(b"text").unwrap();
    assert_eq!(at.join(&deep).join("file").read().unwrap().unwrap(), b"text");
    at.join(&deep).join("x/y/z").create_dir_all().unwrap();
    at.join(&deep).join("x/y/z").create_dir_all().unwrap();
    assert_eq!(names(&at.join(&deep)), ["file", "x"]);
}

/// Unlike [`Location::create_dir_all`], it fails if something is there, and leaves nothing else behind.
pub fn create_dir_is_exclusive(at: &Location) {
    let folder = at.join("a/b/c");
    folder.create_dir().unwrap();
    assert!(folder.stat().unwrap().unwrap().is_dir);
    assert_eq!(kind(folder.create_dir(), &folder), StoreErrorKind::AlreadyExists);
    folder.join("file").write(b"").unwrap();
    assert_eq!(kind(folder.create_dir(), &folder), StoreErrorKind::AlreadyExists);
    let file = folder.join("file");
    assert_eq!(kind(file.create_dir(), &file), StoreErrorKind::AlreadyExists);
    assert_eq!(names(&at.join("a/b")), ["c"]);
    assert_eq!(names(&folder), ["file"]);
}

/// Of those who create a folder at the same moment, one does.
pub fn create_dir_races(at: &Location) {
    for round in 0..5 {
        let folder = at.join(&round.to_string());
        let won = at_once(4, |_| match folder.create_dir() {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
                false
            }
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        assert_eq!(names(&folder), [""; 0]);
    }
    assert_eq!(names(at), ["0", "1", "2", "3", "4"]);
}

/// Nothing is below a file, and nothing can be put there.
pub fn file_where_a_folder_is_expected(at: &Location) {
    at.write(b"text").unwrap();
    let below = at.join("below");
    assert_eq!(below.stat().unwrap(), None);
    assert!(below.write(b"").is_err());
    assert!(below.create_dir().is_err());
    assert!(below.create_dir_all().is_err());
    assert!(at.create_dir_all().is_err());
    assert!(below.open().is_err());
    assert!(at.rename(&below).is_err());
    assert_eq!(at.read().unwrap().unwrap(), b"text");
}

/// A folder cannot be read, and is not taken for a missing file.
pub fn folder_where_a_file_is_expected(at: &Location) {
    at.create_dir_all().unwrap();
    assert_ne!(kind(at.open(), at), StoreErrorKind::NotFound);
    assert!(at.read().is_err());
    assert_eq!(at.stat().unwrap().unwrap().size, 0);
}

/// All that is in it; a file; nothing at all.
pub fn remove_tree(at: &Location) {
    at.join("a/b/file").write(b"").unwrap();
    at.join("file").write(b"").unwrap();
    at.join("file").remove_tree().unwrap();
    assert_eq!(names(at), ["a"]);
    at.remove_tree().unwrap();
    assert_eq!(at.stat().unwrap(), None);
    at.remove_tree().unwrap();
    at.join("below").remove_tree().unwrap();
}
