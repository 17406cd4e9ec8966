//! Files.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::{at_once, bytes, kind, names};
use crate::{Location, StoreErrorKind};

/// What was written is there when it is finished, whole and under its name.
pub fn write_and_read_back(at: &Location) {
    let file = at.join("new/folder/file");
    let expected = bytes(3 << 20);
    let mut writer = file.create().unwrap();
    for piece in expected.chunks(100_003) {
        writer.write_all(piece).unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(writer.finish().unwrap(), expected.len() as u64);

    assert!(file.read().unwrap().unwrap() == expected);
    let mut read = Vec::new();
    file.reader().unwrap().read_to_end(&mut read).unwrap();
    assert!(read == expected);
    let entry = file.stat().unwrap().unwrap();
    assert_eq!((&*entry.name, entry.size), ("file", expected.len() as u64));
    assert!(entry.is_file && !entry.is_dir);
    let age = SystemTime::now().duration_since(entry.modified).unwrap_or_default();
    assert!(age < Duration::from_secs(60), "{age:?}");
}

/// A file that is completed at once, and made durable by somebody else.
pub fn synced_later(at: &Location) {
    let mut writer = at.create().unwrap();
    writer.write_all(b"text").unwrap();
    assert_eq!(writer.finish_unsynced().unwrap(), 4);
    assert_eq!(at.read().unwrap().unwrap(), b"text");
    at.sync().unwrap();
    assert_eq!(at.read().unwrap().unwrap(), b"text");
}

/// A file may have no bytes.
pub fn empty_file(at: &Location) {
    at.write(b"").unwrap();
    assert_eq!(at.stat().unwrap().unwrap().size, 0);
    assert_eq!(at.read().unwrap().unwrap(), b"");
    let file = at.open().unwrap();
    file.read_exact_at(&mut [], 0).unwrap();
    assert_eq!(kind(file.read_exact_at(&mut [0], 0), at), StoreErrorKind::Truncated);
}

/// Threads take turns in reading blocks, of a size that fits nothing.
pub fn ranges_by_several_threads(at: &Location) {
    const BLOCK: usize = 300_007;
    let expected = bytes(20 << 20);
    at.write(&expected).unwrap();
    let file = at.open().unwrap();
    assert_eq!(file.size(), expected.len() as u64);
    let next = AtomicUsize::new(0);
    at_once(4, |_| {
        let mut buf = vec![0; BLOCK + 1];
        loop {
            let from = next.fetch_add(BLOCK, Ordering::Relaxed);
            if from >= expected.len() {
                break;
            }
            // Each block with the byte before it.
            let from = from.saturating_sub(1);
            let length = (BLOCK + 1).min(expected.len() - from);
            file.read_exact_at(&mut buf[..length], from as u64).unwrap();
            assert!(buf[..length] == expected[from..from + length], "at {from}");
        }
    });
    let end = expected.len() as u64;
    for (offset, length) in
        [(end, 1), (end - 5, 6), (end + 1, 1), (0, expected.len() + 1), (u64::MAX, 1)]
    {
        let result = file.read_exact_at(&mut vec![0; length], offset);
        assert_eq!(kind(result, at), StoreErrorKind::Truncated, "{offset} {length}");
    }
    file.read_exact_at(&mut [0; 5], end - 5).unwrap();
}

/// As a reader of a columnar file does: the end, then pieces of any size, also large ones.
pub fn reads_here_and_there(at: &Location) {
    let expected = bytes(11 << 20);
    at.write(&expected).unwrap();
    let file = at.open().unwrap();
    let end = expected.len();
    let pieces =
        [(end - 8, 8), (end - 3000, 2992), (5, 1), (4 << 20, 4096), ((4 << 20) - 1, 2), (0, 65536)];
    let large = [(100, end - 200), (7 << 20, 3 << 20), (1, 1), (0, end)];
    for (from, length) in pieces.into_iter().chain(large) {
        let mut buf = vec![0; length];
        file.read_exact_at(&mut buf, from as u64).unwrap();
        assert!(buf == expected[from..from + length], "{from} {length}");
    }
}

/// Ranges of any size in any order, more than are asked for at the same time.
pub fn several_ranges(at: &Location) {
    let expected = bytes(9 << 20);
    at.write(&expected).unwrap();
    let file = at.open().unwrap();
    let end = expected.len() as u64;
    let mut ranges = vec![end - 8..end, 0..end, 5..5, 4 << 20..(4 << 20) + 1, end..end, 1..2];
    ranges.extend((0..40).map(|n| n * 200_000..n * 200_000 + n * 1_000));
    let found = file.read_ranges(&ranges).unwrap();
    assert_eq!(found.len(), ranges.len());
    for (range, found) in ranges.iter().zip(found) {
        assert!(found == expected[range.start as usize..range.end as usize], "{range:?}");
    }
    assert!(file.read_ranges(&[]).unwrap().is_empty());
    for bad in [end..end + 1, 0..u64::MAX, u64::MAX..u64::MAX] {
        let result = file.read_ranges(&[0..5, bad]);
        assert_eq!(kind(result, at), StoreErrorKind::Truncated);
    }
}

/// What is there stays as it is.
pub fn create_never_overwrites(at: &Location) {
    at.write(b"first").unwrap();
    assert_eq!(kind(at.create(), at), StoreErrorKind::AlreadyExists);
    assert_eq!(kind(at.write(b"second"), at), StoreErrorKind::AlreadyExists);
    assert_eq!(at.read().unwrap().unwrap(), b"first");
    let folder = at.parent().unwrap();
    assert_eq!(kind(folder.create(), &folder), StoreErrorKind::AlreadyExists);
}

/// Of those who create a file at the same moment, one does.
pub fn create_races(at: &Location) {
    for round in 0..5 {
        let file = at.join(&round.to_string());
        at.create_dir_all().unwrap();
        let won = at_once(4, |thread| match file.write(thread.to_string().as_bytes()) {
            Ok(()) => Some(thread),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
                None
            }
        });
        let won: Vec<_> = won.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(file.read().unwrap().unwrap(), won[0].to_string().as_bytes());
    }
}

