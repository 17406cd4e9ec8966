//! Files that come while a partition is compacted.

use std::sync::Arc;
use std::time::Duration;

use stream_sink::compact::CompactOptions;
use stream_sink::fault::{COMPACT_MERGED, COMPACT_POINTS, COMPACT_SETTLED};

use super::helper::start;
use super::sleepy::Sleepy;
use super::world::{DAYS, Stream, at_once, keep_nothing, settle, temporary};

/// What a publisher that has looked before does while a compaction is at a point.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Late {
    /// All that it has left to do.
    Finishes,
    /// It puts its file into the old folder, and goes on when the compaction is over.
    Places,
    /// It puts its file into the old folder, and dies; a successor comes when the compaction is over.
    Dies,
}

fn at_every_point(what: Late) {
    for point in COMPACT_POINTS {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..1], 2);
        let mut late = Sleepy::new(&world, 1, DAYS[0]);
        let mut compaction = start(&folder, &format!("{point}:pause=500"), 0);
        assert!(compaction.pauses(), "{point} is not reached");
        stream.written.check(&world);
        late.place();
        stream.written.check_at_least(&world);
        let late = match what {
            Late::Finishes => {
                let late = late.finish(&world);
                stream.written.check_at_least(&world);
                assert!(compaction.end().is_some());
                late
            }
            Late::Places => {
                assert!(compaction.end().is_some());
                late.finish(&world)
            }
            Late::Dies => {
                let late = late.die();
                assert!(compaction.end().is_some());
                stream.written.check_at_least(&world);
                late.finish(&world)
            }
        };
        let written = stream.written.and(&late);
        written.check(&world);
        settle(&world, &written);
    }
}

#[test]
fn finished_at_every_point() {
    at_every_point(Late::Finishes);
}

#[test]
fn placed_at_every_point() {
    at_every_point(Late::Places);
}

#[test]
fn placed_by_one_that_dies_at_every_point() {
    at_every_point(Late::Dies);
}

/// A publisher that slept while a partition was compacted, its old files removed, and it was compacted again.
#[test]
fn after_two_compactions() {
    for dies in [false, true] {
        let (_dir, world, _) = temporary();
        let mut stream = world.fill(&DAYS[..1], 2);
        // The one has seen the first folder, the other one that of the first compaction.
        let mut first = Sleepy::new(&world, 1, DAYS[0]);
        settle(&world, &stream.written);
        stream.put(&DAYS[..1]);
        let mut second = Sleepy::new(&world, 2, DAYS[0]);
        world.compact(&at_once()).unwrap();
        first.place();
        second.place();
        let (first, second) = match dies {
            true => (first.die().finish(&world), second.die().finish(&world)),
            false => (first.finish(&world), second.finish(&world)),
        };
        let written = stream.written.and(&first).and(&second);
        written.check(&world);
        settle(&world, &written);
    }
}

/// A file that comes before the comparison is read like the others. It is never out of sight, as one is for a moment that
/// has to be brought after its partition.
#[test]
fn before_the_comparison() {
    for point in [COMPACT_MERGED, COMPACT_SETTLED] {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..1], 2);
        let mut late = Sleepy::new(&world, 1, DAYS[0]);
        let mut compaction = start(&folder, &format!("{point}:pause=4000"), 0);
        assert!(compaction.pauses(), "{point} is not reached");
        late.place();
        let written = stream.written.and(&late.finish(&world));
        written.check(&world);
        let said = compaction.end().unwrap();
        assert!(said.contains("files_before: 5,") && said.contains("strays: 0,"), "{said}");
        settle(&world, &written);
    }
}

/// One that slept until nothing is left that tells of the compaction, and then dies. Nobody succeeds it for now.
#[test]
fn when_all_is_forgotten() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS[..1], 2);
    let mut late = Sleepy::new(&world, 1, DAYS[0]);
    settle(&world, &stream.written);
    late.place();
    let late = late.die();
    assert_eq!(world.compact(&keep_nothing()).unwrap().strays, 1);
    let written = stream.written.and(&late.written);
    written.check(&world);
    late.finish(&world);
    settle(&world, &written);
}

/// Publishers that do as they should, compactions and readers, all at the same time.
#[test]
fn while_everything_goes_on() {
    const COMMITS: usize = 12;
    let (_dir, world, _) = temporary();
    let days = &DAYS[..2];
    let before = world.fill(days, 3).written;
    // Held by who publishes, and given up also by a panic.
    let publishing = Arc::new(());
    let at_work = Arc::downgrade(&publishing);
    let written = std::thread::scope(|scope| {
        let publisher = |partition| {
            let (world, at_work) = (&world, publishing.clone());
            scope.spawn(move || {
                let mut stream = Stream::take_over(world, partition);
                for _ in 0..COMMITS {
                    stream.commit(days);
                    stream.publish_all();
                }
                drop(at_work);
                stream.written
            })
        };
        let publishers = [publisher(1), publisher(2)];
        drop(publishing);
        scope.spawn(|| {
            // No row is there twice, as `read` sees to, and none that was there before the start is ever missing.
            while at_work.strong_count() > 0 {
                before.check_at_least(&world);
            }
        });
        let options = CompactOptions { settle: Duration::from_millis(200), ..keep_nothing() };
        while at_work.strong_count() > 0 {
            world.compact(&options).unwrap();
        }
        publishers.into_iter().fold(before.clone(), |all, one| all.and(&one.join().unwrap()))
    });
    written.check(&world);
    settle(&world, &written);
}
