//! Tables that are there and are not what this program would write.

use hive_metastore::Table;
use store::Location;
use warehouse::catalog::{Catalog, CatalogError};
use warehouse::ddl::Ddl;
use warehouse::publish::PublishError;

use crate::helper::{Raw, Shop, Version, metastore, on_both, unique};

const DAY: &str = "2011-12-10";

/// What is said when the first table is found to be `change`d.
fn refusal(version: Version, change: impl FnOnce(&mut Table)) -> String {
    let shop = Shop::new(version);
    let Ddl { tables, .. } = &shop.ddl;
    shop.catalog
        .acquire("run-a", std::time::Duration::ZERO)
        .unwrap()
        .create_tables(tables)
        .unwrap();
    let client = metastore(version.uri());
    let mut found = client.get_table(&shop.database, &tables[0].name).unwrap().unwrap();
    change(&mut found);
    Raw::new(&shop.uris).alter_table(found);
    differs(&shop, &tables[0].qualified_name())
}

fn differs(shop: &Shop, name: &str) -> String {
    let error = shop.publish(DAY, 1).unwrap_err();
    assert!(!error.is_retryable());
    let PublishError::Catalog(CatalogError::TableDiffers { table, difference, warehouse }) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((table.as_str(), warehouse.uri()), (name, shop.warehouse.uri()));
    check_nothing_is_left(shop);
    difference
}

fn check_nothing_is_left(shop: &Shop) {
    for table in &shop.ddl.tables {
        let table = shop.warehouse.join(&table.directory);
        let mut entries = table.list_if_exists().unwrap();
        entries.retain(|entry| entry.name != "_runs");
        assert_eq!(entries, []);
        assert_eq!(table.join("_runs").list_if_exists().unwrap(), []);
    }
    assert_eq!(shop.warehouse.join("_catalog").list().unwrap(), []);
}

on_both! {
    fn other_columns(version: Version) {
        let text = refusal(version, |table| {
            table.sd.as_mut().unwrap().cols.as_mut().unwrap()[2].r#type = Some("double".into());
        });
        assert_eq!(text, "column 3 is 'frequency' double, this program writes 'frequency' bigint");
        let text = refusal(version, |table| {
            table.sd.as_mut().unwrap().cols.as_mut().unwrap().pop();
        });
        assert_eq!(text, "column 'm_score' is missing");
        let text = refusal(version, |table| {
            let columns = table.sd.as_mut().unwrap().cols.as_mut().unwrap();
            columns.push(hive_metastore::FieldSchema {
                name: Some("more".into()),
                ..columns[0].clone()
            });
        });
        assert_eq!(text, "column 'more' is unknown to this program");
    }

    fn another_folder(version: Version) {
        let shop = Shop::new(version);
        shop.publish(DAY, 1).unwrap();
        let elsewhere: Location = shop.warehouse.parent().unwrap().join(&unique());
        let other = Shop::with(&shop.database, "", elsewhere, version.uri());
        let text = differs(&other, &shop.ddl.tables[0].qualified_name());
        let (is, would) = (&shop.ddl.tables[0].location, &other.ddl.tables[0].location);
        assert_eq!(text, format!("its folder is '{is}', this program would use '{would}'"));
        // Nor are its tables taken for those of this warehouse.
        assert!(matches!(other.catalog.load(), Err(CatalogError::TableDiffers { .. })));
    }

    fn another_format(version: Version) {
        let text = refusal(version, |table| {
            let serde = table.sd.as_mut().unwrap().serde_info.as_mut().unwrap();
            serde.serialization_lib = Some("org.apache.hadoop.hive.ql.io.orc.OrcSerde".into());
        });
        let orc = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";
        assert_eq!(text, format!("its files are read by {orc}, this program writes Parquet"));
    }

    fn a_view_where_a_table_is_expected(version: Version) {
        let shop = Shop::new(version);
        shop.publish(DAY, 1).unwrap();
        let other = Shop::with(&shop.database, "other_", shop.warehouse.clone(), version.uri());
        // The view under the name of the other one's table, and the other way round.
        let client = metastore(version.uri());
        let mut view = client.get_table(&shop.database, &shop.ddl.views[0].name).unwrap().unwrap();
        view.table_name = Some(other.ddl.tables[0].name.clone().into());
        Raw::new(&shop.uris).create_table(view);
        let text = differs(&other, &other.ddl.tables[0].qualified_name());
        assert_eq!(text, "it is a VIRTUAL_VIEW, this program writes an EXTERNAL_TABLE");
    }

    fn a_table_where_a_view_is_expected(version: Version) {
        let shop = Shop::new(version);
        shop.catalog
            .acquire("run-a", std::time::Duration::ZERO)
            .unwrap()
            .create_tables(&shop.ddl.tables)
            .unwrap();
        let client = metastore(version.uri());
        let mut table = client.get_table(&shop.database, &shop.ddl.tables[0].name).unwrap().unwrap();
        table.table_name = Some(shop.ddl.views[0].name.clone().into());
        table.sd.as_mut().unwrap().location = Some(shop.warehouse.join("elsewhere").uri().into());
        Raw::new(&shop.uris).create_table(table);
        let text = differs(&shop, &shop.ddl.views[0].qualified_name());
        assert_eq!(text, "it is a table (EXTERNAL_TABLE), this program publishes a view");
    }
}

/// Only in Hive 3.1: a metastore of Hive 4 makes external tables of such ones when they are created.
#[test]
fn a_managed_table() {
    let shop = Shop::new(Version::Hive3);
    let template = Shop::new(Version::Hive3);
    template.publish(DAY, 1).unwrap();
    let client = metastore(&shop.uris);
    let name = &shop.ddl.tables[0].name;
    let mut table = client.get_table(&template.database, name).unwrap().unwrap();
    table.db_name = Some(shop.database.clone().into());
    table.table_type = Some("MANAGED_TABLE".into());
    table.parameters = None;
    table.sd.as_mut().unwrap().location = Some(shop.ddl.tables[0].location.clone().into());
    let raw = Raw::new(&shop.uris);
    raw.create_database(&shop.database);
    raw.create_table(table);
    let text = differs(&shop, &shop.ddl.tables[0].qualified_name());
    assert_eq!(text, "it is a MANAGED_TABLE, this program writes an EXTERNAL_TABLE");
}
