//! Order tables in Glue: what every catalog does, and what is done in Glue's way.

use std::collections::BTreeMap;
use std::time::Duration;

use warehouse::catalog::{Catalog, CatalogError};

use crate::every_catalog::{day, for_every_catalog};
use crate::helper::{LOCK_WAIT, Shop};

for_every_catalog! { Shop::new() }

fn folder(shop: &Shop, name: &str) -> String {
    let location = format!("{}/{name}", shop.ddl.order_tables[0].directory);
    shop.warehouse.join(&location).create_dir_all().unwrap();
    location
}

/// Neither the batch's lock, nor those who move partitions.
#[test]
fn nobody_keeps_a_stream_from_adding() {
    let shop = Shop::new();
    let run = shop.begin("2011-12-10", LOCK_WAIT).unwrap();
    let table = &shop.ddl.order_tables[0];
    shop.catalog.create_tables(&shop.ddl.order_tables, Duration::ZERO).unwrap();
    let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
    shop.catalog.add_partitions(table, &all, Duration::ZERO).unwrap();
    let claim = warehouse::claim::Claim::acquire(
        &shop.warehouse.join("_catalog").join(&table.directory),
        &shop.warehouse,
        "run-a",
        LOCK_WAIT,
        Duration::from_secs(30),
    );
    let claim = claim.unwrap();
    let (name, wait) = ("dt=2011-12-09", Duration::from_millis(300));
    let (from, to) = (&all[0].location, folder(&shop, "_moved/1"));
    for error in [
        shop.catalog.move_partition(table, name, from, &to, wait).unwrap_err(),
        shop.catalog.drop_partitions(table, &[name.to_owned()], wait).unwrap_err(),
    ] {
        assert!(matches!(error, CatalogError::Locked { .. }), "{error:?}");
        assert!(error.is_retryable());
    }
    shop.catalog.add_partitions(table, &[day(table, "2011-12-11")], Duration::ZERO).unwrap();
    drop(claim);
    shop.catalog.move_partition(table, name, from, &to, LOCK_WAIT).unwrap();
    shop.write_and_publish(run, 5).unwrap();
    assert_eq!(shop.shown(), vec![("2011-12-10".to_owned(), 5); 3]);
    assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 3);
}

/// Whether the answer gets lost, or Glue asks for patience.
#[test]
fn every_request_is_made_again() {
    for fault in ["lose", "throttle", "break"] {
        let shop = Shop::new();
        let table = &shop.ddl.order_tables[0];
        for operation in [
            "GetDatabase",
            "CreateDatabase",
            "GetTable",
            "CreateTable",
            "BatchCreatePartition",
            "GetPartitions",
            "BatchGetPartition",
            "UpdatePartition",
            "DeletePartition",
        ] {
            shop.on(operation, fault);
        }
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
        shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 2);
        let (from, to) = (&all[0].location, folder(&shop, "_moved/1"));
        shop.catalog.move_partition(table, "dt=2011-12-09", from, &to, LOCK_WAIT).unwrap();
        shop.catalog.drop_partitions(table, &["dt=2011-12-10".to_owned()], LOCK_WAIT).unwrap();
        shop.check();
        let expected = BTreeMap::from([("dt=2011-12-09".to_owned(), to)]);
        assert_eq!(shop.catalog.list_partitions(table).unwrap(), expected, "{fault}");
    }
}

#[test]
fn others_at_the_same_moment() {
    let shop = Shop::new();
    let table = &shop.ddl.order_tables[0];
    for operation in ["CreateDatabase", "CreateTable", "BatchCreatePartition"] {
        shop.on(operation, "first");
    }
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
    shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
    // Glue refuses the whole request, as it does for some that come at once.
    shop.on("BatchCreatePartition", "refuse AlreadyExistsException");
    let more = ["2011-12-10", "2011-12-11"].map(|date| day(table, date));
    shop.catalog.add_partitions(table, &more, LOCK_WAIT).unwrap();
    assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 3);

    // Somebody drops the partition, who asks nobody.
    let to = folder(&shop, "_moved/1");
    shop.on("UpdatePartition", "first");
    let moved =
        shop.catalog.move_partition(table, "dt=2011-12-09", &all[0].location, &to, LOCK_WAIT);
    assert!(matches!(moved, Err(CatalogError::ChangedMeanwhile { .. })), "{moved:?}");
    shop.check();
    let left = shop.catalog.list_partitions(table).unwrap();
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["dt=2011-12-10", "dt=2011-12-11"]);
}
