//! What publications leave in a metastore, and what is read of it again.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse::catalog::{Catalog, CatalogError};
use warehouse::catalog_state::{CatalogState, CatalogView};
use warehouse::ddl::TableDef;
use warehouse::publish::{PublishError, Published};

use crate::helper::{Raw, Shop, USER, Version, cluster, metastore, on_both, unique};

const DAY: &str = "2011-12-10";

/// The parameter of a partition.
fn figure(shop: &Shop, table: &TableDef, date: &str, name: &str) -> String {
    let partitions = metastore(&shop.uris).get_partitions(&table.database, &table.name).unwrap();
    let is_of_date = |values: &Vec<_>| values.len() == 1 && values[0] == date;
    let found = partitions.iter().find(|p| p.values.as_ref().is_some_and(is_of_date)).unwrap();
    let parameters = found.parameters.as_ref().unwrap();
    parameters.get(name).map(|value| value.to_string()).unwrap_or_default()
}

/// Holds what the catalog says of a snapshot against what was published.
fn check(shop: &Shop, state: &CatalogState, date: &str, n_rows: i64, published: &Published) {
    for (table, location) in shop.ddl.tables.iter().zip(&published.locations) {
        let entry = &state.tables[&table.qualified_name()];
        assert_eq!((&entry.location, &entry.columns), (&table.directory, &table.columns));
        let partition = &entry.partitions[&format!("snapshot_date={date}")];
        assert_eq!(partition.values, [Some(date.to_owned())]);
        assert_eq!(&partition.location, location);
        assert_eq!(&partition.run_id, location.rsplit('/').next().unwrap());
        assert_eq!(partition.rows(), Some(n_rows as u64));
        assert!(partition.files.is_empty());
        let files = shop.catalog.data_files(partition).unwrap();
        assert_eq!(
            files.iter().map(|file| file.name()).collect::<Vec<_>>(),
            ["part-00000.parquet"]
        );
        let bytes = files[0].stat().unwrap().unwrap().size;
        assert_eq!(figure(shop, table, date, "numRows"), n_rows.to_string());
        assert_eq!(figure(shop, table, date, "numFiles"), "1");
        assert_eq!(figure(shop, table, date, "totalSize"), bytes.to_string());
        // A figure that Hive would take for its own, and answer COUNT(*) with.
        assert_eq!(figure(shop, table, date, "COLUMN_STATS_ACCURATE"), "");
    }
}

/// All views as they are when they show `date`.
fn shown(shop: &Shop, date: &str) -> BTreeMap<String, CatalogView> {
    let view = |view: &warehouse::ddl::ViewDef| {
        let snapshot_date = date.parse().unwrap();
        let shown = CatalogView {
            table: view.qualified_table(),
            text: view.text_for(&snapshot_date),
            snapshot_date,
            comment: view.comment.clone(),
        };
        (view.qualified_name(), shown)
    };
    shop.ddl.views.iter().map(view).collect()
}

