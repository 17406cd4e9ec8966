//! A publication that is killed between any two of its steps.

use std::os::unix::process::ExitStatusExt;

use warehouse::fault;

use crate::helper::Task;
use crate::shop::Shop;

/// Points that are only reached when the tables do not exist yet.
const CREATING: [&str; 3] =
    [fault::CREATE_TABLES_WRITTEN, fault::CREATE_TABLES_SYNCED, fault::CREATE_TABLES_REPLACED];

/// The places that a publication into a local catalog passes.
fn points() -> Vec<&'static str> {
    let all = fault::POINTS.iter().copied();
    all.filter(|point| !fault::SERVER_ONLY.contains(point)).collect()
}

/// Whether the new snapshot is published when this point is reached.
fn is_published(point: &str) -> bool {
    [fault::PUBLISH_REPLACED, fault::PUBLISHED, fault::OLD_RUNS_RETIRED].contains(&point)
}

/// Kills a publication of `task` at `point`; whether it got there.
fn kill(shop: &Shop, task: &Task, point: &str) -> bool {
    let output = task.spawn(shop.root(), point).wait_with_output().unwrap();
    const SIGABRT: i32 = 6;
    match output.status.signal() {
        Some(SIGABRT) => true,
        None if output.status.success() => false,
        _ => panic!("{point}: {} {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn the_very_first_publication() {
    for point in points() {
        let shop = Shop::new();
        assert!(kill(&shop, &Task::new("2011-12-10", 1), point), "{point} was not reached");
        let expected = is_published(point).then(|| ("2011-12-10".to_owned(), 1));
        assert_eq!(shop.check_views(), expected, "{point}");

        // the next run needs no help, finds no lock, and leaves nothing behind
        shop.publish("2011-12-10", 2).unwrap();
        assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 2)), "{point}");
        assert_eq!(shop.leftovers(), [""; 0], "{point}");
    }
}

#[test]
fn a_newer_date() {
    for point in points() {
        let shop = Shop::new();
        shop.publish("2011-12-09", 1).unwrap();
        let reached = kill(&shop, &Task::new("2011-12-10", 2), point);
        assert_eq!(reached, !CREATING.contains(&point), "{point}");
        let expected =
            if is_published(point) || !reached { ("2011-12-10", 2) } else { ("2011-12-09", 1) };
        assert_eq!(shop.check_views(), Some((expected.0.to_owned(), expected.1)), "{point}");
        assert_eq!(shop.check("2011-12-09"), Some(1), "{point}");

        shop.publish("2011-12-11", 3).unwrap();
        assert_eq!(shop.check_views(), Some(("2011-12-11".to_owned(), 3)), "{point}");
        assert_eq!(shop.check("2011-12-09"), Some(1), "{point}");
        assert_eq!(shop.leftovers(), [""; 0], "{point}");
    }
}

#[test]
fn the_same_date_again() {
    for point in points() {
        let shop = Shop::new();
        let first = shop.publish("2011-12-10", 1).unwrap();
        let reached = kill(&shop, &Task::new("2011-12-10", 2), point);
        let salt = if is_published(point) || !reached { 2 } else { 1 };
        assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), salt)), "{point}");
        // a reader that looked at the catalog before can go on
        for location in &first.locations {
            assert!(shop.path(location).join("part-00000.parquet").exists(), "{point}");
        }

        shop.publish("2011-12-10", 3).unwrap();
        assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 3)), "{point}");
        assert_eq!(shop.leftovers(), [""; 0], "{point}");
    }
}

#[test]
fn again_and_again() {
    // Whatever one killed run leaves must not trip the sweep of the next, which is killed too.
    let shop = Shop::new();
    shop.publish("2011-12-10", 0).unwrap();
    let mut salt = 0;
    for (n, &point) in points().iter().rev().cycle().take(2 * points().len()).enumerate() {
        let next = n as i64 + 1;
        let reached = kill(&shop, &Task::new("2011-12-10", next), point);
        if is_published(point) || !reached {
            salt = next;
        }
        assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), salt)), "{point}");
    }
    shop.publish("2011-12-10", 49).unwrap();
    assert_eq!(shop.leftovers(), [""; 0]);
}
