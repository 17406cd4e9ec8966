//! What order tables do in every catalog. The tests of each catalog call these functions with a warehouse of their own,
//! in which nothing has happened yet.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use warehouse::catalog::{Catalog, CatalogError, NewPartition};
use warehouse::catalog_state::Partition;
use warehouse::ddl::{Ddl, ORDERS_REJECTED, ORDERS_TAGGED, TableDef};
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::run_id::RunId;
use warehouse::schema::HiveType;

use crate::rows::rows;

const WAIT: Duration = Duration::from_secs(60);

/// Makes a test of each function here, with `$shop` as its warehouse: something with a `catalog` and a `ddl`.
macro_rules! for_every_catalog {
    ($shop:expr) => {
        crate::every_catalog::for_every_catalog! { $shop;
            tables_are_created_once
            tables_that_are_not_there
            tables_with_other_columns
            partitions_are_added_once
            partitions_that_cannot_be
            values_that_need_escaping
            one_of_many_moves_a_partition
            moving_from_elsewhere
            dropping
            beside_publications
        }
    };
    ($shop:expr; $($name:ident)*) => {
        $(#[test] fn $name() {
            let shop = $shop;
            crate::every_catalog::$name(&shop.catalog, &shop.ddl);
        })*
    };
}
pub(crate) use for_every_catalog;

/// Where a partition lies by its name.
pub(crate) fn new_partition(table: &TableDef, value: Option<&str>) -> NewPartition {
    let values = vec![value.map(str::to_owned)];
    let location = table.default_location(&table.partition_name(&values));
    NewPartition { values, location }
}

pub(crate) fn day(table: &TableDef, date: &str) -> NewPartition {
    new_partition(table, Some(date))
}

/// What the catalog is asked for the files of a partition with.
pub(crate) fn partition(new: &NewPartition, location: &str) -> Partition {
    Partition {
        values: new.values.clone(),
        location: location.to_owned(),
        run_id: String::new(),
        files: Vec::new(),
        known_rows: None,
    }
}

fn by_name(table: &TableDef, partitions: &[NewPartition]) -> BTreeMap<String, String> {
    let entry = |p: &NewPartition| (table.partition_name(&p.values), p.location.clone());
    partitions.iter().map(entry).collect()
}

/// 250 days, in order.
fn days(table: &TableDef) -> Vec<NewPartition> {
    let date = |n: u32| format!("2011-{:02}-{:02}", n / 28 + 1, n % 28 + 1);
    (0..250).map(|n| day(table, &date(n))).collect()
}

pub(crate) fn tables_are_created_once(catalog: &dyn Catalog, ddl: &Ddl) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| catalog.create_tables(&ddl.order_tables, WAIT).unwrap());
        }
    });
    catalog.create_tables(&ddl.order_tables[1..], WAIT).unwrap();
    for table in &ddl.order_tables {
        assert_eq!(catalog.list_partitions(table).unwrap(), BTreeMap::new());
        let names = ["dt=2011-12-09".to_owned()];
        assert_eq!(catalog.partition_locations(table, &names).unwrap(), BTreeMap::new());
    }
}

pub(crate) fn tables_that_are_not_there(catalog: &dyn Catalog, ddl: &Ddl) {
    // The database is there.
    catalog.create_tables(std::slice::from_ref(ddl.table(ORDERS_TAGGED).unwrap()), WAIT).unwrap();
    let table = ddl.table(ORDERS_REJECTED).unwrap();
    let new = day(table, "2011-12-09");
    let name = "dt=2011-12-09".to_owned();
    let names = std::slice::from_ref(&name);
    let (from, to) = (new.location.as_str(), "elsewhere");
    for (call, result) in [
        ("add", catalog.add_partitions(table, std::slice::from_ref(&new), WAIT)),
        ("locations", catalog.partition_locations(table, names).map(drop)),
        ("list", catalog.list_partitions(table).map(drop)),
        ("move", catalog.move_partition(table, &name, from, to, WAIT)),
        ("drop", catalog.drop_partitions(table, names, WAIT)),
    ] {
        let error = result.expect_err(call);
        assert!(matches!(error, CatalogError::UnknownTable { .. }), "{call}: {error:?}");
        assert!(error.to_string().contains(&table.qualified_name()), "{call}: {error}");
    }
}

