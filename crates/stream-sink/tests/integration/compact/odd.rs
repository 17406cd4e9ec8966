//! States that compaction does not make itself: what people and restored backups leave.

use stream_sink::compact::{CompactOptions, CompactReport};
use stream_sink::fault::{COMPACT_OLD_FILE_REMOVED, COMPACT_RECORDED};

use super::helper::kill_at;
use super::world::{DAYS, Key, LOCK_WAIT, World, at_once, keep_nothing, settle, temporary};

fn key() -> Key {
    (0, DAYS[0].to_owned())
}

fn point_at(world: &World, key: &Key, to: &str) {
    let from = world.location(key);
    let def = &world.tables[key.0];
    world.catalog.move_partition(def, &key.1, &from, to, LOCK_WAIT).unwrap();
}

/// The reason for which the partition was skipped.
fn only_reason(report: &CompactReport) -> &str {
    assert_eq!(report.skipped.len(), 1, "{report:?}");
    assert_eq!(report.skipped[0].0, "ecom_orders_tagged/dt=2011-12-07");
    &report.skipped[0].1
}

#[test]
fn a_catalog_from_before_the_compaction() {
    let (_dir, world, _) = temporary();
    let mut stream = world.fill(&DAYS[..1], 2);
    world.compact(&at_once()).unwrap();
    // A file that is at the new place only.
    stream.put(&DAYS[..1]);
    point_at(&world, &key(), &world.default_location(&key()));
    // It is compacted already, so it only has to be pointed there again.
    let report = world.compact(&at_once()).unwrap();
    assert_eq!((report.partitions, report.files_before), (1, 2));
    settle(&world, &stream.written);
}

#[test]
fn a_catalog_from_before_and_old_files_are_gone() {
    let (_dir, world, folder) = temporary();
    let stream = world.fill(&DAYS[..1], 3);
    world.compact(&keep_nothing()).unwrap();
    let compacted = world.location(&key());
    assert!(kill_at(&folder, COMPACT_OLD_FILE_REMOVED, 0));
    point_at(&world, &key(), &world.default_location(&key()));
    let report = world.compact(&keep_nothing()).unwrap();
    assert!(only_reason(&report).contains(&compacted), "{report:?}");
    // As it says.
    point_at(&world, &key(), &compacted);
    settle(&world, &stream.written);
}

#[test]
fn somewhere_else() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS[..1], 2);
    world.compact(&at_once()).unwrap();
    let compacted = world.location(&key());
    let elsewhere = format!("{}/rewritten", world.tables[0].directory);
    world.layout.folder(&elsewhere).create_dir_all().unwrap();
    point_at(&world, &key(), &elsewhere);
    let report = world.compact(&keep_nothing()).unwrap();
    assert!(only_reason(&report).contains("rewritten"), "{report:?}");
    assert_eq!(world.names(&compacted).len(), 1);
    assert_eq!(world.names(&world.default_location(&key())).len(), 2);
    assert_eq!(world.names(&elsewhere).len(), 0);
    point_at(&world, &key(), &compacted);
    settle(&world, &stream.written);
}

/// A partition that was dropped by hand and came back has another folder; the one before may be wanted again.
#[test]
fn the_only_copy_is_never_removed() {
    let (_dir, world, _) = temporary();
    let mut stream = world.fill(&DAYS[..1], 2);
    settle(&world, &stream.written);
    let compacted = world.location(&key());
    world.catalog.drop_partitions(&world.tables[0], &[key().1], LOCK_WAIT).unwrap();
    for _ in 0..2 {
        assert_eq!(world.compact(&keep_nothing()).unwrap().skipped, []);
        assert_eq!(world.names(&compacted).len(), 1);
    }
    stream.put(&DAYS[..1]);
    let report = world.compact(&keep_nothing()).unwrap();
    assert!(only_reason(&report).contains(&compacted), "{report:?}");
    assert_eq!(world.names(&compacted).len(), 1);
    // Pointed there again, it has what came since as well.
    point_at(&world, &key(), &compacted);
    world.compact(&keep_nothing()).unwrap();
    stream.written.check(&world);
}

#[test]
fn a_record_that_cannot_be_read() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS[..1], 2);
    world.compact(&at_once()).unwrap();
    let record = world.layout.compaction(&world.tables[0]).join(&format!("{}.json", DAYS[0]));
    let text = record.read().unwrap().unwrap();
    for damaged in [&b"{"[..], b"", b"{}"] {
        record.remove_file().unwrap();
        record.write(damaged).unwrap();
        let report = world.compact(&CompactOptions { min_files: 1, ..keep_nothing() }).unwrap();
        assert!(only_reason(&report).contains(&record.to_string()), "{report:?}");
        assert_eq!(world.names(&world.default_location(&key())).len(), 2);
        stream.written.check(&world);
    }
    record.remove_file().unwrap();
    record.write(&text).unwrap();
    settle(&world, &stream.written);
}

#[test]
fn new_files_that_are_not_all_there() {
    for all in [true, false] {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..1], 4);
        let largest = world.layout.folder(&world.location(&key())).list().unwrap()[0].size;
        assert!(kill_at(&folder, COMPACT_RECORDED, 0));
        let runs = format!("{}/_compacted/{}", world.tables[0].directory, DAYS[0]);
        let run = world.layout.folder(&runs).list().unwrap().remove(0).name;
        let new = world.layout.folder(&format!("{runs}/{run}"));
        new.join("part-00000.parquet").remove_file().unwrap();
        if !all {
            // Of three new files, one is left.
            let old = world.layout.folder(&world.location(&key()));
            let one = old.join(&old.list().unwrap()[0].name).read().unwrap().unwrap();
            assert_eq!(one.len() as u64, largest);
            new.join("part-00001.parquet").write(&one).unwrap();
        }
        let report = world.compact(&keep_nothing()).unwrap();
        stream.written.check(&world);
        if all {
            // Nothing has come of it, so it is done again.
            assert_eq!(report.partitions, 2);
        } else {
            let reason = only_reason(&report).to_owned();
            assert!(reason.contains("28 rows") && reason.contains("7 of them"), "{reason}");
            // As it says.
            let name = format!("{}.json", DAYS[0]);
            let record = world.layout.compaction(&world.tables[0]).join(&name);
            assert!(reason.contains(&record.to_string()), "{reason}");
            record.remove_file().unwrap();
        }
        settle(&world, &stream.written);
    }
}
