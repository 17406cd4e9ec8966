//! Order tables in a metastore: what every catalog does, and what is done in Hive's way.

use std::collections::BTreeMap;
use std::time::Duration;

use hive_catalog::Address;
use warehouse::catalog::{Catalog, CatalogError, NewPartition};

use crate::every_catalog::{day, for_every_catalog};
use crate::helper::{LOCK_WAIT, Raw, Shop, Version, cluster, metastore, on_both};
use crate::proxy::{Proxy, Rule};

mod every_hive4 {
    super::for_every_catalog! { crate::helper::Shop::new(crate::helper::Version::Hive4) }
}
mod every_hive3 {
    super::for_every_catalog! { crate::helper::Shop::new(crate::helper::Version::Hive3) }
}

const FIGURES: [&str; 5] =
    ["numFiles", "totalSize", "numRows", "rawDataSize", "COLUMN_STATS_ACCURATE"];

/// What the metastore says of a partition's files, and when it was created.
fn known(shop: &Shop, value: &str) -> (BTreeMap<String, String>, Option<i32>) {
    let table = &shop.ddl.order_tables[0];
    let all = metastore(&shop.uris).get_partitions(&table.database, &table.name).unwrap();
    let is_it = |values: &Vec<_>| values.len() == 1 && values[0] == value;
    let found = all.iter().find(|found| found.values.as_ref().is_some_and(is_it)).unwrap();
    let parameters = found.parameters.iter().flatten();
    let parameters = parameters.map(|(name, value)| (name.to_string(), value.to_string()));
    let figures =
        parameters.filter(|(name, value)| FIGURES.contains(&name.as_str()) && value != "-1");
    (figures.collect(), found.create_time)
}

fn folder(shop: &Shop, name: &str) -> String {
    let location = format!("{}/{name}", shop.ddl.order_tables[0].directory);
    shop.warehouse.join(&location).create_dir_all().unwrap();
    location
}

