//! Compactions that are killed between any two steps.

use stream_sink::fault::{
    COMPACT_LATE_POINTS, COMPACT_POINTS, COMPACT_RECORDED, COMPACT_REMOVAL_POINTS,
};

use super::helper::kill_at;
use super::sleepy::Sleepy;
use super::world::{DAYS, keep_nothing, settle, temporary};

/// The first time, and for a later partition or table.
fn turns(points: &[&str]) -> Vec<String> {
    let turn = |point: &&str| [point.to_string(), format!("{point}#2")];
    points.iter().flat_map(turn).collect()
}

#[test]
fn at_every_point() {
    for point in turns(COMPACT_POINTS) {
        let (_dir, world, folder) = temporary();
        let mut stream = world.fill(&DAYS[..2], 2);
        assert!(kill_at(&folder, &point, 0), "{point} is not reached");
        stream.written.check(&world);
        // The dead process keeps nobody from publishing elsewhere, nor for ever there.
        stream.put(&DAYS[2..]);
        stream.put(&DAYS[2..]);
        settle(&world, &stream.written);
    }
}

#[test]
fn again_and_again() {
    let (_dir, world, folder) = temporary();
    let stream = world.fill(&DAYS[..2], 2);
    let points = COMPACT_POINTS.iter().chain(COMPACT_REMOVAL_POINTS);
    let reached = points.filter(|point| kill_at(&folder, point, 0)).count();
    assert!(reached > COMPACT_POINTS.len() / 2, "{reached}");
    settle(&world, &stream.written);
}

#[test]
fn while_old_files_are_removed() {
    for point in turns(COMPACT_REMOVAL_POINTS) {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..2], 3);
        world.compact(&keep_nothing()).unwrap();
        assert!(kill_at(&folder, &point, 0), "{point} is not reached");
        stream.written.check(&world);
        settle(&world, &stream.written);
        // The same where the old folder is one of an earlier compaction.
        let mut stream = stream;
        stream.put(&DAYS[..2]);
        world.compact(&keep_nothing()).unwrap();
        assert!(kill_at(&folder, &point, 0), "{point} is not reached");
        stream.written.check(&world);
        settle(&world, &stream.written);
    }
}

/// A publisher that had looked before the compaction puts its file into the old folder after the compaction was killed.
#[test]
fn and_then_a_late_file() {
    for point in COMPACT_POINTS {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..1], 2);
        let mut late = Sleepy::new(&world, 1, DAYS[0]);
        assert!(kill_at(&folder, point, 0), "{point} is not reached");
        late.place();
        stream.written.check_at_least(&world);
        let written = stream.written.and(&late.finish(&world));
        written.check(&world);
        settle(&world, &written);
    }
}

/// And does not live to follow the partition.
#[test]
fn and_then_a_late_file_of_a_dead_publisher() {
    for point in COMPACT_POINTS {
        let (_dir, world, folder) = temporary();
        let stream = world.fill(&DAYS[..1], 2);
        let mut late = Sleepy::new(&world, 1, DAYS[0]);
        assert!(kill_at(&folder, point, 0), "{point} is not reached");
        late.place();
        let late = late.die();
        stream.written.check_at_least(&world);
        world.compact(&keep_nothing()).unwrap();
        stream.written.check_at_least(&world);
        let written = stream.written.and(&late.finish(&world));
        written.check(&world);
        settle(&world, &written);
    }
}

/// The run that finishes a killed one is killed too, while it takes in what has come since.
#[test]
fn while_taking_in_late_files() {
    for point in turns(COMPACT_LATE_POINTS) {
        for finishes in [true, false] {
            let (_dir, world, folder) = temporary();
            let stream = world.fill(&DAYS[..1], 2);
            let mut late: Vec<_> =
                (1..=2).map(|partition| Sleepy::new(&world, partition, DAYS[0])).collect();
            assert!(kill_at(&folder, COMPACT_RECORDED, 0));
            late.iter_mut().for_each(Sleepy::place);
            let reached = kill_at(&folder, &point, 0);
            // All late files are recorded at once.
            assert_eq!(reached, point != format!("{}#2", COMPACT_LATE_POINTS[1]), "{point}");
            let mut written = stream.written.clone();
            for sleepy in late {
                let more = if finishes {
                    sleepy.finish(&world)
                } else {
                    let dead = sleepy.die();
                    world.compact(&keep_nothing()).unwrap();
                    dead.finish(&world)
                };
                written = written.and(&more);
            }
            written.check(&world);
            settle(&world, &written);
        }
    }
}
