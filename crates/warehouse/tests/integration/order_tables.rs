//! Order tables in the local catalog: what every catalog does, and what this one does in its own way.

use std::time::Duration;

use warehouse::catalog::{Catalog, CatalogError, NewPartition};
use warehouse::ddl::Ddl;
use warehouse::local_catalog::LocalCatalog;

use crate::every_catalog::{day, for_every_catalog};
use crate::shop::{LOCK_WAIT, Shop, ddl};

struct Local {
    shop: Shop,
    catalog: LocalCatalog,
    ddl: Ddl,
}

impl Local {
    fn new() -> Self {
        let shop = Shop::new();
        Self { catalog: shop.catalog.clone(), ddl: ddl(), shop }
    }

    fn catalog_file(&self) -> String {
        std::fs::read_to_string(self.shop.path("_catalog/catalog.json")).unwrap()
    }
}

for_every_catalog! { Local::new() }

#[test]
fn a_run_has_the_lock() {
    let Local { shop, catalog, ddl } = Local::new();
    let table = &ddl.order_tables[0];
    catalog.create_tables(&ddl.order_tables, LOCK_WAIT).unwrap();
    let present = day(table, "2011-12-09");
    catalog.add_partitions(table, std::slice::from_ref(&present), LOCK_WAIT).unwrap();
    let publication = shop.begin("2011-12-10").unwrap();
    let (name, wait) = ("dt=2011-12-09".to_owned(), Duration::from_millis(1));
    let to = format!("{}/_moved/1", table.directory);
    std::fs::create_dir_all(shop.path(&to)).unwrap();
    for result in [
        catalog.add_partitions(table, &[day(table, "2011-12-10")], wait),
        catalog.move_partition(table, &name, &present.location, &to, wait),
        catalog.drop_partitions(table, std::slice::from_ref(&name), wait),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, CatalogError::Locked { .. }), "{error:?}");
        assert!(error.is_retryable());
        assert!(error.to_string().starts_with("another run (run-"), "{error}");
    }
    // What is done already needs no lock.
    catalog.create_tables(&ddl.order_tables, wait).unwrap();
    catalog.add_partitions(table, std::slice::from_ref(&present), wait).unwrap();
    catalog.drop_partitions(table, &["dt=1999-01-01".to_owned()], wait).unwrap();
    let locations = catalog.list_partitions(table).unwrap();
    assert_eq!(locations.into_iter().collect::<Vec<_>>(), [(name, present.location)]);
    drop(publication);
    catalog.add_partitions(table, &[day(table, "2011-12-10")], LOCK_WAIT).unwrap();
}

/// A program of before there were order tables reads and keeps them: the format is the one it knows.
#[test]
fn the_format_stays() {
    let local = Local::new();
    let table = &local.ddl.order_tables[0];
    local.shop.publish("2011-12-09", 1).unwrap();
    let without = local.catalog_file();
    local.catalog.create_tables(&local.ddl.order_tables, LOCK_WAIT).unwrap();
    local.catalog.add_partitions(table, &[day(table, "2011-12-09")], LOCK_WAIT).unwrap();
    let file: serde_json::Value = serde_json::from_str(&local.catalog_file()).unwrap();
    assert_eq!(file["format"], 1);
    let expected = serde_json::json!({
        "values": ["2011-12-09"],
        "location": "ecom_orders_tagged/dt=2011-12-09",
        "run_id": "",
        "files": [],
    });
    let partitions = &file["catalog"]["tables"]["default.ecom_orders_tagged"]["partitions"];
    assert_eq!(partitions["dt=2011-12-09"], expected);
    assert_eq!(file["catalog"]["tables"].as_object().unwrap().len(), 5);
    // And a file of before is read, with no order tables in it.
    std::fs::write(local.shop.path("_catalog/catalog.json"), without).unwrap();
    let error = local.catalog.list_partitions(table).unwrap_err();
    assert!(matches!(error, CatalogError::UnknownTable { .. }), "{error:?}");
    local.catalog.create_tables(&local.ddl.order_tables, LOCK_WAIT).unwrap();
    assert!(local.catalog.list_partitions(table).unwrap().is_empty());
    assert_eq!(local.shop.check("2011-12-09"), Some(1));
}

#[test]
fn a_folder_belongs_to_one_partition() {
    let local = Local::new();
    local.shop.publish("2011-12-09", 1).unwrap();
    local.catalog.create_tables(&local.ddl.order_tables, LOCK_WAIT).unwrap();
    let state = local.catalog.load().unwrap();
    let run = &state.tables["default.ecom_user_segments"].partitions["snapshot_date=2011-12-09"];
    let table = &local.ddl.order_tables[0];
    let present = day(table, "2011-12-09");
    local.catalog.add_partitions(table, std::slice::from_ref(&present), LOCK_WAIT).unwrap();
    let before = local.catalog_file();
    for (location, user) in [
        (&run.location, "default.ecom_user_segments snapshot_date=2011-12-09"),
        (&present.location, "default.ecom_orders_tagged dt=2011-12-09"),
    ] {
        let new = NewPartition { location: location.clone(), ..day(table, "2011-12-10") };
        let error = local.catalog.add_partitions(table, &[new], LOCK_WAIT).unwrap_err();
        assert!(matches!(error, CatalogError::InvalidPartition { .. }), "{error:?}");
        assert!(error.to_string().ends_with(&format!("is that of {user}")), "{error}");
    }
    let name = "dt=2011-12-09";
    let moved =
        local.catalog.move_partition(table, name, &present.location, &run.location, LOCK_WAIT);
    assert!(matches!(moved, Err(CatalogError::InvalidPartition { .. })), "{moved:?}");
    // Nothing was written.
    assert_eq!(local.catalog_file(), before);
}

/// What is wrong with a file is found in order tables, too.
#[test]
fn a_damaged_file() {
    let local = Local::new();
    let table = &local.ddl.order_tables[0];
    local.catalog.create_tables(&local.ddl.order_tables, LOCK_WAIT).unwrap();
    local.catalog.add_partitions(table, &[day(table, "2011-12-09")], LOCK_WAIT).unwrap();
    let good = local.catalog_file();
    let bad = good.replace("\"ecom_orders_tagged/dt=2011-12-09\"", "\"../../etc\"");
    assert_ne!(bad, good);
    std::fs::write(local.shop.path("_catalog/catalog.json"), bad).unwrap();
    let name = "dt=2011-12-09".to_owned();
    for result in [
        local.catalog.list_partitions(table).map(drop),
        local.catalog.create_tables(&local.ddl.order_tables, LOCK_WAIT),
        local.catalog.add_partitions(table, &[day(table, "2011-12-10")], LOCK_WAIT),
        local.catalog.drop_partitions(table, &[name], LOCK_WAIT),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, CatalogError::Inconsistent { .. }), "{error:?}");
        assert!(
            error.to_string().contains("dt=2011-12-09 has the location '../../etc'"),
            "{error}"
        );
    }
}
