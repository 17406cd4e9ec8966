//! A snapshot that is replaced, and its files removed, while it is read.

use std::time::Duration;

use segment_index::{LoadError, load};
use warehouse::catalog::Catalog;
use warehouse::catalog_state::CatalogState;
use warehouse::read::ReadError;

use crate::loading::segment_of;
use crate::shop::{OtherCatalog, Shop, row, view};

/// A warehouse whose snapshot was replaced, and what its catalog was before.
fn replaced() -> (Shop, CatalogState) {
    let mut shop = Shop::new();
    shop.keep_old_runs = Duration::ZERO;
    shop.publish("2011-12-10", &[row(1, 0)]);
    let before = shop.catalog.load().unwrap();
    // the second one marks the first run as replaced, the third one removes it
    shop.publish("2011-12-10", &[row(1, 1)]);
    shop.publish("2011-12-10", &[row(1, 2)]);
    (shop, before)
}

fn stale(shop: &Shop, before: &CatalogState, n_times: usize) -> OtherCatalog {
    let first = vec![before.clone(); n_times].into();
    OtherCatalog { catalog: shop.catalog.clone(), files: None, first }
}

#[test]
fn the_catalog_is_read_again() {
    let (shop, before) = replaced();
    for n_times in 0..4 {
        let catalog = stale(&shop, &before, n_times);
        let index = load(&catalog, &view()).unwrap().unwrap();
        assert_eq!(segment_of(&index, 1), Some(2), "{n_times} times");
        let now = shop.load().unwrap().unwrap();
        assert_eq!(index.snapshot(), now.snapshot());
    }
}

#[test]
fn but_not_for_ever() {
    let (shop, before) = replaced();
    let catalog = stale(&shop, &before, 9);
    let error = load(&catalog, &view()).unwrap_err();
    assert!(matches!(error, LoadError::Read(ReadError::Gone { .. })), "{error}");
    assert!(error.is_retryable());
    assert_eq!(catalog.first.lock().unwrap().len(), 5);
}
