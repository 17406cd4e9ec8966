use warehouse::ddl::{Ddl, Naming};
use warehouse::local_catalog::LocalCatalog;

use super::*;

fn day(from_today: i32) -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let today = i32::try_from(since_1970.as_secs() / 86_400).unwrap();
    format!("dt={}", Date::from_days(today + from_today))
}

/// Midnight may come between the two looks at the clock, so not at the limit.
#[test]
fn which_days_are_open() {
    for (partition, expected) in [
        (day(2), true),
        (day(1), true),
        (day(0), true),
        (day(-3), false),
        ("dt=2011-12-09".to_owned(), false),
        ("dt=9999-12-31".to_owned(), true),
        ("dt=__HIVE_DEFAULT_PARTITION__".to_owned(), false),
        ("dt=2099-01-01/hour=7".to_owned(), false),
        ("2099-01-01".to_owned(), false),
    ] {
        assert_eq!(is_open(&partition), expected, "{partition}");
    }
}

/// A day that was open when it was noted where its partition is may be past by now, and have moved.
#[test]
fn the_catalog_is_asked_about_past_days() {
    let folder = tempfile::tempdir().unwrap();
    let tables =
        Ddl::load(&Naming::new("default", "", "/warehouse").unwrap()).unwrap().order_tables;
    let (catalog, wait) = (LocalCatalog::new(folder.path()), Duration::from_secs(20));
    catalog.create_tables(&tables, wait).unwrap();
    let keys = BTreeSet::from([(0, day(-3)), (0, day(1))]);
    for (_, name) in &keys {
        let value = name.split_once('=').map(|(_, value)| value.to_owned());
        let new = NewPartition { values: vec![value], location: format!("now/{name}") };
        catalog.add_partitions(&tables[0], &[new], wait).unwrap();
    }
    let mut publisher = Publisher::new(Arc::new(catalog), tables, wait);
    for key in &keys {
        publisher.settled.insert(key.clone(), format!("noted/{}", key.1));
    }
    let found = publisher.locate(&keys).unwrap();
    assert_eq!(found[&(0, day(-3))], format!("now/{}", day(-3)));
    assert_eq!(found[&(0, day(1))], format!("noted/{}", day(1)));
}
