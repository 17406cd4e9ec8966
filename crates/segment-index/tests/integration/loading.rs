//! Snapshots as the batch job publishes them.

use segment_index::{Segment, SegmentIndex, Snapshot, current_snapshot, load};
use warehouse::catalog::Catalog;
use warehouse::ddl::{USER_RFM_BATCH, USER_RFM_CURRENT};

use crate::shop::{Shop, batch, ddl, name, row, view};

/// The segment of a customer, by its id.
pub(crate) fn segment_of(index: &SegmentIndex, customer_id: i64) -> Option<i32> {
    index.get(customer_id).map(|code| index.segments()[usize::from(code)].id)
}

/// What the view shows, once as the catalog says and once as an index is loaded: the same.
fn snapshot(shop: &Shop) -> Option<Snapshot> {
    let shown = current_snapshot(&shop.catalog, &view()).unwrap();
    let loaded = shop.load().unwrap();
    assert_eq!(shown.as_ref(), loaded.as_ref().and_then(SegmentIndex::snapshot));
    shown
}

#[test]
fn nothing_published_is_no_index() {
    let shop = Shop::new();
    assert_eq!(snapshot(&shop), None);
    // a view, but not its table's partition
    shop.publish("2011-12-10", &[row(1, 0)]);
    let other = shop.with_files(Vec::new());
    let mut state = other.first.lock().unwrap().pop().unwrap();
    state.tables.values_mut().for_each(|table| table.partitions.clear());
    other.first.lock().unwrap().extend([state.clone(), state]);
    assert_eq!(current_snapshot(&other, &view()).unwrap(), None);
    assert!(load(&other, &view()).unwrap().is_none());
}

#[test]
fn customers_of_several_pages_and_row_groups_are_found() {
    let shop = Shop::new();
    let segment = |id: i64| (id * 7 % 11 % 4) as i32;
    // 200,000 customers are four row groups and 25 batches
    let batches = (0..200_000_i64).step_by(10_000).map(|first| {
        let rows: Vec<_> = (first..first + 10_000).map(|id| row(id * 3, segment(id))).collect();
        batch(&rows)
    });
    shop.publish_batches("2011-12-10", batches);
    let index = shop.load().unwrap().unwrap();
    assert_eq!(index.len(), 200_000);
    let named = |id| Segment { id, name: name(id).to_owned() };
    assert_eq!(index.segments(), (0..4).map(named).collect::<Vec<_>>());
    for id in 0..200_000 {
        assert_eq!(segment_of(&index, id * 3), Some(segment(id)), "customer {}", id * 3);
        assert_eq!(index.get(id * 3 + 1), None);
    }
    assert_eq!((index.get(-1), index.get(600_000)), (None, None));
}

#[test]
fn each_publication_is_another_snapshot() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[row(1, 3), row(2, 0)]);
    let first = snapshot(&shop).unwrap();
    assert_eq!(first.date.as_str(), "2011-12-10");
    let old = shop.load().unwrap().unwrap();

    // the same day again
    shop.publish("2011-12-10", &[row(1, 3), row(2, 1), row(3, 0)]);
    let again = snapshot(&shop).unwrap();
    assert_eq!(again.date, first.date);
    assert_ne!(again.run_id, first.run_id);
    let index = shop.load().unwrap().unwrap();
    assert_eq!([1, 2, 3].map(|id| segment_of(&index, id)), [Some(3), Some(1), Some(0)]);
    assert_eq!([1, 2, 3].map(|id| segment_of(&old, id)), [Some(3), Some(0), None]);

    // a newer day, and then an older one, which the view does not show
    shop.publish("2012-01-01", &[row(2, 2)]);
    let newer = snapshot(&shop).unwrap();
    assert_eq!(newer.date.as_str(), "2012-01-01");
    shop.publish("2011-12-31", &[row(9, 2)]);
    assert_eq!(snapshot(&shop), Some(newer));
    let index = shop.load().unwrap().unwrap();
    assert_eq!([1, 2, 9].map(|id| segment_of(&index, id)), [None, Some(2), None]);
}

#[test]
fn a_snapshot_without_customers_is_an_empty_index() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[]);
    let index = shop.load().unwrap().unwrap();
    assert!(index.is_empty() && index.segments().is_empty());
    assert_eq!(index.snapshot().unwrap().date.as_str(), "2011-12-10");
    assert_eq!(index.get(1), None);
}

#[test]
fn files_follow_one_another() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[]);
    let files = vec![
        shop.write_file("a", &[row(i64::MIN, 2), row(-7, 0)]),
        shop.write_file("b", &[]),
        shop.write_file("c", &[row(-6, 1), row(i64::MAX, 2)]),
    ];
    let index = load(&shop.with_files(files), &view()).unwrap().unwrap();
    let found = [i64::MIN, -7, -6, i64::MAX].map(|id| segment_of(&index, id));
    assert_eq!(found, [Some(2), Some(0), Some(1), Some(2)]);
    assert_eq!(index.len(), 4);
}

#[test]
fn segments_may_have_any_numbers() {
    let shop = Shop::new();
    let numbers = [i32::MAX, -1, 255, 256, i32::MIN, 0];
    let names = numbers.map(|number| format!("segment {number}"));
    let rows: Vec<_> = (0..600_i64)
        .map(|id| {
            let n = id as usize % numbers.len();
            (Some(id), Some(numbers[n]), Some(names[n].as_str()))
        })
        .collect();
    shop.publish("2011-12-10", &rows);
    let index = shop.load().unwrap().unwrap();
    assert!(index.segments().is_sorted_by_key(|segment| segment.id));
    assert_eq!(index.segments().len(), numbers.len());
    for (id, segment_id, name) in rows {
        let segment = &index.segments()[usize::from(index.get(id.unwrap()).unwrap())];
        assert_eq!((Some(segment.id), Some(segment.name.as_str())), (segment_id, name));
    }
}

#[test]
fn a_view_of_another_table_is_refused() {
    let shop = Shop::new();
    shop.publish("2011-12-10", &[row(1, 0)]);
    // The view of the recency table, pointed to a snapshot of that.
    let ddl = ddl();
    let mut state = shop.catalog.load().unwrap();
    let rfm = ddl.table(USER_RFM_BATCH).unwrap();
    let mut table = state.tables.values().next().unwrap().clone();
    table.columns = rfm.columns.clone();
    state.tables.insert(rfm.qualified_name(), table);
    let wrong = ddl.view(USER_RFM_CURRENT).unwrap();
    let mut shown = state.view(&view().qualified_name()).unwrap().clone();
    shown.table = rfm.qualified_name();
    state.views.insert(wrong.qualified_name(), shown);
    let other = shop.with_files(Vec::new());
    *other.first.lock().unwrap() = vec![state];
    let error = load(&other, wrong).unwrap_err();
    assert!(!error.is_retryable());
    let text = error.to_string();
    assert!(text.contains("default.ecom_user_rfm_current"), "{text}");
    assert!(text.contains("'segment_id' of type Int32"), "{text}");
}
