//! What publications leave in Glue, and what is read of it again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_glue::types::{Column, PartitionValueList};
use glue_catalog::OPERATIONS;
use warehouse::catalog::{Catalog, CatalogError};
use warehouse::catalog_state::{CatalogState, CatalogView};
use warehouse::publish::PublishError;

use crate::helper::{LOCK_WAIT, Shop, USER, glue, raw};

const DAY: &str = "2011-12-10";
const PARQUET: &str = "org.apache.hadoop.hive.ql.io.parquet";

/// All views as they are when they show `date`.
fn views_of(shop: &Shop, date: &str) -> BTreeMap<String, CatalogView> {
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

#[test]
fn one_date_and_again() {
    let shop = Shop::new();
    assert_eq!(shop.catalog.load().unwrap(), CatalogState::default());
    let first = shop.publish(DAY, 70).unwrap();
    assert_eq!(first.current_snapshot.as_str(), DAY);
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 70); 3]);
    // Fewer rows, and an empty snapshot: nothing of the figures before may stay.
    for n_rows in [3, 0] {
        let again = shop.publish(DAY, n_rows).unwrap();
        assert_ne!(again.locations, first.locations);
        let state = shop.catalog.load().unwrap();
        assert_eq!(state.views, views_of(&shop, DAY));
        for (table, location) in shop.ddl.tables.iter().zip(&again.locations) {
            let entry = &state.tables[&table.qualified_name()];
            assert_eq!((&entry.location, &entry.columns), (&table.directory, &table.columns));
            assert_eq!(entry.partitions.len(), 1);
            let partition = &entry.partitions[&format!("snapshot_date={DAY}")];
            assert_eq!(partition.values, [Some(DAY.to_owned())]);
            assert_eq!(&partition.location, location);
            assert_eq!(&partition.run_id, location.rsplit('/').next().unwrap());
            assert_eq!(partition.rows(), Some(n_rows as u64));
        }
    }
    // Another process finds the same.
    let other = shop.again(glue());
    assert_eq!(other.catalog.load().unwrap(), shop.catalog.load().unwrap());
}

#[test]
fn views_never_go_back() {
    let shop = Shop::new();
    for (date, current) in [
        ("2011-12-09", "2011-12-09"),
        ("2011-12-11", "2011-12-11"),
        ("2011-12-10", "2011-12-11"),
        ("2011-12-09", "2011-12-11"),
    ] {
        let published = shop.publish(date, 5).unwrap();
        assert_eq!(published.current_snapshot.as_str(), current);
        assert_eq!(shop.catalog.load().unwrap().views, views_of(&shop, current));
    }
    let state = shop.catalog.load().unwrap();
    for table in state.tables.values() {
        let dates = table.snapshot_dates();
        let dates: Vec<_> = dates.iter().map(|date| date.as_str()).collect();
        assert_eq!(dates, ["2011-12-09", "2011-12-10", "2011-12-11"]);
    }
}

/// More partitions than there are in one page.
#[test]
fn a_snapshot_a_day() {
    let shop = Shop::new();
    for day in 0..35 {
        let date = format!("2011-{:02}-{:02}", day / 28 + 1, day % 28 + 1);
        shop.publish(&date, 1).unwrap();
    }
    let state = shop.catalog.load().unwrap();
    assert!(state.tables.values().all(|table| table.partitions.len() == 35));
    assert_eq!(shop.shown(), vec![("2011-02-07".to_owned(), 1); 3]);
}

