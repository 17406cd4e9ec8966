//! Partitions that move while files are put into them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use stream_sink::layout::Layout;
use stream_sink::replaced::Replaced;
use stream_sink::source::Source;
use warehouse::catalog::Catalog;

use crate::orders::{FIRST, source, visible};
use crate::trouble::{Call, Moment, Trouble};
use crate::world::{Job, LOCK_WAIT, World};

const DAY: &str = "dt=2011-12-08";

/// A partition of the first table, and where it can be.
fn folder(world: &World, run: &str) -> String {
    match run {
        "" => Layout::default_location(&world.tables[0], DAY),
        run => format!("{}/_compacted/{DAY}/{run}", world.tables[0].directory),
    }
}

/// Moves it, and what is in it but for those that come late; leaves a record as a compaction does.
fn move_partition(world: &World, from: &str, to: &str) {
    let (from, to) = (folder(world, from), folder(world, to));
    fs::create_dir_all(world.path(&to)).unwrap();
    let mut files = BTreeSet::new();
    for file in world.path(&from).read_dir().unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        // The rows are in both.
        fs::copy(world.path(&from).join(&name), world.path(&to).join(&name)).unwrap();
        files.insert(name);
    }
    let record = Replaced {
        partition: DAY.to_owned(),
        from: from.clone(),
        to: to.clone(),
        files,
        at: "2011-12-20T00:00:00Z".to_owned(),
    };
    let path = Replaced::path(&world.layout(), &world.tables[0], DAY);
    let path = path.local_path().unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    let table = &world.tables[0];
    world.local.move_partition(table, DAY, &from, &to, LOCK_WAIT).unwrap();
}

/// A process with rows that are visible, and more that are committed.
fn prepared(world: &World, orders: &Source) -> Job {
    let mut job = world.job("first");
    job.take_over(orders).unwrap();
    job.do_all(orders, 30);
    job.write(orders, 30).unwrap();
    job.commit().unwrap();
    job
}

/// Names of the files of the partition that are committed and not visible.
fn late(job: &Job) -> Vec<String> {
    let files = job.waiting.iter().flat_map(|entry| &entry.files);
    let mine = files.filter(|file| file.table == 0 && file.partition == DAY);
    mine.map(|file| file.name.clone()).collect()
}

/// Runs `meanwhile` when the files are in place, before the catalog is asked where the partitions are.
fn when_placed(job: &Job, meanwhile: impl FnOnce() + Send + 'static) {
    let mut asked = 0;
    let is_after = move |_: Call, what: &str| {
        asked += i32::from(what == "partition_locations");
        // Once a table before.
        asked == 3
    };
    job.process.expect(is_after, Trouble::Pause(Box::new(meanwhile)));
}

#[test]
fn a_file_follows_its_partition() {
    let (world, orders) = (Arc::new(World::new()), source(0));
    let mut job = prepared(&world, &orders);
    let names = late(&job);
    let name = names[0].clone();
    when_placed(&job, {
        let world = world.clone();
        move || {
            // It comes when the compaction has looked already.
            let hidden = world.path(&name);
            let there = world.path(&folder(&world, "")).join(&name);
            fs::rename(&there, &hidden).unwrap();
            move_partition(&world, "", "run-1");
            fs::rename(hidden, there).unwrap();
        }
    });
    job.publish_all();
    assert!(!job.process.forget());
    assert!(world.path(&folder(&world, "run-1")).join(&names[0]).exists());
    assert!(!world.path(&folder(&world, "")).join(&names[0]).exists());
    assert_eq!(world.settle(&[orders]), [FIRST + 60]);
}

/// Its rows are in the new folder already.
#[test]
fn a_file_that_was_compacted_stays() {
    let (world, orders) = (Arc::new(World::new()), source(0));
    let mut job = prepared(&world, &orders);
    let names = late(&job);
    when_placed(&job, {
        let world = world.clone();
        move || move_partition(&world, "", "run-1")
    });
    job.publish_all();
    assert!(!job.process.forget());
    assert!(world.path(&folder(&world, "")).join(&names[0]).exists());
    assert_eq!(world.settle(&[orders]), [FIRST + 60]);
}

