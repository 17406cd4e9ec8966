//! A process that is killed between any two of its steps, and so is the one that comes after it.

use stream_sink::fault;

use crate::helper::{Place, Task, Work};
use crate::orders::{FIRST, source, visible};
use crate::world::World;

const SOURCES: i32 = 2;
/// More than a log keeps, so that old entries are removed.
const COMMITS: usize = 10;

fn task(world: &World, name: &str) -> Task {
    Task {
        name: name.to_owned(),
        place: Place::Folder(world.local.folder().to_owned()),
        work: Work::Stream { sources: SOURCES, commits: COMMITS },
    }
}

/// Readers never see a message twice, wherever a process has died.
fn check_that_nothing_is_twice(world: &World, story: &str) {
    for (message, partitions) in visible(&world.local, &world.tables) {
        assert_eq!(partitions.len(), 1, "{story}: {message:?}");
    }
}

#[test]
fn at_every_point() {
    let sources: Vec<_> = (0..SOURCES).map(source).collect();
    for (number, point) in fault::POINTS.iter().enumerate() {
        for turn in [1, 2, 5, 17] {
            let world = World::new();
            let first = format!("{point}#{turn}");
            // Those that are reached once a process, or once a commit.
            let is_reached = task(&world, "first").is_killed_at(&first);
            assert!(is_reached || turn > 1, "{first} was not reached");
            check_that_nothing_is_twice(&world, &first);

            // Another one each time, so that all pairs of neighbours come about somewhere.
            let second = fault::POINTS[(number + turn) % fault::POINTS.len()];
            task(&world, "second").is_killed_at(second);
            let story = format!("{first}, then {second}");
            check_that_nothing_is_twice(&world, &story);

            let ends = world.settle(&sources);
            assert!(is_reached || ends.iter().all(|end| *end > FIRST), "{story}: {ends:?}");
        }
    }
}

/// What was committed stays committed, and is visible after the next start; what was not is read again.
#[test]
fn the_commit_is_one_moment() {
    let one = Work::Stream { sources: 1, commits: 1 };
    for (point, is_committed) in [
        (fault::FILES_FINISHED, false),
        (fault::ENTRY_WRITTEN, false),
        (fault::COMMITTED, true),
        (fault::FILE_EXPOSED, true),
        (fault::REGISTERED, true),
    ] {
        let world = World::new();
        // The first time is at the take-over, and when there is nothing to publish yet.
        let is_second = [fault::ENTRY_WRITTEN, fault::REGISTERED].contains(&point);
        let turn = if is_second { 2 } else { 1 };
        let task = Task { work: one.clone(), ..task(&world, "first") };
        assert!(task.is_killed_at(&format!("{point}#{turn}")), "{point}");
        let end = if is_committed { FIRST + 12 } else { FIRST };
        assert_eq!(world.settle(&[source(0)]), [end], "{point}");
    }
}