on_both! {
    fn one_date_and_again(version: Version) {
        let shop = Shop::new(version);
        assert_eq!(shop.catalog.load().unwrap(), CatalogState::default());
        let first = shop.publish(DAY, 70).unwrap();
        assert_eq!(first.current_snapshot.as_str(), DAY);
        let state = shop.catalog.load().unwrap();
        assert_eq!(state.tables.len(), 3);
        check(&shop, &state, DAY, 70, &first);
        assert_eq!(state.views, shown(&shop, DAY));

        // Fewer rows, and an empty snapshot: nothing of the figures before may stay.
        for n_rows in [3, 0] {
            let again = shop.publish(DAY, n_rows).unwrap();
            assert_ne!(again.locations, first.locations);
            let state = shop.catalog.load().unwrap();
            check(&shop, &state, DAY, n_rows, &again);
            assert!(state.tables.values().all(|table| table.partitions.len() == 1));
        }
        // Another process finds the same.
        let other = shop.again(version.uri());
        assert_eq!(other.catalog.load().unwrap(), shop.catalog.load().unwrap());
    }

    fn views_never_go_back(version: Version) {
        let shop = Shop::new(version);
        for (date, current) in [
            ("2011-12-09", "2011-12-09"),
            ("2011-12-11", "2011-12-11"),
            ("2011-12-10", "2011-12-11"),
            ("2011-12-09", "2011-12-11"),
        ] {
            let published = shop.publish(date, 5).unwrap();
            assert_eq!(published.current_snapshot.as_str(), current);
            let state = shop.catalog.load().unwrap();
            assert_eq!(state.views, shown(&shop, current));
        }
        let state = shop.catalog.load().unwrap();
        for table in state.tables.values() {
            let dates = table.snapshot_dates();
            let dates: Vec<_> = dates.iter().map(|date| date.as_str()).collect();
            assert_eq!(dates, ["2011-12-09", "2011-12-10", "2011-12-11"]);
        }
    }

    fn tables_are_created_once(version: Version) {
        let shop = Shop::new(version);
        for _ in 0..3 {
            let mut lock = shop.catalog.acquire("run-a", Duration::from_secs(9)).unwrap();
            lock.create_tables(&shop.ddl.tables).unwrap();
            lock.create_tables(&shop.ddl.tables[1..]).unwrap();
        }
        let client = metastore(version.uri());
        let state = shop.catalog.load().unwrap();
        assert!(state.views.is_empty());
        for table in &shop.ddl.tables {
            assert!(state.tables[&table.qualified_name()].partitions.is_empty());
            let found = client.get_table(&table.database, &table.name).unwrap().unwrap();
            assert_eq!(found.owner.as_deref(), Some(USER));
            let parameters = found.parameters.unwrap();
            for (name, value) in &table.properties {
                assert_eq!(parameters.get(name.as_str()).map(|v| v.as_str()), Some(value.as_str()));
            }
            assert_eq!(parameters.get("comment").map(|v| v.as_str()), Some(table.comment.as_str()));
            let columns = found.sd.unwrap().cols.unwrap();
            let keys = found.partition_keys.unwrap();
            let found = columns.iter().chain(&keys).map(|field| field.comment.as_deref());
            let wanted = table.columns.iter().chain(&table.partition_keys);
            assert!(found.eq(wanted.map(|column| Some(column.comment.as_str()))));
        }
        let database = client.get_database(&shop.database).unwrap().unwrap();
        assert_eq!(database.owner_name.as_deref(), Some(USER));
        assert!(client.get_database(&unique()).unwrap().is_none());
    }

    fn views_have_comments_and_an_owner(version: Version) {
        let shop = Shop::new(version);
        // Created, and changed.
        for date in ["2011-12-09", DAY] {
            shop.publish(date, 5).unwrap();
            let client = metastore(version.uri());
            for view in &shop.ddl.views {
                let found = client.get_table(&view.database, &view.name).unwrap().unwrap();
                assert_eq!(found.owner.as_deref(), Some(USER));
                let comment = found.parameters.as_ref().unwrap().get("comment");
                assert_eq!(comment.map(|v| v.as_str()), Some(view.comment.as_str()));
                let columns = found.sd.unwrap().cols.unwrap();
                let found = columns.iter().map(|field| (field.name.as_deref(), field.comment.as_deref()));
                let wanted = view.columns.iter().map(|c| (Some(c.name.as_str()), Some(c.comment.as_str())));
                assert!(found.eq(wanted), "{columns:?}");
            }
        }
    }

    fn a_prefix_keeps_tables_apart(version: Version) {
        let plain = Shop::new(version);
        let other = Shop::with(&plain.database, "other_", plain.warehouse.clone(), version.uri());
        plain.publish("2011-12-09", 4).unwrap();
        other.publish(DAY, 5).unwrap();
        let names = |shop: &Shop| shop.catalog.load().unwrap().tables.into_keys().collect::<Vec<_>>();
        assert!(names(&other).iter().all(|name| name.contains(".other_ecom_")));
        assert!(names(&plain).iter().all(|name| name.contains(".ecom_")));
        let state = plain.catalog.load().unwrap();
        assert_eq!(state.views, shown(&plain, "2011-12-09"));
    }

    fn two_at_once(version: Version) {
        let shop = Shop::new(version);
        let other = shop.again(version.uri());
        let first = shop.begin("2011-12-09", Duration::ZERO).unwrap();
        let error = other.begin(DAY, Duration::from_millis(300)).unwrap_err();
        assert!(error.is_retryable());
        let PublishError::Catalog(CatalogError::Locked { holder, .. }) = &error else {
            panic!("{error:?}")
        };
        assert!(holder.starts_with("run-"), "{holder}");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| other.publish(DAY, 6));
            shop.write_and_publish(first, 5).unwrap();
            assert_eq!(waiting.join().unwrap().unwrap().current_snapshot.as_str(), DAY);
        });
        let state = shop.catalog.load().unwrap();
        assert!(state.tables.values().all(|table| table.partitions.len() == 2));
        assert_eq!(state.views, shown(&shop, DAY));
    }

    fn many_threads_use_one_catalog(version: Version) {
        let shop = Shop::new(version);
        shop.publish(DAY, 4).unwrap();
        let expected = shop.catalog.load().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        assert_eq!(shop.catalog.load().unwrap(), expected);
                    }
                });
            }
        });
        // Also where blocking is not allowed, and a runtime must not be dropped.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            assert_eq!(shop.catalog.load().unwrap(), expected);
            drop(shop);
        });
    }
}

#[test]
fn a_view_repointed_by_hand_is_not_ours() {
    let shop = Shop::new(Version::Hive4);
    shop.publish("2011-12-09", 4).unwrap();
    let (view, table) = (&shop.ddl.views[1], &shop.ddl.tables[1]);
    assert_eq!(view.qualified_table(), table.qualified_name());
    let (name, of) = (view.qualified_name(), table.qualified_name());
    let mut beeline = cluster().beeline();
    beeline.execute(&format!("alter view {name} as select * from {of} where 1 = 0")).unwrap();
    let state = shop.catalog.load().unwrap();
    assert_eq!(state.views.len(), 2);
    assert!(!state.views.contains_key(&name));
    // The next publication makes it ours again.
    shop.publish(DAY, 6).unwrap();
    let state = shop.catalog.load().unwrap();
    assert_eq!(state.views, shown(&shop, DAY));
    let count = beeline.query(&format!("select count(*) from {name}")).unwrap();
    assert_eq!(count, [["6"]]);
    // Also one that somebody drops.
    beeline.execute(&format!("drop view {name}")).unwrap();
    shop.publish(DAY, 7).unwrap();
    assert_eq!(beeline.query(&format!("select count(*) from {name}")).unwrap(), [["7"]]);
}

#[test]
fn a_database_that_is_there_is_used() {
    let shop = Shop::new(Version::Hive3);
    Raw::new(&shop.uris).create_database(&shop.database);
    shop.publish(DAY, 4).unwrap();
    let database = metastore(&shop.uris).get_database(&shop.database).unwrap().unwrap();
    assert_ne!(database.owner_name.as_deref(), Some(USER));
}
