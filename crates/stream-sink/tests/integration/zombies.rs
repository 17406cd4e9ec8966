//! Processes that sleep in the middle of something, and wake up when others have gone on.

use std::sync::{Arc, Mutex};

use stream_sink::error::SinkError;
use stream_sink::log;

use crate::orders::{FIRST, source};
use crate::trouble::{Call, Moment, Trouble};
use crate::world::{Job, World};

/// Commits that are enough for a number to be free again.
const MANY: usize = 12;

/// Another process that is busy while the one under test sleeps.
fn other(world: &World) -> Arc<Mutex<Job>> {
    Arc::new(Mutex::new(world.job("other")))
}

fn is_fenced_by(error: &SinkError, name: &str) -> bool {
    matches!(error, SinkError::Fenced { by, .. } if by == name)
}

#[test]
fn a_zombie_that_is_woken_at_once_is_fenced() {
    let (world, orders) = (World::new(), source(0));
    let (mut zombie, mut other) = (world.job("zombie"), world.job("other"));
    zombie.take_over(&orders).unwrap();
    zombie.do_all(&orders, 10);
    zombie.write(&orders, 10).unwrap();
    other.take_over(&orders).unwrap();
    assert_eq!(other.writers[&orders].end_offset(), FIRST + 10);
    assert!(is_fenced_by(&zombie.writers[&orders].check().unwrap_err(), "other"));
    let error = zombie.commit().unwrap_err();
    assert!(is_fenced_by(&error, "other"), "{error}");
    assert!(!error.is_retryable());
    let expected = "orders.v1-e2[0] is written by somebody else now (other, since 20";
    assert!(error.to_string().starts_with(expected), "{error}");
    other.do_all(&orders, 5);
    assert_eq!(world.settle(&[orders]), [FIRST + 15]);
}

/// Its next number is free again, as it is that of an entry that was removed.
#[test]
fn a_zombie_that_slept_until_its_number_was_pruned() {
    let (world, orders) = (World::new(), source(0));
    let (mut zombie, mut other) = (world.job("zombie"), world.job("other"));
    zombie.take_over(&orders).unwrap();
    zombie.write(&orders, 100).unwrap();
    other.take_over(&orders).unwrap();
    for _ in 0..MANY {
        other.do_all(&orders, 3);
    }
    let number = format!("{:020}.json", 2);
    assert!(!world.log(&orders).join(&number).exists());
    let error = zombie.commit().unwrap_err();
    assert!(is_fenced_by(&error, "other"), "{error}");
    // It got the number, which made nothing visible, and goes away with the next entries that are removed.
    assert!(world.log(&orders).join(&number).exists());
    assert_eq!(world.check(std::slice::from_ref(&orders)), [FIRST + 3 * MANY as i64]);
    assert_eq!(world.settle(std::slice::from_ref(&orders)), [FIRST + 3 * MANY as i64]);
    assert!(!world.log(&orders).join(&number).exists());
}

/// The entry of its take-over is no part of the log, so it has to begin anew, and not to remove what others are at.
#[test]
fn a_take_over_that_slept_until_its_number_was_pruned() {
    // Its entry is complete, and removed by others; or it is written only then.
    for at in [Call::Rename, Call::Create] {
        let (world, orders) = (World::new(), source(0));
        world.job("first").take_over(&orders).unwrap();
        let (mut zombie, other) = (world.job("zombie"), other(&world));
        let meanwhile = {
            let (other, orders) = (other.clone(), orders.clone());
            move || {
                let mut other = other.lock().unwrap();
                other.take_over(&orders).unwrap();
                for _ in 0..MANY {
                    other.do_all(&orders, 3);
                }
                // Committed, and not visible yet.
                other.write(&orders, 30).unwrap();
                other.commit().unwrap();
            }
        };
        let is_entry = move |call, path: &str| call == at && path.ends_with(".json");
        zombie.process.expect(is_entry, Trouble::Pause(Box::new(meanwhile)));
        zombie.take_over(&orders).unwrap();
        assert!(!zombie.process.forget());
        // It is the last one, so it has the right.
        let end = FIRST + 3 * MANY as i64 + 30;
        assert_eq!(zombie.writers[&orders].end_offset(), end, "{at:?}");
        zombie.publish_all();
        other.lock().unwrap().publish_all();
        zombie.do_all(&orders, 5);
        let state = log::read(&world.layout().log(&orders)).unwrap().unwrap();
        assert_eq!(state.newest.writer, "zombie");
        assert_eq!(world.settle(&[orders]), [end + 5], "{at:?}");
    }
}

