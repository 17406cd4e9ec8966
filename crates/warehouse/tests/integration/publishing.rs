//! Publishing, re-publishing, retention, and what is refused.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use warehouse::catalog::{Catalog, CatalogError};
use warehouse::ddl::{Ddl, Naming, USER_RFM_BATCH, USER_SEGMENTS};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, ROWS_PER_FILE};
use warehouse::run_id::RunId;

use crate::rows::rows;
use crate::shop::{LOCK_WAIT, MAX_SALT, Shop, ddl};

#[test]
fn publishes_all_tables_and_views_at_once() {
    let shop = Shop::new();
    let published = shop.publish("2011-12-10", 1).unwrap();
    assert_eq!(published.current_snapshot.as_str(), "2011-12-10");
    // creating the tables was the first change
    assert_eq!(published.catalog_version, Some(2));
    assert_eq!(shop.catalog.load().unwrap().version, 2);
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 1)));
    let state = shop.catalog.load().unwrap();
    let view = state.view("default.ecom_user_segments_current").unwrap();
    assert!(
        view.text.ends_with("FROM default.ecom_user_segments\nWHERE snapshot_date = '2011-12-10'")
    );
    for (location, table) in published.locations.iter().zip(ddl().tables) {
        let run_dir = shop.path(location);
        assert!(run_dir.starts_with(shop.path(&format!("{}/_runs", table.name))));
        assert_eq!(shop.names(location), ["_SUCCESS", "part-00000.parquet"]);
    }
}

#[test]
fn a_date_can_be_published_again() {
    let shop = Shop::new();
    let first = shop.publish("2011-12-10", 1).unwrap();
    let second = shop.publish("2011-12-10", 2).unwrap();
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 2)));
    for location in &first.locations {
        // kept for readers that are still at it
        assert_eq!(shop.names(location), ["_RETIRED", "_SUCCESS", "part-00000.parquet"]);
    }
    for location in &second.locations {
        assert_eq!(shop.names(location), ["_SUCCESS", "part-00000.parquet"]);
    }
    let state = shop.catalog.load().unwrap();
    assert!(state.tables.values().all(|table| table.partitions.len() == 1));
}

#[test]
fn views_never_go_backwards() {
    let shop = Shop::new();
    for (date, salt, current) in [
        ("2011-12-09", 1, ("2011-12-09", 1)),
        ("2011-12-10", 2, ("2011-12-10", 2)),
        ("2011-12-09", 3, ("2011-12-10", 2)),
        ("2010-01-01", 4, ("2011-12-10", 2)),
        ("2011-12-10", 5, ("2011-12-10", 5)),
        ("2012-01-01", 6, ("2012-01-01", 6)),
    ] {
        let published = shop.publish(date, salt).unwrap();
        assert_eq!(published.current_snapshot.as_str(), current.0);
        assert_eq!(shop.check_views(), Some((current.0.to_owned(), current.1)));
    }
    let state = shop.catalog.load().unwrap();
    let table = state.table("default.ecom_user_segments").unwrap();
    let dates: Vec<_> = table.snapshot_dates().iter().map(|date| date.to_string()).collect();
    assert_eq!(dates, ["2010-01-01", "2011-12-09", "2011-12-10", "2012-01-01"]);
    assert_eq!(shop.check("2011-12-09"), Some(3));
}

#[test]
fn views_show_a_date_that_all_tables_have() {
    let shop = Shop::new();
    // A table that was published on its own, on a later date, does not pull the views along.
    let ddl = ddl();
    let one = [ddl.table(USER_RFM_BATCH).unwrap().clone()];
    shop.publish_tables(&one, &[], "2012-06-01", 1).unwrap();
    let published = shop.publish("2011-12-10", 2).unwrap();
    assert_eq!(published.current_snapshot.as_str(), "2011-12-10");
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 2)));
}

#[test]
fn old_runs_are_removed_after_the_time_to_keep() {
    let shop = Shop::new();
    let first = shop.publish("2011-12-10", 1).unwrap();
    shop.publish("2011-12-10", 2).unwrap();
    shop.publish("2011-12-11", 3).unwrap();
    assert!(shop.path(&first.locations[0]).exists());

    for location in &first.locations {
        let mark = File::options().write(true).open(shop.path(location).join("_RETIRED")).unwrap();
        mark.set_modified(SystemTime::now() - Duration::from_secs(3_601)).unwrap();
    }
    shop.publish("2011-12-12", 4).unwrap();
    for location in &first.locations {
        assert!(!shop.path(location).exists());
    }
    assert_eq!(shop.check("2011-12-10"), Some(2));
}

