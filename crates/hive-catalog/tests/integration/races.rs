//! Answers that are lost, calls that arrive late, and others who change the same things at the same moment: through a
//! proxy.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use hive_catalog::MetastoreSettings;
use warehouse::catalog::{Catalog, CatalogError};
use warehouse::publish::PublishError;

use crate::helper::{Raw, Shop, Version, metastore, on_both, settings};
use crate::proxy::{Proxy, Rule};

const DAY: &str = "2011-12-10";

/// A shop whose calls go through a proxy, and the same without.
fn shops(version: Version) -> (Proxy, Shop, Shop) {
    let proxy = Proxy::new(version.uri());
    let direct = Shop::new(version);
    let shop = direct.again(&proxy.uri);
    (proxy, shop, direct)
}

on_both! {
    fn every_answer_is_lost_once(version: Version) {
        let (proxy, shop, direct) = shops(version);
        for call in [
            "get_database",
            "create_database",
            "get_table_req",
            "create_table",
            "create_table",
            "get_partitions",
            "add_partitions_req",
            "add_partitions_req",
            // Those after the tables' are of the views.
            "create_table",
            "create_table",
        ] {
            proxy.on(call, Rule::LoseAnswer);
        }
        shop.publish(DAY, 7).unwrap();
        proxy.check();
        let first = direct.catalog.load().unwrap();
        assert_eq!((first.tables.len(), first.views.len()), (3, 3));
        assert!(first.tables.values().all(|t| t.partitions.values().all(|p| p.rows() == Some(7))));

        let day_after = "2011-12-11";
        for call in [
            "alter_partitions_with_environment_context",
            "alter_table_with_environment_context",
            "alter_table_with_environment_context",
        ] {
            proxy.on(call, Rule::LoseAnswer);
        }
        shop.publish(day_after, 8).unwrap();
        let again = shop.publish(day_after, 9).unwrap();
        proxy.check();
        let state = direct.catalog.load().unwrap();
        assert_eq!(state.views.len(), 3);
        assert!(state.views.values().all(|view| view.snapshot_date.as_str() == day_after));
        for (table, location) in state.tables.values().zip(&again.locations) {
            let partition = &table.partitions["snapshot_date=2011-12-11"];
            assert_eq!(partition.rows(), Some(9));
            assert!(again.locations.contains(&partition.location), "{location}");
        }
    }

    fn a_call_that_arrives_after_it_was_given_up(version: Version) {
        let (proxy, shop, direct) = shops(version);
        shop.publish("2011-12-09", 3).unwrap();
        let settings = MetastoreSettings {
            timeout: Duration::from_secs(5),
            keep_trying: Duration::ZERO,
            ..settings(&proxy.uri)
        };
        let impatient = shop.calling(settings);
        let (go_on, held) = channel();
        // Only this call: whoever asks meanwhile is told what was there before.
        proxy.on("add_partitions_req", Rule::Before(Box::new(move || held.recv().unwrap())));
        let error = impatient.publish(DAY, 4).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        proxy.check();
        let name = direct.ddl.tables[0].qualified_name();
        let partition = || {
            let state = direct.catalog.load().unwrap();
            state.tables[&name].partitions.get("snapshot_date=2011-12-10").cloned()
        };
        assert_eq!(partition(), None);

        // The metastore carries it out, so the files must still be there.
        go_on.send(()).unwrap();
        let start = Instant::now();
        let partition = loop {
            if let Some(partition) = partition() {
                break partition;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it was not carried out");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(direct.catalog.data_files(&partition).unwrap().len(), 1);
    }

    fn somebody_else_creates_the_table_first(version: Version) {
        let (proxy, shop, direct) = shops(version);
        let other = direct.again(version.uri());
        let tables = direct.ddl.tables.clone();
        // The same one, which will do.
        proxy.on("create_table", Rule::Before(Box::new(move || {
            let template = Shop::new(version);
            template.publish(DAY, 1).unwrap();
            let client = metastore(version.uri());
            let mut table = client.get_table(&template.database, &tables[0].name).unwrap().unwrap();
            table.db_name = Some(other.database.clone().into());
            table.sd.as_mut().unwrap().location = Some(other.ddl.tables[0].location.clone().into());
            Raw::new(&other.uris).create_table(table);
        })));
        shop.publish(DAY, 4).unwrap();
        proxy.check();

        // One with other columns, which will not.
        let (proxy, shop, direct) = shops(version);
        let other = direct.again(version.uri());
        proxy.on("create_table", Rule::Before(Box::new(move || {
            let template = Shop::new(version);
            template.publish(DAY, 1).unwrap();
            let client = metastore(version.uri());
            let name = &other.ddl.tables[0].name;
            let mut table = client.get_table(&template.database, name).unwrap().unwrap();
            table.db_name = Some(other.database.clone().into());
            let storage = table.sd.as_mut().unwrap();
            storage.location = Some(other.ddl.tables[0].location.clone().into());
            storage.cols.as_mut().unwrap().pop();
            Raw::new(&other.uris).create_table(table);
        })));
        let error = shop.publish(DAY, 4).unwrap_err();
        proxy.check();
        assert!(matches!(error, PublishError::Catalog(CatalogError::TableDiffers { .. })), "{error}");
    }
}

/// What somebody else does to a view while it is being published.
fn change_view_meanwhile(version: Version) -> (Result<(), PublishError>, Shop) {
    let (proxy, shop, direct) = shops(version);
    shop.publish("2011-12-09", 4).unwrap();
    let (uri, view) = (version.uri(), shop.ddl.views[1].clone());
    let change = move || {
        let mut found = metastore(uri).get_table(&view.database, &view.name).unwrap().unwrap();
        found.parameters.as_mut().unwrap().insert("rfm.run_id".into(), "run-of-another".into());
        Raw::new(uri).alter_table(found);
    };
    // The first view is changed, and then the second by somebody else.
    proxy.on("alter_table_with_environment_context", Rule::Before(Box::new(change)));
    let published = shop.publish(DAY, 5).map(drop);
    proxy.check();
    (published, direct)
}

#[test]
fn a_view_changed_meanwhile_is_left_alone() {
    let (published, direct) = change_view_meanwhile(Version::Hive4);
    let error = published.unwrap_err();
    assert!(error.is_retryable());
    let PublishError::Catalog(CatalogError::ChangedMeanwhile { object }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(object, &format!("view {}", direct.ddl.views[1].qualified_name()));
    // Running again is all that it takes.
    direct.publish(DAY, 6).unwrap();
    let state = direct.catalog.load().unwrap();
    assert!(state.views.values().all(|view| view.snapshot_date.as_str() == DAY));
}

/// A metastore of Hive 3.1 does not compare. That only one run publishes is up to the claim there.
#[test]
fn hive3_does_not_compare() {
    let (published, direct) = change_view_meanwhile(Version::Hive3);
    published.unwrap();
    let state = direct.catalog.load().unwrap();
    assert!(state.views.values().all(|view| view.snapshot_date.as_str() == DAY));
}