/// Between its take-over and the removal of what was left, somebody else has taken over, and has committed.
#[test]
fn a_take_over_that_slept_before_it_removed_leftovers() {
    let (world, orders) = (World::new(), source(0));
    {
        let mut killed = world.job("killed");
        killed.take_over(&orders).unwrap();
        killed.write(&orders, 50).unwrap();
        killed.process.expect(|call, _| call == Call::Finish, Trouble::Kill(Moment::After));
        killed.commit().unwrap_err();
    }
    assert!(world.staged(&orders).read_dir().unwrap().next().is_some());
    let (mut zombie, other) = (world.job("zombie"), other(&world));
    let meanwhile = {
        let (other, orders) = (other.clone(), orders.clone());
        move || {
            let mut other = other.lock().unwrap();
            other.take_over(&orders).unwrap();
            other.write(&orders, 30).unwrap();
            other.commit().unwrap();
            // And more, in files that are open.
            other.write(&orders, 30).unwrap();
        }
    };
    let is_removal = |call, path: &str| call == Call::List && path.ends_with("/staged");
    zombie.process.expect(is_removal, Trouble::Pause(Box::new(meanwhile)));
    zombie.take_over(&orders).unwrap();
    assert!(!zombie.process.forget());
    let error = zombie.writers[&orders].check().unwrap_err();
    assert!(is_fenced_by(&error, "other"), "{error}");
    let mut other = other.lock().unwrap();
    other.commit().unwrap();
    other.publish_all();
    assert_eq!(world.settle(&[orders]), [FIRST + 60]);
}

/// One that wakes up with entries to publish, when its successor has published them and gone on.
#[test]
fn entries_that_two_publish() {
    let (world, orders) = (World::new(), source(0));
    let (mut zombie, other) = (world.job("zombie"), other(&world));
    zombie.take_over(&orders).unwrap();
    zombie.write(&orders, 40).unwrap();
    zombie.commit().unwrap();
    let meanwhile = {
        let (other, orders) = (other.clone(), orders.clone());
        move || {
            let mut other = other.lock().unwrap();
            other.take_over(&orders).unwrap();
            other.publish_all();
            for _ in 0..MANY {
                other.do_all(&orders, 3);
            }
        }
    };
    let is_exposed = |call, path: &str| call == Call::Rename && path.contains("dt=");
    zombie.process.expect(is_exposed, Trouble::Pause(Box::new(meanwhile)));
    zombie.publish_all();
    assert_eq!(world.settle(&[orders]), [FIRST + 40 + 3 * MANY as i64]);
}

/// The files that it has open are removed under its hands: it says who has taken over, not that a file is missing.
#[test]
fn a_zombie_whose_files_are_gone() {
    let (world, orders) = (World::new(), source(0));
    let (mut zombie, mut other) = (world.job("zombie"), world.job("other"));
    zombie.take_over(&orders).unwrap();
    zombie.write(&orders, 200).unwrap();
    other.take_over(&orders).unwrap();
    let is_finish = |call, _: &str| call == Call::Finish;
    zombie.process.expect(is_finish, Trouble::Fail(Moment::Before));
    let error = zombie.commit().unwrap_err();
    assert!(is_fenced_by(&error, "other"), "{error}");
    assert_eq!(world.settle(&[orders]), [FIRST]);
}

/// Take-overs without any commit do not make the log grow, nor do commits without files.
#[test]
fn a_log_of_nothing_but_take_overs() {
    let (world, orders) = (World::new(), source(0));
    for _ in 0..30 {
        world.job("restless").take_over(&orders).unwrap();
    }
    assert_eq!(world.settle(std::slice::from_ref(&orders)), [FIRST]);
    let mut job = world.job("idle");
    job.take_over(&orders).unwrap();
    for step in 1..=30 {
        let writer = job.writers.get_mut(&orders).unwrap();
        // Offsets that have no message.
        assert!(job.sink.commit(vec![(writer, FIRST + step)]).unwrap().is_empty());
    }
    let entries = world.log(&orders).read_dir().unwrap().count();
    assert!(entries <= 9, "{entries}");
    assert_eq!(job.writers[&orders].end_offset(), FIRST + 30);
}
