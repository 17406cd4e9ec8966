//! Two publications at the same time, and readers meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use warehouse::catalog::CatalogError;
use warehouse::fault;
use warehouse::publish::PublishError;

use crate::helper::{Task, result_of, wait_for};
use crate::shop::{Shop, ddl};

/// Whether a process holds the lock and has said so.
fn is_held(shop: &Shop) -> bool {
    std::fs::read_to_string(shop.path("_catalog/lock")).is_ok_and(|text| text.contains("run-"))
}

#[test]
fn the_second_one_says_who_holds_the_lock() {
    let shop = Shop::new();
    shop.publish("2011-12-09", 1).unwrap();
    let pause = format!("{}:pause=60000", fault::PUBLISH_STARTED);
    let mut holder = Task::new("2011-12-10", 2).spawn(shop.root(), &pause);
    wait_for("the lock", || is_held(&shop));

    let start = Instant::now();
    let ddl = ddl();
    let wait = Duration::from_millis(1_050);
    let error = shop.begin_tables(&ddl.tables, &ddl.views, "2011-12-11", wait).unwrap_err();
    assert!(start.elapsed() >= wait && start.elapsed() < Duration::from_secs(20));
    assert!(error.is_retryable());
    assert!(matches!(&error, PublishError::Catalog(CatalogError::Locked { .. })));
    let message = error.to_string();
    let holder_says = format!(", process {} on ", holder.id());
    assert!(
        message.starts_with("another run (run-") && message.contains(&holder_says),
        "{message}"
    );
    assert!(
        message.contains("; waited ")
            && message
                .ends_with("s; try again later, or have rfm-batch wait longer (batch.lock_wait)")
            && message.contains(&format!("is changing the tables in '{}'", shop.root().display())),
        "{message}"
    );
    // readers need no lock
    assert_eq!(shop.check_views(), Some(("2011-12-09".to_owned(), 1)));

    // its end, however it ends, releases the lock; the files it had written are swept
    holder.kill().unwrap();
    assert_eq!(holder.wait().unwrap().signal(), Some(9));
    shop.publish("2011-12-11", 3).unwrap();
    assert_eq!(shop.check("2011-12-10"), None);
    assert_eq!(shop.check_views(), Some(("2011-12-11".to_owned(), 3)));
}

#[test]
fn the_second_one_waits_for_its_turn() {
    let shop = Shop::new();
    let pause = format!("{}:pause=1000", fault::PUBLISH_STARTED);
    let first = Task::new("2011-12-11", 1).spawn(shop.root(), &pause);
    wait_for("the lock", || is_held(&shop));
    let patient = Task { lock_wait: Duration::from_secs(30), ..Task::new("2011-12-10", 2) };
    let second = patient.spawn(shop.root(), "");
    let first = result_of(&first.wait_with_output().unwrap());
    let second = result_of(&second.wait_with_output().unwrap());
    assert_eq!(first.as_deref(), Ok("2011-12-11"));
    assert_eq!(second.as_deref(), Ok("2011-12-11"));
    assert_eq!(shop.check_views(), Some(("2011-12-11".to_owned(), 1)));
    assert_eq!(shop.check("2011-12-10"), Some(2));
}

#[test]
fn many_at_once_all_get_their_turn() {
    let shop = Shop::new();
    let dates =
        ["2011-12-01", "2011-12-02", "2011-12-03", "2011-12-04", "2011-12-05", "2011-12-06"];
    let started: Vec<_> = dates
        .iter()
        .zip(1..)
        .map(|(date, salt)| {
            let patient = Task { lock_wait: Duration::from_secs(60), ..Task::new(date, salt) };
            patient.spawn(shop.root(), "")
        })
        .collect();
    for process in started {
        result_of(&process.wait_with_output().unwrap()).unwrap();
    }
    for (date, salt) in dates.iter().zip(1..) {
        assert_eq!(shop.check(date), Some(salt), "{date}");
    }
    assert_eq!(shop.check_views(), Some(("2011-12-06".to_owned(), 6)));
    assert_eq!(shop.leftovers(), [""; 0]);
}

#[test]
fn a_lock_file_that_is_removed_is_noticed() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let publication = shop.begin("2011-12-11").unwrap();
    std::fs::remove_file(shop.path("_catalog/lock")).unwrap();
    // somebody else gets a lock on the new file and publishes
    shop.publish("2011-12-12", 2).unwrap();
    let tables = ddl().tables;
    let error = crate::shop::write_and_publish(publication, &tables, 100, 3).unwrap_err();
    assert!(matches!(&error, PublishError::Catalog(CatalogError::LockLost { .. })), "{error}");
    assert_eq!(shop.check("2011-12-11"), None);
    assert_eq!(shop.check_views(), Some(("2011-12-12".to_owned(), 2)));
}
