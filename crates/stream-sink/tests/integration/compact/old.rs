//! Partitions that are too old.

use order_model::Date;
use stream_sink::compact::CompactOptions;
use stream_sink::fault::COMPACT_RETENTION_POINTS;

use super::helper::kill_at;
use super::world::{DAYS, Key, World, at_once, keep_nothing, temporary, today};

const RETAIN_DAYS: u32 = 30;

fn day(ago: i32) -> String {
    format!("dt={}", Date::from_days(today() - ago))
}

fn is_gone(world: &World, (table, partition): &Key) -> bool {
    let def = &world.tables[*table];
    let compacted = world.layout.folder(&format!("{}/_compacted/{partition}", def.directory));
    let folder = world.layout.folder(&world.default_location(&(*table, partition.clone())));
    let record = world.layout.compaction(def).join(&format!("{partition}.json"));
    !world.catalog.list_partitions(def).unwrap().contains_key(partition)
        && [compacted, folder, record].iter().all(|place| place.stat().unwrap().is_none())
}

#[test]
fn they_are_dropped_with_their_files() {
    let (_dir, world, _) = temporary();
    let (kept, recent) = (day(28), day(0));
    let stream = world.fill(&[DAYS[0], DAYS[1], DAYS[2], &kept, &recent], 2);
    // Some are compacted, one of them with its old files still there.
    world.compact(&at_once()).unwrap();
    let options = CompactOptions { retain_days: Some(RETAIN_DAYS), ..at_once() };
    let report = world.compact(&options).unwrap();
    assert_eq!(report.dropped_partitions.len(), 6, "{report:?}");
    assert_eq!(report.dropped_partitions[0], "ecom_orders_tagged/dt=2011-12-07");
    for (key, offsets) in &stream.written.0 {
        let is_old = DAYS.contains(&key.1.as_str());
        assert_eq!(is_gone(&world, key), is_old, "{key:?}");
        assert_eq!(world.read(key).len(), if is_old { 0 } else { offsets.len() });
    }
    assert_eq!(world.compact(&options).unwrap().dropped_partitions, [""; 0]);
    // Not even if asked to.
    let none = CompactOptions { retain_days: Some(0), ..at_once() };
    world.compact(&none).unwrap();
    assert!(!is_gone(&world, &(0, recent)));
    assert!(is_gone(&world, &(0, kept)));
}

#[test]
fn what_comes_later_is_dropped_again() {
    let (_dir, world, _) = temporary();
    let mut stream = world.fill(&DAYS[..1], 2);
    let options = CompactOptions { retain_days: Some(RETAIN_DAYS), ..keep_nothing() };
    let key = (0, DAYS[0].to_owned());
    for _ in 0..2 {
        assert_eq!(world.compact(&options).unwrap().dropped_partitions.len(), 2);
        assert!(is_gone(&world, &key));
        // Its publisher knows the folder from before.
        stream.commit(&DAYS[..1]);
        while !matches!(stream.publish(), Ok(true)) {}
        assert_eq!(world.read(&key).len(), 7);
    }
}

#[test]
fn who_takes_over_does_not_miss_what_was_dropped() {
    let (_dir, world, _) = temporary();
    let old = (0, DAYS[0].to_owned());
    // Its last entry counts as unfinished for whoever takes it over, until there is another one.
    drop(world.fill(&DAYS[..1], 1));
    let options = CompactOptions { retain_days: Some(RETAIN_DAYS), ..at_once() };
    world.compact(&options).unwrap();
    for _ in 0..3 {
        assert!(world.stream(0).publish().unwrap());
        let registered = world.catalog.list_partitions(&world.tables[0]).unwrap();
        assert!(registered.is_empty(), "without a file: {registered:?}");
    }
    // The same day again, by a late order of another Kafka partition: it is registered as it was before.
    let mut late = world.stream(1);
    late.put(&DAYS[..1]);
    assert_eq!(world.location(&old), world.default_location(&old));
    for _ in 0..3 {
        assert!(world.stream(0).publish().unwrap());
    }
    late.written.check(&world);
    // And one whose files were dropped before it could register their partition.
    let mut slow = world.stream(2);
    for entry in slow.commit(&DAYS[1..2]) {
        for file in &entry.files {
            let folder = world.default_location(&(file.table, file.partition.clone()));
            let folder = world.layout.folder(&folder);
            folder.create_dir_all().unwrap();
            let staged = world.layout.staged(&entry.source).join(&file.name);
            staged.rename(&folder.join(&file.name)).unwrap();
        }
    }
    world.compact(&options).unwrap();
    assert!(slow.publish().unwrap());
    let registered = world.catalog.list_partitions(&world.tables[0]).unwrap();
    assert!(!registered.contains_key(DAYS[1]), "without a file: {registered:?}");
}

#[test]
fn killed_meanwhile() {
    for point in COMPACT_RETENTION_POINTS {
        for compacted in [false, true] {
            let (_dir, world, folder) = temporary();
            let kept = day(20);
            let stream = world.fill(&[DAYS[0], DAYS[1], &kept], 2);
            if compacted {
                world.compact(&at_once()).unwrap();
            }
            assert!(kill_at(&folder, point, RETAIN_DAYS), "{point} is not reached");
            let options = CompactOptions { retain_days: Some(RETAIN_DAYS), ..keep_nothing() };
            world.compact(&options).unwrap();
            world.compact(&options).unwrap();
            for (key, offsets) in &stream.written.0 {
                if key.1 == kept {
                    assert_eq!(world.read(key).len(), offsets.len());
                } else {
                    assert!(is_gone(&world, key), "{key:?} {point}");
                }
            }
            assert_eq!(world.leftovers(), [""; 0]);
        }
    }
}
