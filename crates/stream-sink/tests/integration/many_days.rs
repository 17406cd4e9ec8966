//! A replay of years: rows of more partitions than can be open at a time, with little memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stream_sink::error::SinkError;
use stream_sink::sink::{Sink, SinkOptions, SourceWriter};
use stream_sink::source::Source;

use crate::orders::{FIRST, check_at_rest, source, write};
use crate::trouble::{Call, Moment, Trouble, TroubledCatalog};
use crate::world::World;

const SOURCES: i32 = 4;
const DAYS: i64 = 150;
const MESSAGES: i64 = 300;
/// Bytes that may wait for their row groups to be full; far less than what comes in all.
const MEMORY: usize = 1 << 19;
/// Files that a writer may have open between two calls, and one that it is at.
const OPEN_AT_MOST: usize = 17;

/// A day after the other, so that no two messages that follow each other are of the same.
fn destination(_: &Source, offset: i64) -> Option<(usize, String)> {
    let (year, day) = (2000 + offset % DAYS / 28 / 12, offset % DAYS);
    Some((0, format!("dt={year}-{:02}-{:02}", day / 28 % 12 + 1, day % 28 + 1)))
}

fn waiting(writers: &BTreeMap<Source, SourceWriter>) -> usize {
    writers.values().map(SourceWriter::waiting_bytes).sum()
}

#[test]
fn memory_and_open_files_are_bounded() {
    let world = World::new();
    let catalog = Arc::new(TroubledCatalog::new(&world.local));
    // By the names of the files, as a file may fail to be created.
    let open: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let most_open = Arc::new(AtomicUsize::new(0));
    let count = {
        let (open, most_open) = (open.clone(), most_open.clone());
        move |call: Call, path: &str| {
            let mut open = open.lock().unwrap();
            if path.ends_with(".parquet") {
                match call {
                    Call::Create => drop(open.insert(path.to_owned())),
                    Call::Finish => drop(open.remove(path)),
                    _ => {}
                }
            }
            most_open.fetch_max(open.len(), Ordering::SeqCst);
            false
        }
    };
    catalog.process.expect(count, Trouble::Fail(Moment::Before));
    let options = SinkOptions::default();
    let parallel = options.parallel_commits;
    let sink = Sink::new(catalog.as_ref(), &world.tables, "replay", options).unwrap();
    let sources: Vec<Source> = (0..SOURCES).map(source).collect();
    let taken = sink.take_over_all(&sources, |_| Ok::<_, SinkError>(FIRST)).unwrap();
    let mut writers: BTreeMap<Source, SourceWriter> =
        taken.into_iter().map(|writer| (writer.source().clone(), writer)).collect();
    let mut spilled = 0;
    for start in (FIRST..FIRST + MESSAGES).step_by(50) {
        for source in &sources {
            let writer = writers.get_mut(source).unwrap();
            write(writer, &world.tables, start, start + 50, &destination).unwrap();
            while waiting(&writers) > MEMORY {
                let largest = writers.values_mut().max_by_key(|writer| writer.waiting_bytes());
                largest.unwrap().spill_largest().unwrap();
                spilled += 1;
            }
        }
    }
    assert!(spilled > 100, "the memory was enough");
    let while_writing = most_open.load(Ordering::SeqCst);
    assert!(while_writing <= SOURCES as usize * OPEN_AT_MOST, "{while_writing} open files");
    let ends = writers.values_mut().map(|writer| (writer, FIRST + MESSAGES)).collect();
    let entries = sink.commit(ends).unwrap();
    // A few more a thread while the rest is written.
    let most = most_open.load(Ordering::SeqCst);
    assert!(most <= SOURCES as usize * OPEN_AT_MOST + 4 * parallel, "{most} open files");
    assert!(open.lock().unwrap().is_empty());
    assert!(catalog.process.forget());

    let files: usize = entries.iter().map(|entry| entry.files.len()).sum();
    let rows: u64 = entries.iter().flat_map(|entry| &entry.files).map(|file| file.rows).sum();
    assert_eq!(rows, SOURCES as u64 * MESSAGES as u64);
    let least = SOURCES as usize * DAYS as usize;
    // No more than one for each time that memory was short.
    assert!((least..=least + spilled).contains(&files), "{files} files, {spilled} spilled");
    drop(writers);
    world.job("next").finish_all(&sources);
    check_at_rest(&world.local, &world.tables, &sources, &destination);
}
