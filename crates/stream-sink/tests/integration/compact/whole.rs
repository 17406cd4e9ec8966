//! Compactions that nobody disturbs.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use order_model::Date;
use stream_sink::compact::{CompactOptions, CompactReport, compact};
use stream_sink::error::SinkError;
use warehouse::catalog::CatalogError;

use super::world::{DAYS, Key, ROWS, at_once, keep_nothing, temporary, today};

fn keys() -> impl Iterator<Item = Key> {
    (0..2).flat_map(|table| DAYS.map(|day| (table, day.to_owned())))
}

#[test]
fn few_files_of_many() {
    let (_dir, world, _) = temporary();
    let mut stream = world.fill(&DAYS, 4);
    let report = world.compact(&at_once()).unwrap();
    assert!(report.bytes_before > report.bytes_after && report.bytes_after > 0);
    let expected = CompactReport {
        partitions: 6,
        files_before: 24,
        files_after: 6,
        rows: 24 * ROWS as u64,
        bytes_before: report.bytes_before,
        bytes_after: report.bytes_after,
        ..CompactReport::default()
    };
    assert_eq!(report, expected);
    stream.written.check(&world);
    for key in keys() {
        assert_eq!(world.names(&world.location(&key)), ["part-00000.parquet"]);
        // For readers that have asked before.
        assert_eq!(world.names(&world.default_location(&key)).len(), 4);
    }
    // Nothing to do, and old files are kept.
    assert_eq!(world.compact(&at_once()).unwrap(), CompactReport::default());

    // Old files go, and late ones follow; they are fewer than the least number of files at first.
    stream.put(&DAYS[..1]);
    let removed = world.compact(&CompactOptions { min_files: 3, ..keep_nothing() }).unwrap();
    let expected = CompactReport { removed_old_files: 24, ..CompactReport::default() };
    assert_eq!(removed, expected);
    assert_eq!(world.leftovers(), [""; 0]);
    for key in keys() {
        let folder = world.layout.folder(&world.default_location(&key));
        assert_eq!(folder.list().unwrap(), [], "the folder stays, empty");
        let late = usize::from(key.1 == DAYS[0]);
        assert_eq!(world.names(&world.location(&key)).len(), 1 + late);
    }
    stream.written.check(&world);

    // A second compaction of what was compacted, and the removal of the first one's files.
    let first: Vec<_> = keys().map(|key| world.location(&key)).collect();
    let again = world.compact(&at_once()).unwrap();
    assert_eq!((again.partitions, again.files_before, again.files_after), (2, 4, 2));
    stream.written.check(&world);
    let removed = world.compact(&keep_nothing()).unwrap();
    assert_eq!(removed, CompactReport { removed_old_files: 4, ..CompactReport::default() });
    stream.written.check(&world);
    for (key, first) in keys().zip(first) {
        let is_gone = world.layout.folder(&first).stat().unwrap().is_none();
        assert_eq!(is_gone, key.1 == DAYS[0], "{first}");
    }
    assert_eq!(world.leftovers(), [""; 0]);
}

#[test]
fn rows_keep_the_order_of_their_files() {
    let (_dir, world, _) = temporary();
    world.fill(&DAYS[..1], 3);
    world.compact(&at_once()).unwrap();
    let key = (0, DAYS[0].to_owned());
    let folder = world.layout.folder(&world.location(&key));
    let schema = world.tables[0].arrow_schema();
    let file = folder.join("part-00000.parquet");
    let mut offsets = Vec::new();
    for batch in warehouse::read::read_columns(vec![file], schema, &["kafka_offset"]) {
        let batch = batch.unwrap();
        let column = batch.column(0).as_any().downcast_ref::<arrow::array::Int64Array>().unwrap();
        offsets.extend(column.values().iter().copied());
    }
    assert_eq!(offsets.len(), 3 * ROWS as usize);
    assert!(offsets.is_sorted(), "{offsets:?}");
}

#[test]
fn files_of_the_size_asked_for() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS[..1], 9);
    let key = (0, DAYS[0].to_owned());
    let folder = world.layout.folder(&world.location(&key));
    let largest = folder.list().unwrap().iter().map(|entry| entry.size).max().unwrap();
    // Three old files go into each new one.
    let options = CompactOptions { target_bytes: 3 * largest, ..at_once() };
    world.compact(&options).unwrap();
    let names = world.names(&world.location(&key));
    assert_eq!(names, ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]);
    stream.written.check(&world);
    // Files that are large enough are not written again and again.
    world.compact(&keep_nothing()).unwrap();
    let small = world.layout.folder(&world.location(&key)).list().unwrap()[0].size;
    let options = CompactOptions { target_bytes: small, ..keep_nothing() };
    assert_eq!(world.compact(&options).unwrap().partitions, 0);
}