/// What Hive, Spark and Athena go by.
#[test]
fn tables_are_hives() {
    let shop = Shop::new();
    shop.publish(DAY, 5).unwrap();
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    let described = |columns: &[Column]| -> Vec<(String, String, String)> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let of = |c: &Column| (c.name.clone(), text(&c.r#type), text(&c.comment));
        columns.iter().map(of).collect()
    };
    for def in shop.ddl.tables.iter().chain(&shop.ddl.order_tables) {
        let found = shop.raw_table(&def.name);
        assert_eq!(found.table_type.as_deref(), Some("EXTERNAL_TABLE"));
        assert_eq!(found.owner.as_deref(), Some(USER));
        assert_eq!(found.description.as_ref(), Some(&def.comment));
        let mut expected: HashMap<_, _> = def.properties.clone().into_iter().collect();
        assert_eq!(expected["EXTERNAL"], "TRUE");
        expected.insert("comment".to_owned(), def.comment.clone());
        expected.insert("classification".to_owned(), "parquet".to_owned());
        assert_eq!(found.parameters.unwrap(), expected);
        let storage = found.storage_descriptor.unwrap();
        let class = |name: &str| Some(format!("{PARQUET}.{name}"));
        assert_eq!(storage.input_format, class("MapredParquetInputFormat"));
        assert_eq!(storage.output_format, class("MapredParquetOutputFormat"));
        let serde = storage.serde_info.unwrap();
        assert_eq!(serde.serialization_library, class("serde.ParquetHiveSerDe"));
        assert_eq!(serde.parameters.unwrap()["serialization.format"], "1");
        assert_eq!(storage.location.as_ref(), Some(&def.location));
        let of = |c: &warehouse::schema::Column| {
            (c.name.clone(), c.hive_type.to_string(), c.comment.clone())
        };
        let wanted: Vec<_> = def.columns.iter().map(of).collect();
        assert_eq!(described(&storage.columns.unwrap()), wanted);
        let keys: Vec<_> = def.partition_keys.iter().map(of).collect();
        assert_eq!(described(&found.partition_keys.unwrap()), keys);
        // Glue makes no folders.
        assert!(shop.warehouse.join(&def.directory).stat().unwrap().unwrap().is_dir);
    }
    for def in &shop.ddl.tables {
        let found = raw(|client| {
            let values = PartitionValueList::builder().values(DAY).build().unwrap();
            let request = client.batch_get_partition().database_name(&shop.database);
            let request = request.table_name(&def.name).partitions_to_get(values);
            async { request.send().await.unwrap().partitions.unwrap().remove(0) }
        });
        let parameters = found.parameters.unwrap();
        assert_eq!((&*parameters["numRows"], &*parameters["numFiles"]), ("5", "1"));
        let storage = found.storage_descriptor.unwrap();
        assert_eq!(storage.columns.unwrap().len(), def.columns.len());
        assert_eq!(storage.input_format.unwrap(), format!("{PARQUET}.MapredParquetInputFormat"));
        assert!(storage.location.unwrap().starts_with(&format!("{}/_runs/run-", def.location)));
    }
}

/// Both texts: Hive fails without the expanded one.
#[test]
fn views_are_hives() {
    let shop = Shop::new();
    for date in ["2011-12-09", DAY] {
        shop.publish(date, 5).unwrap();
        for (index, def) in shop.ddl.views.iter().enumerate() {
            let found = shop.raw_table(&def.name);
            assert_eq!(found.table_type.as_deref(), Some("VIRTUAL_VIEW"));
            assert_eq!(found.owner.as_deref(), Some(USER));
            let text = def.text_for(&date.parse().unwrap());
            assert_eq!(found.view_original_text.as_ref(), Some(&text));
            assert_eq!(found.view_expanded_text.as_ref(), Some(&text));
            let parameters = found.parameters.unwrap();
            assert_eq!(parameters["comment"], def.comment);
            assert!(!parameters.contains_key("classification"));
            let columns = found.storage_descriptor.unwrap().columns.unwrap();
            let table = &shop.ddl.tables[index];
            assert_eq!(def.qualified_table(), table.qualified_name());
            for (column, def) in columns.iter().zip(&def.columns) {
                let of = |c: &&warehouse::schema::Column| c.name == def.name;
                let mut all = table.columns.iter().chain(&table.partition_keys);
                let kind = all.find(of).unwrap().hive_type.to_string();
                assert_eq!((&column.name, column.r#type.as_ref()), (&def.name, Some(&kind)));
                assert_eq!(column.comment.as_ref(), Some(&def.comment));
            }
            assert_eq!(columns.len(), def.columns.len());
        }
    }
}

#[test]
fn two_at_once() {
    let shop = Shop::new();
    let other = shop.again(glue());
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
    assert_eq!(shop.shown(), vec![(DAY.to_owned(), 6); 3]);
}

#[test]
fn many_threads_use_one_catalog() {
    let shop = Shop::new();
    shop.publish(DAY, 4).unwrap();
    let expected = shop.catalog.load().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(shop.catalog.load().unwrap(), expected));
        }
    });
    // Also where blocking is not allowed, and a runtime must not be dropped.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move {
        assert_eq!(shop.catalog.load().unwrap(), expected);
        drop(shop);
    });
}

/// The server of these tests allows what the policy does, so no right is missing; here, that none is too many.
#[test]
fn the_policy_has_the_rights_that_are_needed() {
    let policy = include_str!("../../../../emr/iam/node-glue.json");
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    let actions: BTreeSet<_> = actions.map(|action| action.as_str().unwrap().to_owned()).collect();
    let made: BTreeSet<_> = OPERATIONS.iter().map(|name| format!("glue:{name}")).collect();
    assert_eq!(actions, made);
}
