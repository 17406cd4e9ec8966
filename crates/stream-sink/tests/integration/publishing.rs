//! Making committed files visible when something is in the way; and calls that are refused.

use std::fs;

use stream_sink::entry::Entry;
use stream_sink::error::SinkError;
use stream_sink::layout::Layout;
use stream_sink::log;
use stream_sink::source::Source;
use warehouse::catalog::Catalog;

use crate::orders::{FIRST, destination, rows, source, visible};
use crate::trouble::{Call, Moment, Trouble};
use crate::world::{Job, LOCK_WAIT, World};

/// A process that has committed, and not published.
fn committed(world: &World, orders: &Source) -> Job {
    let mut job = world.job("first");
    job.take_over(orders).unwrap();
    job.write(orders, 30).unwrap();
    job.commit().unwrap();
    assert_eq!(job.waiting.len(), 1);
    job
}

#[test]
fn what_is_committed_and_not_visible_can_be_seen() {
    for world in [World::new(), World::without_renames()] {
        let orders = source(0);
        let mut job = committed(&world, &orders);
        let not_visible = || {
            let state = log::read(&world.layout().log(&orders)).unwrap().unwrap();
            let staged = world.layout().staged(&orders).list_if_exists().unwrap();
            state.not_visible(staged.iter().map(|entry| entry.name.as_str()))
        };
        let rows = (FIRST..FIRST + 30).filter(|offset| destination(&orders, *offset).is_some());
        assert_eq!(not_visible(), rows.count() as u64);
        job.publish_all();
        assert_eq!(not_visible(), 0);
    }
}

#[test]
fn the_catalog_does_not_answer() {
    // Asked where partitions are: before files are placed, and after. In between they are registered, a table a call.
    for calls in 0..6 {
        let (world, orders) = (World::new(), source(0));
        let mut job = committed(&world, &orders);
        let mut left = calls;
        let is_due = move |call, _: &str| {
            left -= i32::from(call == Call::Catalog);
            left < 0
        };
        job.process.expect(is_due, Trouble::Fail(Moment::Before));
        let progress = job.publish().unwrap();
        assert!(!job.process.forget(), "there are fewer calls than {calls}");
        let problem = progress.problem.unwrap();
        assert!(problem.is_retryable(), "{problem}");
        if calls > 1 {
            // The first ones matter only for partitions that have moved.
            assert!(progress.finished.is_empty());
            assert_eq!(job.waiting.len(), 1);
        }
        // More is committed meanwhile, and all of it is visible in the end.
        job.write(&orders, 30).unwrap();
        job.commit().unwrap();
        job.publish_all();
        assert_eq!(world.settle(&[orders]), [FIRST + 60]);
    }
}

/// Its successor finishes what it could not.
#[test]
fn the_catalog_does_not_answer_until_the_process_ends() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    let is_registration = |_, what: &str| what == "add_partitions";
    job.process.expect(is_registration, Trouble::Fail(Moment::Before));
    let progress = job.publish().unwrap();
    assert!(progress.finished.is_empty());
    assert!(progress.problem.is_some());
    drop(job);
    assert_eq!(world.settle(&[orders]), [FIRST + 30]);
}

#[test]
fn a_file_that_cannot_be_renamed_now() {
    for moment in [Moment::Before, Moment::HalfWay, Moment::After] {
        let (world, orders) = (World::new(), source(0));
        let mut job = committed(&world, &orders);
        job.write(&orders, 30).unwrap();
        job.commit().unwrap();
        let is_exposed = |call, path: &str| call == Call::Rename && path.contains("dt=2099");
        job.process.expect(is_exposed, Trouble::Fail(moment));
        let progress = job.publish().unwrap();
        assert!(!job.process.forget());
        // Neither of the two entries overtakes the other.
        assert!(progress.finished.len() < 2, "{:?}", progress.finished);
        assert!(progress.finished.iter().all(|(_, sequence)| *sequence == 2));
        assert!(progress.problem.unwrap().is_retryable());
        job.publish_all();
        assert_eq!(world.settle(&[orders]), [FIRST + 60]);
    }
}

#[test]
fn killed_while_a_file_is_renamed() {
    for moment in [Moment::Before, Moment::HalfWay, Moment::After] {
        let (world, orders) = (World::new(), source(0));
        let mut job = committed(&world, &orders);
        let is_exposed = |call, path: &str| call == Call::Rename && path.contains("dt=");
        job.process.expect(is_exposed, Trouble::Kill(moment));
        let _ = job.publish();
        assert!(job.process.is_dead());
        assert_eq!(world.settle(&[orders]), [FIRST + 30]);
    }
}

/// What somebody has put where the file belongs: a copy of it, or another one, which is not overwritten.
#[test]
fn a_file_that_is_in_place_already() {
    for is_copy in [true, false] {
        let (world, orders) = (World::new(), source(0));
        let mut job = committed(&world, &orders);
        let file = job.waiting[0].files[0].clone();
        let folder = Layout::default_location(&world.tables[file.table], &file.partition);
        let (staged, folder) = (world.staged(&orders).join(&file.name), world.path(&folder));
        fs::create_dir_all(&folder).unwrap();
        let visible = folder.join(&file.name);
        if is_copy {
            fs::copy(&staged, visible).unwrap();
        } else {
            fs::write(&visible, "another file").unwrap();
            let error = job.publish().unwrap_err();
            assert!(!error.is_retryable());
            let text = error.to_string();
            assert!(text.ends_with("it exists already and is never overwritten"), "{text}");
            assert_eq!(fs::read_to_string(&visible).unwrap(), "another file");
            fs::remove_file(visible).unwrap();
        }
        job.publish_all();
        assert_eq!(world.settle(&[orders]), [FIRST + 30]);
    }
}

