//! Files that are not what the batch job writes: an error says which, and no index is made.

use segment_index::{BuildError, LoadError, load};
use warehouse::read::ReadError;

use crate::shop::{Row, Shop, batch, row, view};

fn refused(rows: &[Row<'_>]) -> LoadError {
    let shop = Shop::new();
    shop.publish("2011-12-10", rows);
    let error = shop.load().unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert!(error.to_string().contains("part-00000.parquet"), "{error}");
    error
}

#[test]
fn ids_that_do_not_ascend_are_named() {
    for (rows, expected) in [
        (vec![row(1, 0), row(3, 0), row(2, 0)], (2, 3)),
        (vec![row(1, 0), row(1, 0)], (1, 1)),
        (vec![row(1, 0), row(1, 3)], (1, 1)),
        (vec![row(0, 0), row(i64::MAX, 0), row(i64::MIN, 0)], (i64::MIN, i64::MAX)),
    ] {
        match refused(&rows) {
            LoadError::NotAscending { customer_id, previous, .. } => {
                assert_eq!((customer_id, previous), expected);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn ids_must_ascend_over_batches_and_files() {
    let shop = Shop::new();
    let ascending: Vec<_> = (0..20_000).map(|id| row(id, 1)).collect();
    shop.publish_batches("2011-12-10", [batch(&ascending), batch(&[row(19_999, 1)])]);
    let error = shop.load().unwrap_err();
    assert!(
        matches!(error, LoadError::NotAscending { customer_id: 19_999, previous: 19_999, .. }),
        "{error}"
    );

    let files = |ids: [&[i64]; 2]| {
        let rows = ids.map(|ids| ids.iter().map(|id| row(*id, 0)).collect::<Vec<_>>());
        vec![shop.write_file("first", &rows[0]), shop.write_file("second", &rows[1])]
    };
    let swapped = files([&[7, 8], &[5]]);
    let error = load(&shop.with_files(swapped), &view()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("second' has customer 5 after customer 8"), "{text}");
}

#[test]
fn nulls_are_named() {
    let name = Some("Churn Risk");
    for (bad, column) in [
        ((None, Some(0), name), "customer_id"),
        ((Some(2), None, name), "segment_id"),
        ((Some(2), Some(0), None), "segment"),
    ] {
        let error = refused(&[row(1, 0), bad, row(3, 0)]);
        assert!(matches!(error, LoadError::Null { column: c, .. } if c == column), "{error}");
    }
}

#[test]
fn a_segment_has_one_name() {
    let same = |n: i64| (Some(n), Some(0), Some("Churn Risk"));
    let mut rows: Vec<Row<'_>> = (0..9_000).map(same).collect();
    rows.push((Some(9_000), Some(0), Some("Churn risk")));
    match refused(&rows) {
        LoadError::Renamed { customer_id, segment_id, found, before, .. } => {
            assert_eq!((customer_id, segment_id), (9_000, 0));
            assert_eq!((found.as_str(), before.as_str()), ("Churn risk", "Churn Risk"));
        }
        other => panic!("{other}"),
    }
    // in another file, where the name is as much the first one as the other is in its file
    let shop = Shop::new();
    shop.publish("2011-12-10", &[]);
    let named = |n: i64, name| vec![(Some(n), Some(0), Some(name))];
    let files = vec![shop.write_file("1", &named(1, "x")), shop.write_file("2", &named(2, "y"))];
    let error = load(&shop.with_files(files), &view()).unwrap_err();
    assert!(matches!(error, LoadError::Renamed { customer_id: 2, .. }), "{error}");
    // two segments may share one
    let shop = Shop::new();
    shop.publish("2011-12-10", &[(Some(1), Some(0), Some("x")), (Some(2), Some(1), Some("x"))]);
    assert_eq!(shop.load().unwrap().unwrap().segments().len(), 2);
}

#[test]
fn there_are_at_most_255_segments() {
    let rows = |n: i32| -> Vec<Row<'static>> {
        (0..n).map(|id| (Some(i64::from(id)), Some(id * 2), Some("x"))).collect()
    };
    let error = refused(&rows(256));
    let source = BuildError::TooManySegments { found: 256 };
    assert!(matches!(&error, LoadError::Build { source: s, .. } if *s == source), "{error}");
    let shop = Shop::new();
    shop.publish("2011-12-10", &rows(255));
    let index = shop.load().unwrap().unwrap();
    assert!((0..255).all(|id| index.get(id) == Some(id as u8)));
}

#[test]
fn a_file_of_other_rows_than_the_catalog_says_is_refused() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[row(1, 0), row(2, 0)]);
    let mut other = shop.with_files(vec![shop.write_file("short", &[row(1, 0)])]);
    *other.first.get_mut().unwrap() = Vec::new();
    let error = load(&other, &view()).unwrap_err();
    assert!(matches!(error, LoadError::Rows { found: 1, expected: 2, .. }), "{error}");
    assert!(error.to_string().contains("2011-12-10"), "{error}");
}

#[test]
fn a_damaged_file_is_named() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[row(1, 0)]);
    let broken = shop.write_file("broken", &[row(1, 0)]);
    std::fs::write(broken.path(), b"PAR1 and nothing else PAR1").unwrap();
    let error = load(&shop.with_files(vec![broken]), &view()).unwrap_err();
    assert!(matches!(error, LoadError::Read(ReadError::Parquet { .. })), "{error}");
    assert!(error.to_string().contains("broken"), "{error}");
    assert!(!error.is_retryable());
}