#[test]
fn nothing_else_in_the_folder_is_touched() {
    let shop = Shop::new();
    let first = shop.publish("2011-12-10", 1).unwrap();
    let run_dir = shop.path(&first.locations[0]);
    let runs = run_dir.parent().unwrap();
    let killed = "run-20100101T000000Z-00000000";
    std::fs::create_dir(runs.join(killed)).unwrap();
    std::fs::write(runs.join(killed).join("part-00000.parquet"), "x").unwrap();
    let unnamed = store::hidden_name(killed, "1-2-3");
    std::fs::create_dir(runs.join(&unnamed)).unwrap();
    let foreign =
        ["run-20100101T000000Z-00000000-copy", "notes", ".hidden", ".notes.new-1", "run-x"];
    for name in foreign {
        std::fs::create_dir(runs.join(name)).unwrap();
    }
    std::fs::write(runs.join("run-20100101T000000Z-00000001"), "a file").unwrap();
    let elsewhere = runs.parent().unwrap().join(killed);
    std::fs::create_dir(&elsewhere).unwrap();

    shop.publish("2011-12-11", 2).unwrap();
    assert!(!runs.join(killed).exists());
    assert!(!runs.join(&unnamed).exists());
    assert!(foreign.iter().all(|name| runs.join(name).is_dir()));
    assert!(runs.join("run-20100101T000000Z-00000001").is_file());
    assert!(elsewhere.is_dir());
}

#[test]
fn a_publication_that_is_given_up_leaves_nothing() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let before = shop.all_files();
    let ddl = ddl();
    {
        let publication = shop.begin("2011-12-11").unwrap();
        let table = &ddl.tables[0];
        let mut writer = publication.table_writer(table, WriteOptions::default()).unwrap();
        writer.write(&rows(&table.arrow_schema(), 0, 10, 2)).unwrap();
        // also a writer that outlives its publication
        drop(publication);
        drop(writer);
    }
    assert_eq!(shop.all_files(), before);

    // a table that was not written
    let publication = shop.begin("2011-12-11").unwrap();
    let table = &ddl.tables[0];
    let writer = publication.table_writer(table, WriteOptions::default()).unwrap();
    let error = publication.publish(vec![writer.finish().unwrap()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot publish default.ecom_user_segments: its files were not written, or written twice"
    );
    assert_eq!(shop.all_files(), before);
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 1)));
}

#[test]
fn misuse_is_refused() {
    let shop = Shop::new();
    let publication = shop.begin("2011-12-10").unwrap();
    let ddl = ddl();
    let table = &ddl.tables[0];
    let writer = publication.table_writer(table, WriteOptions::default()).unwrap();
    let twice = publication.table_writer(table, WriteOptions::default()).err().unwrap();
    assert!(matches!(twice, PublishError::Store(_)), "{twice}");
    let mut foreign = table.clone();
    foreign.name = "ecom_other".to_owned();
    let error = publication.table_writer(&foreign, WriteOptions::default()).err().unwrap();
    assert!(error.to_string().starts_with("cannot publish default.ecom_other"), "{error}");
    drop((writer, publication));

    let other_table = [ddl.table(USER_RFM_BATCH).unwrap().clone()];
    let error = shop.publish_tables(&other_table, &ddl.views, "2011-12-10", 1).unwrap_err();
    assert!(error.to_string().contains("the table behind this view"), "{error}");
}

#[test]
fn a_table_with_other_columns_is_named_with_the_column() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let mut tables = ddl().tables;
    let money = tables[1].columns.iter_mut().find(|c| c.name == "monetary").unwrap();
    money.hive_type = "decimal(18,2)".parse().unwrap();
    let error = shop.publish_tables(&tables, &[], "2011-12-11", 2).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains(
            "column 4 is 'monetary' decimal(20,4), this program writes 'monetary' decimal(18,2)"
        ),
        "{message}"
    );
    assert!(message.starts_with("table default.ecom_user_segments in '"), "{message}");
    assert!(!error.is_retryable());

    let mut tables = ddl().tables;
    tables[0].columns.pop();
    let error = shop.publish_tables(&tables, &[], "2011-12-11", 2).unwrap_err();
    assert!(error.to_string().contains("column 'm_score' is unknown"), "{error}");
    let mut tables = ddl().tables;
    let key = tables[0].partition_keys[0].clone();
    tables[0].columns.push(key);
    let error = shop.publish_tables(&tables, &[], "2011-12-11", 2).unwrap_err();
    assert!(error.to_string().contains("column 'snapshot_date' is missing"), "{error}");
    // other comments are no other table
    let mut tables = ddl().tables;
    tables[0].columns[0].comment.push_str(" (sic)");
    shop.publish_tables(&tables, &[], "2011-12-11", 2).unwrap();
}

