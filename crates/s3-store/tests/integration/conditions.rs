//! Of several who do the same at the same time one does it, also when answers get lost.

use store::{Location, StoreErrorKind};

use crate::helper::{again, bytes, key, keys, location, put, stores};
use crate::server::server;

/// A file of more than one part.
const LARGE: usize = 9 << 20;

/// What comes of it when this many processes do something at the same time.
fn at_once<T: Send>(
    at: &Location,
    processes: usize,
    act: impl Fn(Location, usize) -> T + Sync,
) -> Vec<T> {
    let barrier = std::sync::Barrier::new(processes);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..processes)
            .map(|number| {
                let (barrier, act) = (&barrier, &act);
                scope.spawn(move || {
                    // With a connection of its own.
                    let at = again(at);
                    barrier.wait();
                    act(at, number)
                })
            })
            .collect();
        running.into_iter().map(|process| process.join().unwrap()).collect()
    })
}

#[test]
fn one_of_several_processes_creates_a_file() {
    for length in [1, LARGE] {
        let at = location();
        let won = at_once(&at, 3, |at, number| match at.write(&vec![number as u8; length]) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
                false
            }
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won.iter().position(|won| *won).unwrap();
        assert!(at.read().unwrap().unwrap() == vec![winner as u8; length]);
    }
}

/// The writer that was there first is not the one that counts.
#[test]
fn who_finishes_first_has_created_it() {
    for length in [1, LARGE] {
        let at = location();
        let mut slow = at.create().unwrap();
        std::io::Write::write_all(&mut slow, &vec![1; length]).unwrap();
        again(&at).write(b"quick").unwrap();
        let error = slow.finish().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists);
        let expected = format!("cannot create '{at}': it exists already and is never overwritten");
        assert_eq!(error.to_string(), expected);
        assert_eq!(at.read().unwrap().unwrap(), b"quick");
    }
}

#[test]
fn an_answer_that_is_lost_is_no_failure() {
    let at = location();
    let file = at.join("file");
    at.create_dir_all().unwrap();
    server().on("PUT", file.path(), "lose");
    file.write(b"text").unwrap();

    let large = at.join("large");
    server().on("COMPLETE", large.path(), "lose");
    large.write(&bytes(LARGE)).unwrap();
    assert!(large.read().unwrap().unwrap() == bytes(LARGE));

    let folder = at.join("folder");
    server().on("PUT", &format!("{}/", folder.path()), "lose");
    folder.create_dir().unwrap();

    let to = at.join("to");
    server().on("PUT", to.path(), "lose");
    server().on("DELETE", file.path(), "lose");
    file.rename(&to).unwrap();
    assert_eq!(to.read().unwrap().unwrap(), b"text");
    assert_eq!(keys(key(&at)).len(), 4, "{:?}", keys(key(&at)));
    for path in [&file, &large, &to] {
        server().check(path.path());
    }
}

/// Of those whose first try got lost, too: the object that is there is another one's.
#[test]
fn somebody_else_was_quicker() {
    let file = location();
    server().on("PUT", file.path(), "first other");
    assert_eq!(file.write(b"text").unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(file.read().unwrap().unwrap(), b"other");
    let large = location();
    server().on("COMPLETE", large.path(), "first other");
    let error = large.write(&bytes(LARGE)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(large.read().unwrap().unwrap(), b"other");
}

/// S3 says so when two requests with conditions come at the same moment.
#[test]
fn a_conflict_is_tried_again() {
    let file = location();
    for _ in 0..3 {
        server().on("PUT", file.path(), "conflict");
    }
    file.write(b"text").unwrap();
    server().check(file.path());
    server().on("DELETE", file.path(), "conflict");
    assert!(file.remove_file().unwrap());
    for _ in 0..6 {
        server().on("PUT", file.path(), "conflict");
    }
    let error = file.write(b"text").unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server().check(file.path());
}

/// The place of a source that was renamed belongs to whoever comes next.
#[test]
fn a_rename_spares_what_has_come_in_the_place_of_its_source() {
    for is_replaced in [false, true] {
        let (from, to) = (location(), location());
        from.write(b"old").unwrap();
        server().on("DELETE", from.path(), "first new");
        if is_replaced {
            from.replace(&to).unwrap()
        } else {
            from.rename(&to).unwrap()
        }
        assert_eq!(to.read().unwrap().unwrap(), b"old");
        assert_eq!(from.read().unwrap().unwrap(), b"new");
    }
}

#[test]
fn a_touch_brings_nothing_back() {
    let at = location();
    at.write(b"old").unwrap();
    server().on("PUT", at.path(), "first new");
    at.touch().unwrap();
    assert_eq!(at.read().unwrap().unwrap(), b"new");
    let large = location();
    large.write(&bytes(LARGE)).unwrap();
    server().on("COMPLETE", large.path(), "first new");
    large.touch().unwrap();
    assert_eq!(large.read().unwrap().unwrap(), b"new");
    at.remove_file().unwrap();
    assert_eq!(at.touch().unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[test]
fn large_files_are_renamed_and_touched_too() {
    let (from, to) = (location(), location());
    from.write(&bytes(LARGE)).unwrap();
    from.rename(&to).unwrap();
    assert_eq!(from.stat().unwrap(), None);
    to.touch().unwrap();
    to.replace(&from).unwrap();
    assert_eq!(to.stat().unwrap(), None);
    assert!(from.read().unwrap().unwrap() == bytes(LARGE));
    to.write(b"").unwrap();
    assert_eq!(from.rename(&to).unwrap_err().kind(), StoreErrorKind::AlreadyExists);
}

/// An older server may not know the condition of a removal.
#[test]
fn a_removal_without_conditions() {
    let (from, to) = (location(), location());
    from.write(b"text").unwrap();
    server().on("DELETE", from.path(), "unknown");
    from.rename(&to).unwrap();
    assert_eq!(from.stat().unwrap(), None);
}

/// Two runs would believe that they are alone.
#[test]
fn a_server_that_passes_over_conditions_is_refused() {
    let at = stores().locate("s3://deaf/warehouse/file").unwrap();
    let error = at.write(b"text").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Address, "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("this server passes over If-None-Match"), "{source}");
    assert_eq!(at.read().unwrap(), None);
    // Reading does not depend on it.
    put("read-only", b"text");
    assert_eq!(stores().locate("s3://shop/read-only").unwrap().read().unwrap().unwrap(), b"text");
}
