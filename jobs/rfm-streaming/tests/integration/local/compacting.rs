//! `compact`: files of past days become one, and rows stay as they are.

use std::collections::BTreeMap;

use warehouse::catalog::parquet_files;

use crate::support::orders::Orders;

use super::Shop;

/// The files of each day of the orders.
fn files(shop: &Shop) -> BTreeMap<String, Vec<String>> {
    let catalog = &shop.place.catalog;
    let partitions = catalog.list_partitions(&shop.place.order_tables()[0]).unwrap();
    let files_of = |location: &str| -> Vec<String> {
        let files = parquet_files(&catalog.warehouse().join(location)).unwrap();
        files.iter().map(ToString::to_string).collect()
    };
    partitions.iter().map(|(name, location)| (name.clone(), files_of(location))).collect()
}

#[test]
fn past_days_are_left_with_one_file_each() {
    let shop = Shop::new(2);
    let mut orders = Orders::of_days(41, &["2011-12-08", "2011-12-09", "2012-02-29"]);
    for _ in 0..3 {
        shop.topic.send(&mut orders, 200, &[0, 1]);
        shop.job().catch_up();
    }
    let before = files(&shop);
    assert!(before.len() == 3 && before.values().all(|files| files.len() >= 6), "{before:?}");
    let count = before.values().map(Vec::len).sum::<usize>();

    let now = shop.job().set("streaming.compact.quiet", "0s");
    let compact = now.clone().arg("compact");
    let dry = compact.clone().arg("--dry-run").run();
    let expected = format!("would compact {count} files (");
    assert!(dry.code == Some(0) && dry.stdout.contains(&expected), "{dry}");
    assert!(dry.stdout.contains(") of 3 partitions"), "{dry}");
    assert_eq!(files(&shop), before);
    shop.place.check_at_rest(&shop.topic);

    // Not when files have come a moment ago.
    let early = shop.job().arg("compact").run();
    assert!(early.stdout.contains("left alone: ecom_orders_tagged/dt=2011-12-08"), "{early}");
    assert_eq!(files(&shop), before);

    let done = compact.run();
    let expected = format!("compacted 3 partitions: {count} files (");
    assert!(done.code == Some(0) && done.stdout.contains(&expected), "{done}");
    let after = files(&shop);
    assert!(after.values().all(|files| files.len() == 1), "{after:?}");
    let tables = shop.place.check_at_rest(&shop.topic);
    assert!(done.stdout.contains(&format!(", {} rows;", tables.tagged.len())), "{done}");

    // The stream goes on into the same days, and the old files go when their time is over.
    shop.topic.send(&mut orders, 100, &[0, 1]);
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
    let tidied = now.set("streaming.compact.keep_old", "0s").arg("compact").run();
    assert!(tidied.stdout.contains(&format!("removed {count} old files")), "{tidied}");
    shop.place.check_at_rest(&shop.topic);
}