on_both! {
    fn nothing_is_known_of_the_files(version: Version) {
        let shop = Shop::new(version);
        let table = &shop.ddl.order_tables[0];
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
        // Some are there before.
        shop.warehouse.join(&all[1].location).join("a.parquet").write(b"x").unwrap();
        shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
        let [first, second] = ["2011-12-09", "2011-12-10"].map(|date| known(&shop, date));
        assert_eq!((first.0, second.0), Default::default());
        assert!(first.1.is_some_and(|seconds| seconds > 1_700_000_000), "{:?}", first.1);
        let to = folder(&shop, "_moved/1");
        shop.warehouse.join(&to).join("a.parquet").write(b"x").unwrap();
        let from = &all[0].location;
        shop.catalog.move_partition(table, "dt=2011-12-09", from, &to, LOCK_WAIT).unwrap();
        assert_eq!(known(&shop, "2011-12-09"), (BTreeMap::new(), first.1));
    }

    /// Neither the batch's lock, nor those who move partitions.
    fn nobody_keeps_a_stream_from_adding(version: Version) {
        let shop = Shop::new(version);
        let run = shop.begin("2011-12-10", LOCK_WAIT).unwrap();
        let [table, other] = &shop.ddl.order_tables[..] else { panic!("{:?}", shop.ddl) };
        shop.catalog.create_tables(&shop.ddl.order_tables, Duration::ZERO).unwrap();
        let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
        shop.catalog.add_partitions(table, &all, Duration::ZERO).unwrap();
        // Moving and dropping do not wait for the run, either.
        let (from, to) = (&all[0].location, folder(&shop, "_moved/1"));
        shop.catalog.move_partition(table, "dt=2011-12-09", from, &to, Duration::ZERO).unwrap();
        let name = "dt=2011-12-10".to_owned();
        shop.catalog.drop_partitions(table, std::slice::from_ref(&name), Duration::ZERO).unwrap();
        let expected = BTreeMap::from([("dt=2011-12-09".to_owned(), to.clone())]);
        assert_eq!(shop.catalog.list_partitions(table).unwrap(), expected);

        // Somebody moves partitions of this table.
        let folder = shop.warehouse.join("_catalog").join(&table.directory);
        let warehouse = &shop.warehouse;
        let lease = Duration::from_secs(30);
        let claim =
            warehouse::claim::Claim::acquire(&folder, warehouse, "run-a", LOCK_WAIT, lease).unwrap();
        let wait = Duration::from_millis(300);
        for error in [
            shop.catalog.move_partition(table, "dt=2011-12-09", &to, from, wait).unwrap_err(),
            shop.catalog.drop_partitions(table, std::slice::from_ref(&name), wait).unwrap_err(),
        ] {
            assert!(matches!(error, CatalogError::Locked { .. }), "{error:?}");
            assert!(error.is_retryable());
        }
        shop.catalog.drop_partitions(other, std::slice::from_ref(&name), Duration::ZERO).unwrap();
        shop.catalog.add_partitions(table, &all[1..], Duration::ZERO).unwrap();
        drop(claim);
        shop.catalog.move_partition(table, "dt=2011-12-09", &to, from, LOCK_WAIT).unwrap();
        shop.write_and_publish(run, 5).unwrap();
        assert_eq!(shop.catalog.load().unwrap().views.len(), 3);
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 2);
    }

    fn every_answer_is_lost_once(version: Version) {
        let proxy = Proxy::new(version.uri());
        let direct = Shop::new(version);
        let shop = direct.again(&proxy.uri);
        let table = &shop.ddl.order_tables[0];
        for call in [
            "create_database",
            "create_table",
            "create_table",
            "add_partitions_req",
            "get_partition_names",
            "get_partitions_by_names",
            "get_partitions_by_names",
            "alter_partitions_with_environment_context",
            "drop_partition_by_name",
        ] {
            proxy.on(call, Rule::LoseAnswer);
        }
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
        shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 2);
        let to = folder(&shop, "_moved/1");
        let from = &all[0].location;
        shop.catalog.move_partition(table, "dt=2011-12-09", from, &to, LOCK_WAIT).unwrap();
        shop.catalog.drop_partitions(table, &["dt=2011-12-10".to_owned()], LOCK_WAIT).unwrap();
        proxy.check();
        let expected = BTreeMap::from([("dt=2011-12-09".to_owned(), to)]);
        assert_eq!(direct.catalog.list_partitions(table).unwrap(), expected);
    }

    /// What a metastore cannot create because somebody else has just done so, it refuses with an error of its database.
    fn others_that_were_quicker(version: Version) {
        let proxy = Proxy::new(version.uri());
        let direct = Shop::new(version);
        let shop = direct.again(&proxy.uri);
        let table = &shop.ddl.order_tables[0];
        let refuse = |call: &'static str, action: Box<dyn FnOnce() + Send>| {
            proxy.on(call, Rule::Refuse(action));
        };
        let create = |other: Shop| {
            Box::new(move || other.catalog.create_tables(&other.ddl.order_tables, LOCK_WAIT).unwrap())
        };
        let all = ["2011-12-09", "2011-12-10", "2011-12-11"].map(|date| day(table, date));
        let add = |other: Shop, new: NewPartition| {
            Box::new(move || {
                let table = &other.ddl.order_tables[0];
                other.catalog.add_partitions(table, &[new], LOCK_WAIT).unwrap();
            })
        };

        // Refused without such a reason.
        for call in ["create_database", "create_table"] {
            refuse(call, Box::new(|| ()));
            let refused = shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT);
            assert!(matches!(refused, Err(CatalogError::Server { .. })), "{call}: {refused:?}");
        }
        refuse("create_table", create(direct.again(version.uri())));
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        refuse("add_partitions_req", Box::new(|| ()));
        let refused = shop.catalog.add_partitions(table, &all, LOCK_WAIT);
        assert!(matches!(refused, Err(CatalogError::Server { .. })), "{refused:?}");
        assert_eq!(shop.catalog.list_partitions(table).unwrap(), BTreeMap::new());

        // One after the other comes in between.
        for new in &all {
            refuse("add_partitions_req", add(direct.again(version.uri()), new.clone()));
        }
        shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
        proxy.check();
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 3);

        // A database of another process.
        let (proxied, direct) = {
            let direct = Shop::new(version);
            (direct.again(&proxy.uri), direct)
        };
        refuse("create_database", create(direct));
        proxied.catalog.create_tables(&proxied.ddl.order_tables, LOCK_WAIT).unwrap();
        proxy.check();
    }

    fn others_at_the_same_moment(version: Version) {
        let proxy = Proxy::new(version.uri());
        let direct = Shop::new(version);
        let shop = direct.again(&proxy.uri);
        let table = &shop.ddl.order_tables[0];
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
        let all = ["2011-12-09", "2011-12-10"].map(|date| day(table, date));
        // One of two is there when the metastore looks.
        let (other, first) = (direct.again(version.uri()), all[0].clone());
        let add = move || {
            let table = &other.ddl.order_tables[0];
            other.catalog.add_partitions(table, &[first], LOCK_WAIT).unwrap();
        };
        proxy.on("add_partitions_req", Rule::Before(Box::new(add)));
        shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 2);

        // Somebody drops the partition, who asks nobody.
        let name = "dt=2011-12-09";
        let raw = Raw::new(version.uri());
        let (database, table_name) = (table.database.clone(), table.name.clone());
        let dropped = move || raw.drop_partition(&database, &table_name, name);
        proxy.on("alter_partitions_with_environment_context", Rule::Before(Box::new(dropped)));
        let to = folder(&shop, "_moved/1");
        let moved = shop.catalog.move_partition(table, name, &all[0].location, &to, LOCK_WAIT);
        assert!(matches!(moved, Err(CatalogError::ChangedMeanwhile { .. })), "{moved:?}");
        proxy.check();
        let left = shop.catalog.list_partitions(table).unwrap();
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["dt=2011-12-10"]);
    }
}