#[test]
fn two_tables_cannot_share_a_folder() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let other = Ddl::load(&Naming::new("other", "", "/warehouse").unwrap()).unwrap();
    let error = shop.publish_tables(&other.tables, &[], "2011-12-10", 2).unwrap_err();
    assert!(matches!(&error, PublishError::Catalog(CatalogError::LocationTaken { .. })), "{error}");
    // with a prefix of its own it has folders of its own
    let other = Ddl::load(&Naming::new("other", "new_", "/warehouse").unwrap()).unwrap();
    shop.publish_tables(&other.tables, &other.views, "2011-12-10", 2).unwrap();
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 1)));
}

#[test]
fn the_folder_can_be_moved() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let shop = shop.moved();
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 1)));
    shop.publish("2011-12-10", 2).unwrap();
    shop.publish("2011-12-11", 3).unwrap();
    assert_eq!(shop.check_views(), Some(("2011-12-11".to_owned(), 3)));
    assert_eq!(shop.check("2011-12-10"), Some(2));
}

#[test]
fn rows_are_split_into_files_of_fixed_size() {
    let shop = Shop::new();
    let ddl = ddl();
    let table = [ddl.table(USER_SEGMENTS).unwrap().clone()];
    let options = PublicationOptions { lock_wait: LOCK_WAIT, keep_old_runs: Duration::ZERO };
    let run_id = RunId::new(SystemTime::now());
    let date = "2011-12-10".parse().unwrap();
    let publication =
        Publication::begin(&shop.catalog, &table, &[], run_id, date, &options).unwrap();
    let mut writer = publication.table_writer(&table[0], WriteOptions::default()).unwrap();
    let n_rows = ROWS_PER_FILE as i64 + 5;
    // one row many times over is quick to encode
    let row = rows(&table[0].arrow_schema(), 1, 1, 1);
    let same = arrow::array::UInt32Array::from_value(0, 250_001);
    let many = arrow::compute::take_record_batch(&row, &same).unwrap();
    for _ in 0..4 {
        writer.write(&many).unwrap();
    }
    writer.write(&many.slice(0, 1)).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.rows() as i64, n_rows);
    publication.publish(vec![written]).unwrap();
    let state = shop.catalog.load().unwrap();
    let partition =
        &state.table("default.ecom_user_segments").unwrap().partitions["snapshot_date=2011-12-10"];
    let files: Vec<_> = partition.files.iter().map(|f| (f.name.as_str(), f.rows)).collect();
    assert_eq!(files, [("part-00000.parquet", ROWS_PER_FILE), ("part-00001.parquet", 5)]);
}

#[test]
fn readers_never_see_a_mixture() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 0).unwrap();
    let catalog = LocalCatalog::new(shop.root());
    std::thread::scope(|scope| {
        // Given up when this closure ends, also by a panic.
        let reading = Arc::new(());
        let is_read = Arc::downgrade(&reading);
        let publisher = scope.spawn(move || {
            for n in 1.. {
                if is_read.strong_count() == 0 {
                    break;
                }
                // the same date over and over: the hardest case
                shop.publish("2011-12-10", n % MAX_SALT).unwrap();
            }
        });
        let mut seen = Vec::new();
        let (mut n_reads, start) = (0, Instant::now());
        while (n_reads < 50 || seen.len() < 5) && !publisher.is_finished() {
            // check_views reads the catalog once and all tables through it
            let (_, salt) = Shop::check_views_of(&catalog).unwrap();
            if seen.last() != Some(&salt) {
                seen.push(salt);
            }
            n_reads += 1;
            assert!(start.elapsed() < Duration::from_secs(60), "{n_reads} reads, {seen:?}");
        }
    });
}