/// A file that is not finished goes away, however much of it was written.
pub fn dropped_writer_leaves_nothing(at: &Location) {
    for length in [0, 10, 3 << 20] {
        let mut writer = at.create().unwrap();
        writer.write_all(&bytes(length)).unwrap();
        drop(writer);
        assert_eq!(at.stat().unwrap(), None, "{length}");
    }
    at.write(b"the name is free").unwrap();
}

/// What is not there is no error for some calls, and of its own kind for others.
pub fn missing_file(at: &Location) {
    assert_eq!(at.stat().unwrap(), None);
    assert_eq!(at.join("below").stat().unwrap(), None);
    assert_eq!(at.read().unwrap(), None);
    assert_eq!(kind(at.open(), at), StoreErrorKind::NotFound);
    assert_eq!(kind(at.touch(), at), StoreErrorKind::NotFound);
    let to = at.parent().unwrap().join("to");
    assert_eq!(at.rename(&to).unwrap_err().kind(), StoreErrorKind::NotFound);
    assert_eq!(at.replace(&to).unwrap_err().kind(), StoreErrorKind::NotFound);
    assert!(!at.remove_file().unwrap());
}

/// The old name is free afterwards.
pub fn rename_to_a_free_name(at: &Location) {
    let (from, to) = (at.join("from"), at.join("folder/to"));
    from.write(b"text").unwrap();
    to.parent().unwrap().create_dir_all().unwrap();
    from.rename(&to).unwrap();
    assert_eq!(from.stat().unwrap(), None);
    assert_eq!(to.read().unwrap().unwrap(), b"text");
}

/// Neither a file nor a folder, nor does a file move into a folder of that name.
pub fn rename_never_overwrites(at: &Location) {
    let (from, to, folder) = (at.join("from"), at.join("to"), at.join("folder"));
    from.write(b"from").unwrap();
    to.write(b"to").unwrap();
    folder.create_dir_all().unwrap();
    for to in [&to, &folder, &from] {
        assert_eq!(kind(from.rename(to), to), StoreErrorKind::AlreadyExists);
    }
    assert_eq!(from.read().unwrap().unwrap(), b"from");
    assert_eq!(to.read().unwrap().unwrap(), b"to");
    assert!(names(&folder).is_empty());
}

/// Of those who give their files the same name at the same moment, one does.
pub fn rename_races(at: &Location) {
    for round in 0..5 {
        let to = at.join(&format!("{round}-to"));
        let from = |thread: usize| at.join(&format!("{round}-{thread}"));
        for thread in 0..4 {
            from(thread).write(thread.to_string().as_bytes()).unwrap();
        }
        let won = at_once(4, |thread| match from(thread).rename(&to) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
                false
            }
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won.iter().position(|won| *won).unwrap();
        assert_eq!(to.read().unwrap().unwrap(), winner.to_string().as_bytes());
        for (thread, won) in won.iter().enumerate() {
            assert_eq!(from(thread).stat().unwrap().is_none(), *won);
        }
    }
}

/// Whether the target is there or not.
pub fn replace_overwrites(at: &Location) {
    let (from, to) = (at.join("from"), at.join("to"));
    for text in [b"1", b"2"] {
        from.write(text).unwrap();
        from.replace(&to).unwrap();
        assert_eq!(from.stat().unwrap(), None);
        assert_eq!(to.read().unwrap().unwrap(), text);
    }
    to.replace(&to).unwrap();
    assert_eq!(to.read().unwrap().unwrap(), b"2");
    // A folder is not a file.
    let folder = at.join("folder");
    folder.join("file").write(b"").unwrap();
    assert!(to.replace(&folder).is_err());
    assert_eq!(names(&folder), ["file"]);
}

/// Who reads sees the old file or the new one.
pub fn replace_while_others_read(at: &Location) {
    let file = at.join("file");
    file.write(b"000").unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..10 {
                let new = at.join("new");
                new.write(round.to_string().repeat(3).as_bytes()).unwrap();
                new.replace(&file).unwrap();
            }
        });
        while !writer.is_finished() {
            let text = file.read().unwrap().unwrap();
            assert!(text.len() == 3 && text.iter().all(|b| *b == text[0]), "{text:?}");
        }
        writer.join().unwrap();
    });
    assert_eq!(file.read().unwrap().unwrap(), b"999");
}

/// By the store's clock, which may be coarse.
pub fn touch_changes_the_time(at: &Location) {
    at.write(b"text").unwrap();
    let modified = || at.stat().unwrap().unwrap().modified;
    let before = modified();
    let deadline = SystemTime::now() + Duration::from_secs(10);
    while modified() <= before {
        assert!(SystemTime::now() < deadline, "{before:?}");
        at.touch().unwrap();
    }
    let age = SystemTime::now().duration_since(modified()).unwrap_or_default();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(at.read().unwrap().unwrap(), b"text");
}

/// A folder is not removed as a file, empty or not.
pub fn remove_file_only(at: &Location) {
    let file = at.join("folder/file");
    file.write(b"").unwrap();
    assert!(file.remove_file().unwrap());
    assert!(!file.remove_file().unwrap());
    let folder = at.join("folder");
    assert!(folder.remove_file().is_err());
    assert!(folder.stat().unwrap().unwrap().is_dir);
}