/// Partitions that were moved, or were elsewhere from the first, too.
#[test]
fn msck_leaves_everything_as_it_is() {
    let shop = Shop::new(Version::Hive4);
    let table = &shop.ddl.order_tables[0];
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    let elsewhere =
        NewPartition { location: folder(&shop, "_other/1"), ..day(table, "2011-12-11") };
    let all = [day(table, "2011-12-09"), day(table, "2011-12-10"), elsewhere];
    shop.catalog.add_partitions(table, &all, LOCK_WAIT).unwrap();
    let to = folder(&shop, "_moved/1");
    let (name, from) = ("dt=2011-12-09", &all[0].location);
    shop.catalog.move_partition(table, name, from, &to, LOCK_WAIT).unwrap();
    let before = shop.catalog.list_partitions(table).unwrap();
    assert_eq!(before[name], to);
    let mut beeline = cluster().beeline();
    for what in ["", " sync partitions", " drop partitions"] {
        beeline.execute(&format!("msck repair table {}{what}", table.qualified_name())).unwrap();
        assert_eq!(shop.catalog.list_partitions(table).unwrap(), before, "{what}");
    }
    // Also Hive's own statement leaves the files, for the table is external.
    beeline
        .execute(&format!(
            "alter table {} drop partition (dt='2011-12-10')",
            table.qualified_name()
        ))
        .unwrap();
    assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 2);
    assert!(shop.warehouse.join(&all[1].location).stat().unwrap().is_some());
}

/// Tables that an operator has created with the files of `hive/ddl` are the same.
#[test]
fn tables_that_beeline_has_created() {
    let shop = Shop::new(Version::Hive4);
    let mut beeline = cluster().beeline();
    beeline.execute(&format!("create database {}", shop.database)).unwrap();
    for file in ["20_ecom_orders_tagged.sql", "21_ecom_orders_rejected.sql"] {
        let path = format!("{}/../../hive/ddl/{file}", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(path).unwrap();
        let sql = sql
            .replace("${hivevar:database}", &shop.database)
            .replace("${hivevar:prefix}", "")
            .replace("${hivevar:warehouse}", &shop.warehouse.uri());
        let without_comment = sql.split_once('\n').unwrap().1;
        beeline.execute(without_comment.trim().trim_end_matches(';')).unwrap();
    }
    shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap();
    for table in &shop.ddl.order_tables {
        shop.catalog.add_partitions(table, &[day(table, "2011-12-09")], LOCK_WAIT).unwrap();
        assert_eq!(shop.catalog.list_partitions(table).unwrap().len(), 1);
    }
}

#[test]
fn a_metastore_that_does_not_answer() {
    let shop = Shop::new(Version::Hive4);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody = Address { host: "localhost".to_owned(), port };
    let settings = hive_catalog::MetastoreSettings {
        keep_trying: Duration::ZERO,
        ..crate::helper::settings(&nobody.to_string())
    };
    let shop = shop.calling(settings);
    let table = &shop.ddl.order_tables[0];
    for error in [
        shop.catalog.create_tables(&shop.ddl.order_tables, LOCK_WAIT).unwrap_err(),
        shop.catalog.add_partitions(table, &[day(table, "2011-12-09")], LOCK_WAIT).unwrap_err(),
        shop.catalog.list_partitions(table).unwrap_err(),
    ] {
        assert!(error.is_retryable(), "{error:?}");
    }
}