pub(crate) fn tables_with_other_columns(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let mut other = ddl.order_tables.clone();
    other[1].columns[3].hive_type = HiveType::String;
    let (table, new) = (&other[1], day(&other[1], "2011-12-09"));
    for error in [
        catalog.create_tables(&other, WAIT).unwrap_err(),
        catalog.add_partitions(table, &[new], WAIT).unwrap_err(),
        catalog.list_partitions(table).unwrap_err(),
    ] {
        assert!(matches!(error, CatalogError::TableDiffers { .. }), "{error:?}");
        assert!(!error.is_retryable());
        let difference =
            "column 4 is 'message_value' binary, this program writes 'message_value' string";
        assert!(error.to_string().contains(difference), "{error}");
    }
    assert_eq!(catalog.list_partitions(&ddl.order_tables[1]).unwrap(), BTreeMap::new());
}

pub(crate) fn partitions_are_added_once(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let [table, other] = &ddl.order_tables[..] else { panic!("{ddl:?}") };
    let all = days(table);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let mut partitions = all.clone();
            partitions.rotate_left(thread * 30);
            if thread % 2 == 1 {
                partitions.reverse();
            }
            scope.spawn(move || {
                for part in partitions.chunks(125) {
                    catalog.add_partitions(table, part, WAIT).unwrap();
                }
            });
        }
    });
    let expected = by_name(table, &all);
    assert_eq!(expected.len(), 250);
    assert_eq!(catalog.list_partitions(table).unwrap(), expected);
    for partition in &all {
        assert!(catalog.warehouse().join(&partition.location).stat().unwrap().unwrap().is_dir);
    }
    // Once more: with a twin among them, with others that are new, and at another place, where they are not.
    let elsewhere = NewPartition { location: "elsewhere".to_owned(), ..all[0].clone() };
    let new = day(table, "2012-01-01");
    let again = [elsewhere, new.clone(), all[7].clone(), new.clone()];
    catalog.add_partitions(table, &again, WAIT).unwrap();
    catalog.add_partitions(table, &[], WAIT).unwrap();
    assert_eq!(catalog.list_partitions(table).unwrap().len(), 251);
    let asked = ["dt=2012-01-01", "dt=2011-01-01", "dt=1999-01-01", "dt=2012-01-01"];
    let found = catalog.partition_locations(table, &asked.map(str::to_owned)).unwrap();
    assert_eq!(found, by_name(table, &[all[0].clone(), new]));
    // 250 of them, in several calls.
    let names: Vec<_> = expected.keys().cloned().collect();
    assert_eq!(catalog.partition_locations(table, &names).unwrap(), expected);
    assert_eq!(catalog.partition_locations(table, &[]).unwrap(), BTreeMap::new());
    assert_eq!(catalog.list_partitions(other).unwrap(), BTreeMap::new());
}

pub(crate) fn partitions_that_cannot_be(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let table = &ddl.order_tables[0];
    let good = day(table, "2011-12-09");
    catalog.add_partitions(table, std::slice::from_ref(&good), WAIT).unwrap();
    let too_many = vec![Some("2011-12-10".to_owned()), Some("12".to_owned())];
    let mut bad = vec![
        NewPartition { values: Vec::new(), ..day(table, "2011-12-10") },
        NewPartition { values: too_many, ..day(table, "2011-12-10") },
    ];
    let locations = ["", "/", "/etc", "../x", "a/../b", "a//b", "./a", "a/"];
    bad.extend(locations.map(|location| NewPartition {
        location: location.to_owned(),
        ..day(table, "2011-12-10")
    }));
    for new in bad {
        // Nothing of a call with such a one is done.
        let both = [day(table, "2011-12-11"), new.clone()];
        let error = catalog.add_partitions(table, &both, WAIT).expect_err(&new.location);
        assert!(matches!(error, CatalogError::InvalidPartition { .. }), "{new:?}: {error:?}");
        assert!(!error.is_retryable());
    }
    for to in locations {
        let name = "dt=2011-12-09";
        let moved = catalog.move_partition(table, name, &good.location, to, WAIT);
        let error = moved.expect_err(to);
        assert!(matches!(error, CatalogError::InvalidPartition { .. }), "{to}: {error:?}");
    }
    assert_eq!(catalog.list_partitions(table).unwrap(), by_name(table, &[good]));
}