/// It moves on while the file is on its way.
#[test]
fn a_file_follows_twice() {
    let (world, orders) = (Arc::new(World::new()), source(0));
    let mut job = prepared(&world, &orders);
    let name = late(&job)[0].clone();
    when_placed(&job, {
        let (world, process, name) = (world.clone(), job.process.clone(), name.clone());
        move || {
            let (hidden, there) = (world.path(&name), world.path(&folder(&world, "")).join(&name));
            fs::rename(&there, &hidden).unwrap();
            move_partition(&world, "", "run-1");
            fs::rename(hidden, there).unwrap();
            let is_on_its_way = |call, path: &str| call == Call::Rename && path.contains("run-1");
            let meanwhile = move || move_partition(&world, "run-1", "run-2");
            process.expect(is_on_its_way, Trouble::Pause(Box::new(meanwhile)));
        }
    });
    job.publish_all();
    assert!(!job.process.forget());
    assert!(world.path(&folder(&world, "run-2")).join(&name).exists());
    assert_eq!(world.settle(&[orders]), [FIRST + 60]);
}

/// The process that put the file into a folder that the partition has left is killed before the file can follow.
#[test]
fn a_file_is_brought_by_the_next_process() {
    for (at, to) in [("", "run-1"), ("run-1", "run-2")] {
        let (world, orders) = (World::new(), source(0));
        let mut job = prepared(&world, &orders);
        if !at.is_empty() {
            move_partition(&world, "", at);
        }
        let names = late(&job);
        // As it asks where the partitions are.
        let mut asked = 0;
        let is_after = move |_: Call, what: &str| {
            asked += i32::from(what == "partition_locations");
            asked == 3
        };
        job.process.expect(is_after, Trouble::Kill(Moment::Before));
        let _ = job.publish();
        assert!(job.process.is_dead());
        let (hidden, there) =
            (world.path(&names[0]), world.path(&folder(&world, at)).join(&names[0]));
        fs::rename(&there, &hidden).unwrap();
        move_partition(&world, at, to);
        fs::rename(hidden, there).unwrap();
        assert_eq!(world.settle(&[orders]), [FIRST + 60], "{at} to {to}");
    }
}

/// Also where a rename is two steps: a file that had both names could be compacted under the one, and be made visible
/// under the other.
#[test]
fn a_file_that_was_being_renamed_is_compacted() {
    for moment in [Moment::Before, Moment::HalfWay, Moment::After] {
        let (world, orders, others) = (World::new(), source(0), source(1));
        let mut job = prepared(&world, &orders);
        let is_exposed = |call, path: &str| call == Call::Rename && path.contains(DAY);
        job.process.expect(is_exposed, Trouble::Kill(moment));
        let _ = job.publish();
        assert!(job.process.is_dead());
        let mut other = world.job("other");
        other.take_over(&others).unwrap();
        other.do_all(&others, 30);
        world.compact();
        let first = &world.tables[0];
        let locations = world.local.partition_locations(first, &[DAY.to_owned()]).unwrap();
        assert!(locations[DAY].contains("_compacted"), "{locations:?}");
        assert_eq!(world.settle(&[orders, others]), [FIRST + 60, FIRST + 30], "{moment:?}");
    }
}

/// While a partition is named in the folder of those that are being compacted, nothing is put into it; what is not in
/// it goes on.
#[test]
fn a_closed_partition() {
    let (world, orders, others) = (World::new(), source(0), source(1));
    let mut job = prepared(&world, &orders);
    let closing = world.layout().closing(&world.tables[0]);
    closing.join(DAY).write(b"").unwrap();
    job.take_over(&others).unwrap();
    // Of the other days only.
    job.write(&others, 2).unwrap();
    job.commit().unwrap();
    let progress = job.publish().unwrap();
    assert_eq!(progress.finished.len(), 1, "{:?}", progress.finished);
    assert_eq!(progress.finished[0].0, others);
    let expected = visible(&world.local, &world.tables);
    for name in late(&job) {
        assert!(world.staged(&orders).join(name).exists());
    }
    // Nor does what comes after it overtake it.
    job.write(&orders, 2).unwrap();
    job.commit().unwrap();
    assert!(job.publish().unwrap().finished.is_empty());
    assert!(visible(&world.local, &world.tables).len() >= expected.len());
    closing.join(DAY).remove_file().unwrap();
    job.publish_all();
    assert_eq!(world.settle(&[orders, others]), [FIRST + 62, FIRST + 2]);
}
