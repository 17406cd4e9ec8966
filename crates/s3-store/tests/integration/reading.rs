//! Files that change or break off while they are read.

use std::io::Read as _;

use store::StoreErrorKind;

use crate::helper::{again, bytes, location};
use crate::server::server;

const LARGE: usize = 3 << 20;

#[test]
fn a_file_that_is_replaced_is_not_mixed_with_the_new_one() {
    let at = location();
    at.write(&vec![1; LARGE]).unwrap();
    let file = at.open().unwrap();
    let other = again(&at);
    let new = other.parent().unwrap().join("new");
    new.write(&vec![2; LARGE]).unwrap();
    new.replace(&other).unwrap();
    let mut buf = vec![0; LARGE];
    // Its beginning was read when it was opened.
    file.read_exact_at(&mut buf[..100_000], 0).unwrap();
    assert!(buf[..100_000].iter().all(|byte| *byte == 1));
    let error = file.read_exact_at(&mut buf, 0).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Truncated);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("another object has been put in its place"), "{source}");
    assert_eq!(error.place(), format!("{at} at byte 0"));
    at.remove_file().unwrap();
    let error = file.read_exact_at(&mut buf, 0).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}

#[test]
fn a_small_file_is_what_it_was_when_it_was_opened() {
    let at = location();
    at.write(b"old").unwrap();
    let file = at.open().unwrap();
    let new = at.parent().unwrap().join("new");
    new.write(b"new text").unwrap();
    new.replace(&at).unwrap();
    let mut buf = [0; 3];
    file.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"old");
}

#[test]
fn answers_that_break_off_are_asked_for_again() {
    let at = location();
    at.write(&bytes(LARGE)).unwrap();
    server().on("GET", at.path(), "cut");
    let mut reader = at.reader().unwrap();
    for _ in 0..2 {
        server().on("GET", at.path(), "cut");
    }
    server().on("GET", at.path(), "slow down");
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == bytes(LARGE));
    server().check(at.path());
}