pub(crate) fn values_that_need_escaping(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let table = &ddl.order_tables[0];
    let values = [
        Some("a/b=c%d \u{e9}"),
        Some("two words"),
        Some("12:30"),
        Some("\u{65e5}\u{672c}"),
        Some("it's \"b\""),
        Some("%2F"),
        Some("#?*[]{}^"),
        Some("=first"),
        Some("back\\slash"),
        None,
    ];
    let all = values.map(|value| new_partition(table, value));
    for _ in 0..2 {
        catalog.add_partitions(table, &all, WAIT).unwrap();
    }
    let expected = by_name(table, &all);
    assert_eq!(expected.len(), values.len());
    assert_eq!(catalog.list_partitions(table).unwrap(), expected);
    for (name, location) in &expected {
        let found = catalog.partition_locations(table, std::slice::from_ref(name)).unwrap();
        assert_eq!(found, BTreeMap::from([(name.clone(), location.clone())]));
    }
    // A file that comes later is found, whatever the folder is called; files that are being written are not.
    for new in &all {
        let folder = catalog.warehouse().join(&new.location);
        for name in ["b.parquet", "a.parquet", "_c.parquet", ".d.parquet", "e.parquet.tmp"] {
            folder.join(name).write(b"x").unwrap();
        }
        let files = catalog.data_files(&partition(new, &new.location)).unwrap();
        let paths: Vec<_> = files.iter().map(|file| file.path().to_owned()).collect();
        let expected = ["a.parquet", "b.parquet"].map(|name| folder.join(name).path().to_owned());
        assert_eq!(paths, expected);
    }
    for (index, (name, location)) in expected.iter().enumerate() {
        let to = format!("{}/_moved/{index}", table.directory);
        catalog.warehouse().join(&to).create_dir_all().unwrap();
        catalog.move_partition(table, name, location, &to, WAIT).unwrap();
        let found = catalog.partition_locations(table, std::slice::from_ref(name)).unwrap();
        assert_eq!(found, BTreeMap::from([(name.clone(), to)]));
    }
    let names: Vec<_> = expected.into_keys().collect();
    catalog.drop_partitions(table, &names, WAIT).unwrap();
    assert_eq!(catalog.list_partitions(table).unwrap(), BTreeMap::new());
}

pub(crate) fn one_of_many_moves_a_partition(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let table = &ddl.order_tables[0];
    let (new, name) = (day(table, "2011-12-09"), "dt=2011-12-09");
    catalog.add_partitions(table, std::slice::from_ref(&new), WAIT).unwrap();
    let targets = [0, 1, 2, 3].map(|n| format!("{}/_moved/{n}", table.directory));
    for target in &targets {
        catalog.warehouse().join(target).create_dir_all().unwrap();
    }
    let results = std::thread::scope(|scope| {
        let from = &new.location;
        let threads = targets
            .each_ref()
            .map(|to| scope.spawn(move || catalog.move_partition(table, name, from, to, WAIT)));
        threads.map(|thread| thread.join().unwrap())
    });
    let winners: Vec<_> = (0..4).filter(|&n| results[n].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, CatalogError::ChangedMeanwhile { .. }), "{error:?}");
    }
    let found = catalog.list_partitions(table).unwrap();
    assert_eq!(found[name], targets[winners[0]]);
}

pub(crate) fn moving_from_elsewhere(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let table = &ddl.order_tables[0];
    let (first, second) = (day(table, "2011-12-09"), day(table, "2011-12-10"));
    catalog.add_partitions(table, &[first.clone(), second.clone()], WAIT).unwrap();
    let to = format!("{}/_moved/1", table.directory);
    catalog.warehouse().join(&to).create_dir_all().unwrap();
    let name = "dt=2011-12-09";
    for (name, from) in [
        (name, second.location.as_str()),
        (name, "elsewhere"),
        (name, ""),
        ("dt=2011-12-11", first.location.as_str()),
    ] {
        let error = catalog.move_partition(table, name, from, &to, WAIT).expect_err(from);
        assert!(matches!(error, CatalogError::ChangedMeanwhile { .. }), "{error:?}");
        let object = format!("partition {name} of {}", table.qualified_name());
        assert!(error.to_string().starts_with(&object), "{error}");
    }
    // There is nothing there that could be read.
    let error = catalog
        .move_partition(table, name, &first.location, "not/there", WAIT)
        .expect_err("a folder that is not there");
    assert!(matches!(error, CatalogError::Store(_)), "{error:?}");
    let both = by_name(table, &[first.clone(), second.clone()]);
    assert_eq!(catalog.list_partitions(table).unwrap(), both);

    // Away, once more, which changes nothing, and back. Its neighbour stays where it is.
    for _ in 0..2 {
        catalog.move_partition(table, name, &first.location, &to, WAIT).unwrap();
    }
    let moved = NewPartition { location: to.clone(), ..first.clone() };
    let expected = by_name(table, &[moved, second]);
    assert_eq!(catalog.list_partitions(table).unwrap(), expected);
    // Adding it where it was does not move it.
    catalog.add_partitions(table, std::slice::from_ref(&first), WAIT).unwrap();
    assert_eq!(catalog.list_partitions(table).unwrap(), expected);
    catalog.move_partition(table, name, &to, &first.location, WAIT).unwrap();
    assert_eq!(catalog.list_partitions(table).unwrap(), both);
}