#[test]
fn only_past_and_quiet_days() {
    let (_dir, world, _) = temporary();
    let today = today();
    let now = SystemTime::now();
    let day = |ago: i32| format!("dt={}", Date::from_days(today - ago));
    let days: Vec<String> = [-1, 0, 1, 4, 5, 6].map(day).into();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    let stream = world.fill(&days, 2);
    let run = |options: &CompactOptions, now| {
        compact(&*world.catalog, &world.tables[..1], options, now, &|| false).unwrap()
    };
    let quiet = CompactOptions { quiet: Duration::from_secs(3_600), ..at_once() };
    let report = run(&quiet, now);
    assert_eq!((report.partitions, report.skipped.len()), (0, 3), "{report:?}");
    assert!(report.skipped[0].1.contains("ago"), "{report:?}");
    assert_eq!(run(&CompactOptions { min_files: 3, ..at_once() }, now).partitions, 0);
    assert_eq!(run(&CompactOptions { older_than_days: 5, ..at_once() }, now).partitions, 1);
    // Whatever is asked for, and whatever the caller's clock says.
    let later = now + Duration::from_secs(10 * 86_400);
    let report = run(&CompactOptions { older_than_days: 0, ..at_once() }, later);
    assert_eq!(report.partitions, 2);
    for (n, open) in days.iter().enumerate() {
        let key = (0, (*open).to_owned());
        assert_eq!(world.location(&key) == world.default_location(&key), n < 3, "{open}");
    }
    stream.written.check(&world);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (_dir, world, folder) = temporary();
    world.fill(&DAYS, 3);
    let all = || {
        let mut found = BTreeSet::new();
        let mut folders = vec![folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                let modified = path.metadata().unwrap().modified().unwrap();
                found.insert((path, modified));
            }
        }
        found
    };
    let before = all();
    let dry = CompactOptions { dry_run: true, retain_days: Some(30), ..at_once() };
    let report = world.compact(&dry).unwrap();
    assert_eq!(report.dropped_partitions.len(), 6);
    let report = world.compact(&CompactOptions { retain_days: None, ..dry }).unwrap();
    assert_eq!((report.partitions, report.files_before, report.rows), (6, 18, 0));
    assert_eq!(all(), before);
}

#[test]
fn stopped_when_asked() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS, 3);
    // After each number of questions once, until it has not been stopped any more.
    let mut partitions = 0;
    for questions in 0.. {
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > questions
        };
        let now = SystemTime::now();
        let report = compact(&*world.catalog, &world.tables, &keep_nothing(), now, &stop).unwrap();
        partitions += report.partitions;
        stream.written.check(&world);
        for table in &world.tables {
            let markers = world.layout.closing(table).list_if_exists().unwrap();
            assert_eq!(markers, [], "{questions}");
        }
        if asked.get() <= questions && report.partitions == 0 {
            break;
        }
        assert!(questions < 500);
    }
    assert_eq!(partitions, 6);
    world.compact(&keep_nothing()).unwrap();
    assert_eq!(world.leftovers(), [""; 0]);
}

#[test]
fn a_bad_file_holds_up_its_partition_only() {
    let (_dir, world, folder) = temporary();
    let stream = world.fill(&DAYS, 2);
    let of = |day: &str| folder.join(world.default_location(&(0, day.to_owned())));
    std::fs::write(of(DAYS[0]).join("part-x.parquet"), b"PAR1, but not really").unwrap();
    std::fs::write(of(DAYS[1]).join("000000_0"), b"").unwrap();
    let report = world.compact(&keep_nothing()).unwrap();
    assert_eq!(report.partitions, 4);
    let reasons: Vec<_> = report.skipped.iter().map(|(p, reason)| (p.as_str(), reason)).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert_eq!(reasons[0].0, "ecom_orders_tagged/dt=2011-12-07");
    assert!(reasons[0].1.contains("part-x.parquet"), "{reasons:?}");
    assert!(reasons[1].1.contains("'000000_0'"), "{reasons:?}");
    std::fs::remove_file(of(DAYS[0]).join("part-x.parquet")).unwrap();
    std::fs::remove_file(of(DAYS[1]).join("000000_0")).unwrap();
    assert_eq!(world.compact(&keep_nothing()).unwrap().partitions, 2);
    world.compact(&keep_nothing()).unwrap();
    assert_eq!(world.leftovers(), [""; 0]);
    stream.written.check(&world);
}

#[test]
fn one_at_a_time() {
    let (_dir, world, _) = temporary();
    let stream = world.fill(&DAYS, 3);
    let partitions: u64 = std::thread::scope(|scope| {
        let run = || scope.spawn(|| world.compact(&at_once()).unwrap().partitions);
        let runs: Vec<_> = (0..4).map(|_| run()).collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(partitions, 6);
    stream.written.check(&world);

    let folder = world.layout.compaction(&world.tables[0]);
    let claim = warehouse::claim::Claim::acquire(
        &folder,
        world.catalog.warehouse(),
        "another",
        Duration::ZERO,
        Duration::from_secs(60),
    );
    let options = CompactOptions { lock_wait: Duration::ZERO, ..at_once() };
    let error = world.compact(&options).unwrap_err();
    assert!(matches!(error, SinkError::Catalog(CatalogError::Locked { .. })), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("another, process"), "{error}");
    drop(claim);
    world.compact(&options).unwrap();
}
