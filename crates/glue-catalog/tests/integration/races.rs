//! Others who change the same things at the same moment, answers that are lost, and publications that are killed.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use warehouse::catalog::CatalogError;
use warehouse::fault;
use warehouse::publish::PublishError;

use crate::helper::{Shop, config, glue, settings};
use crate::server::server;

const DAY: &str = "2011-12-10";

#[test]
fn every_answer_is_lost_once() {
    let shop = Shop::new();
    for operation in [
        "GetDatabase",
        "CreateDatabase",
        "GetTable",
        // A table's and, after the third table, the views'.
        "CreateTable",
        "CreateTable",
        "CreatePartition",
        "CreatePartition",
        "GetPartitions",
    ] {
        shop.on(operation, "lose");
    }
    shop.publish("2011-12-09", 7).unwrap();
    shop.check();
    assert_eq!(shop.shown(), vec![("2011-12-09".to_owned(), 7); 3]);
    for operation in ["UpdateTable", "UpdateTable", "UpdatePartition"] {
        shop.on(operation, "lose");
    }
    shop.publish(DAY, 8).unwrap();
    shop.publish(DAY, 9).unwrap();
    shop.check();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 9); 3]);
}

#[test]
fn a_view_changed_meanwhile_is_left_alone() {
    let shop = Shop::new();
    shop.publish("2011-12-09", 4).unwrap();
    shop.on("UpdateTable", "first");
    let error = shop.publish(DAY, 5).unwrap_err();
    shop.check();
    assert!(error.is_retryable());
    let PublishError::Catalog(CatalogError::ChangedMeanwhile { object }) = &error else {
        panic!("{error:?}")
    };
    let view = &shop.ddl.views[0];
    assert_eq!(object, &format!("view {}", view.qualified_name()));
    let left = shop.raw_table(&view.name).parameters.unwrap();
    assert_eq!(left["rfm.run_id"], "run-of-another");
    // Running again is all that it takes.
    shop.publish(DAY, 6).unwrap();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 6); 3]);
}

/// Somebody removes the claim by hand, and another one publishes: whoever had it changes nothing more.
#[test]
fn a_claim_that_is_taken_away() {
    let shop = Shop::new();
    shop.publish("2011-12-09", 4).unwrap();
    let other = shop.again(glue());
    let late = shop.begin(DAY, crate::helper::LOCK_WAIT).unwrap();
    shop.warehouse.join("_catalog/claim").remove_file().unwrap();
    other.publish(DAY, 6).unwrap();
    let error = shop.write_and_publish(late, 5).unwrap_err();
    assert!(matches!(error, PublishError::Catalog(CatalogError::LockLost { .. })), "{error:?}");
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 6); 3]);
    shop.publish(DAY, 7).unwrap();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 7); 3]);
}

#[test]
fn somebody_else_creates_first() {
    let shop = Shop::new();
    for operation in ["CreateDatabase", "CreateTable", "CreatePartition"] {
        shop.on(operation, "first");
    }
    shop.publish(DAY, 4).unwrap();
    shop.check();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 4); 3]);
}

/// Places and turns of a publication on a new date into tables that are there.
fn points() -> Vec<(&'static str, usize)> {
    let all = fault::POINTS.iter().filter(|point| !fault::LOCAL_ONLY.contains(point));
    let all = all.filter(|point| **point != fault::TABLE_CREATED);
    let turns = |point| if fault::SERVER_ONLY.contains(&point) { 3 } else { 1 };
    all.flat_map(|&point| (1..=turns(point)).map(move |turn| (point, turn))).collect()
}

#[test]
fn killed_anywhere_each_view_shows_the_old_snapshot_or_the_new_one() {
    let shop = Shop::new();
    shop.publish("2012-01-01", 1).unwrap();
    let mut old = shop.shown();
    for (n, (point, turn)) in points().into_iter().enumerate() {
        let date = format!("2012-02-{:02}", n + 1);
        let n_rows = n as u64 + 2;
        kill(&shop, &date, n_rows, &format!("{point}#{turn}"));
        let published = match point {
            fault::VIEW_PUBLISHED => turn,
            fault::PUBLISHED | fault::OLD_RUNS_RETIRED => 3,
            _ => 0,
        };
        let new = vec![(date.clone(), n_rows); 3];
        let expected = [&new[..published], &old[published..]].concat();
        assert_eq!(shop.shown(), expected, "{point}#{turn}");
        // The next run needs no help, and waits for nobody: the claim of a dead process holds nothing.
        shop.publish(&date, n_rows as i64).unwrap();
        old = shop.shown();
        assert_eq!(old, new, "{point}#{turn}");
    }
}

#[test]
fn the_very_first_publication_is_killed() {
    let shop = Shop::new();
    // Each creates one table more.
    for _ in 0..3 {
        kill(&shop, DAY, 3, fault::TABLE_CREATED);
        assert_eq!(shop.shown(), []);
    }
    // Then each adds a partition more, and a view more.
    kill(&shop, DAY, 3, &format!("{}#2", fault::PARTITION_PUBLISHED));
    assert_eq!(shop.shown(), []);
    kill(&shop, DAY, 3, &format!("{}#2", fault::VIEW_PUBLISHED));
    assert_eq!(shop.shown().len(), 2);
    shop.publish(DAY, 4).unwrap();
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 4); 3]);
}

const TASK: &str = "GLUE_TEST_TASK";

/// Publishes in a process of its own, which is to end at `fault`.
fn kill(shop: &Shop, date: &str, n_rows: u64, fault: &str) {
    let folder = shop.warehouse.local_path().unwrap().display();
    let task = format!("{}|{}|{date}|{n_rows}|{folder}", server().url(), shop.database);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["races::publish_in_this_process", "--exact", "--nocapture"])
        .env(TASK, task)
        .env("RFM_FAULT", fault)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    const SIGABRT: i32 = 6;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{fault} was not reached: {said}");
}

/// What `kill` starts. In a normal run of the tests it finds nothing to do.
#[test]
fn publish_in_this_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let parts: Vec<&str> = task.splitn(5, '|').collect();
    let [url, database, date, n_rows, folder] = parts[..] else { panic!("{task}") };
    let glue = glue_catalog::Glue::with_config(&config(url), settings()).unwrap();
    let shop = Shop::at(database, Path::new(folder), glue);
    shop.publish(date, n_rows.parse().unwrap()).unwrap();
}
