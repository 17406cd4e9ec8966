//! A store without renames copies and removes, and a process may die or sleep between the two.

use crate::orders::{FIRST, source};
use crate::trouble::{Call, Moment, Trouble};
use crate::world::World;

/// The second half of the rename of a staged file into a day that is past.
fn is_removal() -> impl FnMut(Call, &str) -> bool + Send + 'static {
    let mut copied = None;
    move |call, path| {
        let name = path.rsplit('/').next().map(str::to_owned);
        if call == Call::Rename && path.contains("/dt=2011-12-0") {
            copied = name;
            return false;
        }
        call == Call::Remove && path.contains("/staged/part-") && name == copied
    }
}

/// Three commits, of which the third is published by a process that dies when its first file has two names.
fn cut_short(world: &World) {
    let orders = source(0);
    let mut job = world.job("first");
    job.take_over(&orders).unwrap();
    for _ in 0..2 {
        job.do_all(&orders, 30);
    }
    job.write(&orders, 30).unwrap();
    job.commit().unwrap();
    job.process.expect(is_removal(), Trouble::Kill(Moment::Before));
    let _ = job.publish();
    assert!(job.process.is_dead());
}

#[test]
fn the_next_process_finishes_the_rename() {
    let world = World::without_renames();
    cut_short(&world);
    assert_eq!(world.settle(&[source(0)]), [FIRST + 90]);
}

/// Else its rows would be in the large file, and once more when the staged file is published.
#[test]
fn so_does_a_compaction_that_comes_before() {
    let world = World::without_renames();
    cut_short(&world);
    world.compact();
    assert_eq!(world.settle(&[source(0)]), [FIRST + 90]);
}

/// The process that sleeps finds nothing to remove when it wakes up.
#[test]
fn a_process_that_sleeps_in_the_middle_does_no_harm() {
    let world = std::sync::Arc::new(World::without_renames());
    let orders = source(0);
    let mut job = world.job("sleeper");
    job.take_over(&orders).unwrap();
    for _ in 0..2 {
        job.do_all(&orders, 30);
    }
    job.write(&orders, 30).unwrap();
    job.commit().unwrap();
    let others = world.clone();
    let meanwhile = move || {
        others.compact();
        others.job("other").finish_all(&[source(0)]);
        others.compact();
    };
    job.process.expect(is_removal(), Trouble::Pause(Box::new(meanwhile)));
    let _ = job.publish();
    assert!(!job.process.forget(), "it did not sleep");
    assert_eq!(world.settle(&[orders]), [FIRST + 90]);
}