pub(crate) fn dropping(catalog: &dyn Catalog, ddl: &Ddl) {
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    let table = &ddl.order_tables[0];
    let all = ["2011-12-09", "2011-12-10", "2011-12-11"].map(|date| day(table, date));
    catalog.add_partitions(table, &all, WAIT).unwrap();
    let file = catalog.warehouse().join(&all[0].location).join("a.parquet");
    file.write(b"x").unwrap();
    let names = ["dt=2011-12-09", "dt=1999-01-01", "dt=2011-12-11"].map(str::to_owned);
    for _ in 0..2 {
        catalog.drop_partitions(table, &names, WAIT).unwrap();
        assert_eq!(catalog.list_partitions(table).unwrap(), by_name(table, &all[1..2]));
    }
    catalog.drop_partitions(table, &[], WAIT).unwrap();
    assert_eq!(file.read().unwrap().unwrap(), b"x");
    // And it can come back.
    catalog.add_partitions(table, &all[..1], WAIT).unwrap();
    assert_eq!(catalog.list_partitions(table).unwrap(), by_name(table, &all[..2]));
    assert_eq!(catalog.data_files(&partition(&all[0], &all[0].location)).unwrap().len(), 1);
}

pub(crate) fn beside_publications(catalog: &dyn Catalog, ddl: &Ddl) {
    let publish = |date: &str| {
        let options = PublicationOptions { lock_wait: WAIT, keep_old_runs: Duration::ZERO };
        let run_id = RunId::new(SystemTime::now());
        let date = date.parse().unwrap();
        let publication =
            Publication::begin(catalog, &ddl.tables, &ddl.views, run_id, date, &options).unwrap();
        let write = |table: &TableDef| {
            let mut writer = publication.table_writer(table, WriteOptions::default()).unwrap();
            writer.write(&rows(&table.arrow_schema(), 0, 5, 1)).unwrap();
            writer.finish().unwrap()
        };
        let written = ddl.tables.iter().map(write).collect();
        publication.publish(written).unwrap();
    };
    let shown = || {
        let state = catalog.load().unwrap();
        let of = |view: &warehouse::ddl::ViewDef| {
            let (_, partition) = state.resolve_view(&view.qualified_name()).unwrap();
            (partition.clone(), catalog.data_files(partition).unwrap())
        };
        ddl.views.iter().map(of).collect::<Vec<_>>()
    };
    let table = &ddl.order_tables[0];
    let all = days(table);
    publish("2011-12-09");
    let before = shown();
    catalog.create_tables(&ddl.order_tables, WAIT).unwrap();
    catalog.add_partitions(table, &all[..10], WAIT).unwrap();
    let to = format!("{}/_runs/moved", table.directory);
    catalog.warehouse().join(&to).create_dir_all().unwrap();
    catalog.move_partition(table, "dt=2011-01-01", &all[0].location, &to, WAIT).unwrap();
    assert_eq!(shown(), before);
    let mut expected = by_name(table, &all);
    expected.insert("dt=2011-01-01".to_owned(), to);
    // Both go on at the same time. Replaced runs are removed at once, and nothing of the stream's with them.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for new in &all[10..] {
                catalog.add_partitions(table, std::slice::from_ref(new), WAIT).unwrap();
            }
        });
        for _ in 0..3 {
            publish("2011-12-10");
        }
    });
    assert_eq!(catalog.list_partitions(table).unwrap(), expected);
    let after = shown();
    assert!(after.iter().zip(&before).all(|(after, before)| after != before));
    let dates = [Some("2011-12-10".to_owned())];
    assert!(after.iter().all(|(partition, files)| partition.values == dates && files.len() == 1));
    for location in expected.values() {
        assert!(catalog.warehouse().join(location).stat().unwrap().is_some(), "{location}");
    }
    // What a publication reads of the catalog are its own tables.
    let state = catalog.load().unwrap();
    for table in &ddl.tables {
        assert_eq!(state.tables[&table.qualified_name()].snapshot_dates().len(), 2);
    }
}
