//! Logs that are not what this program writes.

use std::fs;
use std::path::Path;

use stream_sink::error::SinkError;
use stream_sink::log;

use crate::orders::{FIRST, source};
use crate::world::World;

/// A log with two commits, and no process that has it.
fn written() -> World {
    let (world, orders) = (World::new(), source(0));
    let mut job = world.job("first");
    job.take_over(&orders).unwrap();
    job.do_all(&orders, 10);
    job.do_all(&orders, 10);
    world
}

fn entry(log: &Path, sequence: u64) -> std::path::PathBuf {
    log.join(format!("{sequence:020}.json"))
}

/// Damages the newest entry; gives what is said about it.
fn damage(what: impl FnOnce(&Path, &str)) -> String {
    let (world, orders) = (written(), source(0));
    let folder = world.log(&orders);
    let newest = entry(&folder, 3);
    what(&folder, &fs::read_to_string(&newest).unwrap());
    let names = |path: &Path| -> Vec<_> {
        path.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let before = names(&folder);
    let error = world.job("second").take_over(&orders).unwrap_err();
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
    assert!(!error.is_retryable());
    let read = log::read(&world.layout().log(&orders)).unwrap_err();
    assert_eq!(read.to_string(), error.to_string());
    // It has not gone on from there.
    assert_eq!(names(&folder), before);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot read the commit log '{}/", folder.display())),
        "{text}"
    );
    assert!(text.contains("; restore the file from a copy, or use a newer version"), "{text}");
    text
}

/// Replaces a part of the newest entry.
fn replace(from: &str, to: &str) -> String {
    damage(|log, text| {
        assert!(text.contains(from), "{text}");
        fs::write(entry(log, 3), text.replace(from, to)).unwrap();
    })
}

#[test]
fn entries_that_are_damaged() {
    for (text, said) in [
        (damage(|log, text| fs::write(entry(log, 3), &text[..text.len() / 2]).unwrap()), "EOF"),
        (damage(|log, _| fs::write(entry(log, 3), "").unwrap()), "EOF"),
        (damage(|log, _| fs::write(entry(log, 3), b"\xff\xfe\0").unwrap()), "expected value"),
        (damage(|log, text| fs::write(entry(log, 4), text).unwrap()), "it contradicts itself"),
        (replace("\"format\":1", "\"format\":7"), "it has format 7, this program knows up to 1"),
        (replace("\"epoch\"", "\"season\""), "unknown field `season`"),
        (replace("\"end_offset\":1020", "\"end_offset\":1009"), "it contradicts itself"),
        (
            replace("\"start_offset\":1010", "\"start_offset\":1011"),
            "it starts at offset 1011, the entry before ends at 1010",
        ),
        (replace("\"name\":\"part-", "\"name\":\"../part-"), "it names the file"),
        (replace("\"partition\":\"dt=", "\"partition\":\"../dt="), "it names the file '../dt="),
        (replace("\"partition\":\"dt=", "\"partition\":\"dt"), "it names the file 'dt2"),
        (replace("\"previous\":\"", "\"previous\":7,\"x\":\""), "expected a string"),
    ] {
        assert!(text.contains(said), "{text}");
    }
}

/// One that is older than the newest is read as well: it may have files that nobody sees yet.
#[test]
fn an_older_entry_that_is_damaged() {
    let text = damage(|log, _| fs::write(entry(log, 2), "{}").unwrap());
    assert!(text.contains("00002.json': missing field `format`"), "{text}");
}

#[test]
fn the_log_of_another_source() {
    let (world, orders, others) = (written(), source(0), source(1));
    let (from, to) = (world.log(&orders), world.log(&others));
    fs::create_dir_all(&to).unwrap();
    for file in from.read_dir().unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let error = world.job("second").take_over(&others).unwrap_err();
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("it is of orders.v1-e2[0]"), "{error}");
}

#[test]
fn an_empty_folder_is_a_log_without_entries() {
    let (world, orders) = (World::new(), source(0));
    fs::create_dir_all(world.log(&orders)).unwrap();
    assert_eq!(log::read(&world.layout().log(&orders)).unwrap(), None);
    let mut job = world.job("first");
    job.take_over(&orders).unwrap();
    assert_eq!(job.writers[&orders].epoch(), 1);
    job.do_all(&orders, 10);
    assert_eq!(world.settle(&[orders]), [FIRST + 10]);
}

#[test]
fn what_is_not_of_the_log_is_left_alone() {
    let (world, orders) = (written(), source(0));
    let (log, staged) = (world.log(&orders), world.staged(&orders));
    let foreign = [
        log.join("notes.txt"),
        log.join("17.json"),
        log.join(".00000000000000000009.json"),
        log.join("00000000000000000009.json.bak"),
        staged.join("copy of a file.parquet"),
        staged.join(".part-orders.crc"),
    ];
    for path in &foreign {
        fs::write(path, "what a person has put there").unwrap();
    }
    fs::create_dir(log.join("old")).unwrap();
    let mut job = world.job("second");
    job.take_over(&orders).unwrap();
    assert_eq!(job.writers[&orders].end_offset(), FIRST + 20);
    for _ in 0..12 {
        job.do_all(&orders, 5);
    }
    for path in &foreign {
        assert!(path.exists(), "{path:?}");
    }
    assert_eq!(world.check(&[orders]), [FIRST + 80]);
}