fn staged_files(entry: &Entry) -> Vec<String> {
    entry.files.iter().map(|file| file.name.clone()).collect()
}

#[test]
fn a_file_that_was_removed() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    job.publish_all();
    job.write(&orders, 30).unwrap();
    job.commit().unwrap();
    let gone = staged_files(&job.waiting[0]).remove(0);
    fs::remove_file(world.staged(&orders).join(&gone)).unwrap();
    let error = job.publish().unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error:?}");
    assert!(!error.is_retryable());
    let text = error.to_string();
    assert!(text.contains(&format!("/{gone}', which was committed, is neither there")), "{text}");
    // A new process does not pass over it, either.
    let mut next = world.job("next");
    next.take_over(&orders).unwrap();
    let error = next.publish().unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error:?}");
}

/// What somebody took away by mistake and put back.
#[test]
fn a_file_that_comes_back() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    let gone = staged_files(&job.waiting[0]).remove(0);
    let (here, there) = (world.staged(&orders).join(&gone), world.path("elsewhere"));
    fs::rename(&here, &there).unwrap();
    let error = job.publish().unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error:?}");
    fs::rename(there, here).unwrap();
    job.publish_all();
    assert_eq!(world.settle(&[orders]), [FIRST + 30]);
}

/// A folder that the process knows, and that is gone with its partition.
#[test]
fn a_partition_that_was_dropped() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    job.publish_all();
    let day = "dt=2011-12-08".to_owned();
    for table in &world.tables {
        world.local.drop_partitions(table, std::slice::from_ref(&day), LOCK_WAIT).unwrap();
        fs::remove_dir_all(world.path(&format!("{}/{day}", table.directory))).unwrap();
    }
    job.write(&orders, 30).unwrap();
    job.commit().unwrap();
    let progress = job.publish().unwrap();
    assert!(progress.finished.is_empty());
    let problem = progress.problem.unwrap();
    assert!(problem.is_retryable());
    assert!(problem.to_string().starts_with("partition dt=2011-12-08 of default.ecom_orders_"));
    job.publish_all();
    let visible = visible(&world.local, &world.tables);
    for offset in FIRST + 30..FIRST + 60 {
        let expected: Vec<_> = destination(&orders, offset).into_iter().collect();
        let found = visible.get(&(orders.clone(), offset)).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{offset}");
    }
}

#[test]
fn an_entry_of_a_stream_with_more_tables() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    job.waiting[0].files[0].table = 2;
    let error = job.publish().unwrap_err();
    assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("more than the 2 tables"), "{error}");
}

#[test]
fn what_is_no_partition() {
    let (world, orders) = (World::new(), source(0));
    for (table, partition) in [(0, "2011-12-09"), (0, ""), (0, "dt=1//"), (2, "dt=2011-12-09")] {
        let mut job = world.job("first");
        job.take_over(&orders).unwrap();
        let writer = job.writers.get_mut(&orders).unwrap();
        let rows = rows(&world.tables[0].arrow_schema(), &orders, &[1]);
        let error = writer.write(table, partition, rows).unwrap_err();
        assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
        let expected =
            format!("cannot write orders.v1-e2[0]: table {table} has no partition {partition}");
        assert_eq!(error.to_string(), expected);
    }
}

/// Its rows were in a file that failed, so a second try would commit less than it says.
#[test]
fn a_writer_that_failed_commits_nothing_more() {
    for call in [Call::Create, Call::Finish, Call::Rename] {
        let (world, orders) = (World::new(), source(0));
        let mut job = world.job("first");
        job.take_over(&orders).unwrap();
        job.write(&orders, 5).unwrap();
        job.process.expect(move |this, _| this == call, Trouble::Fail(Moment::Before));
        let writer = job.writers.get_mut(&orders).unwrap();
        let error = job.sink.commit(vec![(writer, FIRST + 5)]).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        let writer = job.writers.get_mut(&orders).unwrap();
        let error = job.sink.commit(vec![(writer, FIRST + 5)]).unwrap_err();
        assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
        assert!(error.to_string().ends_with("its rows are lost; take it over again"), "{error}");
        // Taken over again it writes the same once more.
        job.take_over(&orders).unwrap();
        job.do_all(&orders, 5);
        assert_eq!(world.settle(&[orders]), [FIRST + 5]);
    }
}

#[test]
fn offsets_that_go_backwards() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    let writer = job.writers.get_mut(&orders).unwrap();
    let error = job.sink.commit(vec![(writer, FIRST + 29)]).unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
    assert!(error.to_string().ends_with("a commit from offset 1030 cannot end at 1029"), "{error}");
    // The log is as good as before.
    job.take_over(&orders).unwrap();
    job.write(&orders, 1).unwrap();
    let error = job.writers.get_mut(&orders).unwrap().skip_to(5_000).unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
    job.commit().unwrap();
    job.publish_all();
    assert_eq!(world.settle(&[orders]), [FIRST + 31]);
}

/// The one way to leave messages out.
#[test]
fn offsets_that_are_skipped() {
    let (world, orders) = (World::new(), source(0));
    let mut job = committed(&world, &orders);
    for offset in [5_000, 10] {
        job.writers.get_mut(&orders).unwrap().skip_to(offset).unwrap();
        assert_eq!(job.writers[&orders].end_offset(), offset);
        let mut next = world.job("next");
        next.take_over(&orders).unwrap();
        assert_eq!(next.writers[&orders].end_offset(), offset);
        next.write(&orders, 3).unwrap();
        next.commit().unwrap();
        next.publish_all();
        job.take_over(&orders).unwrap();
        assert_eq!(job.writers[&orders].end_offset(), offset + 3);
    }
}
