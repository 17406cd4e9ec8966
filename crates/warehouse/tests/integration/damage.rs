//! Catalog files and data files that are not what they should be.

use std::path::PathBuf;

use warehouse::catalog::{Catalog, CatalogError};
use warehouse::read::{ReadError, read_files};

use crate::shop::{Shop, ddl};

fn catalog_file(shop: &Shop) -> PathBuf {
    shop.path("_catalog/catalog.json")
}

#[test]
fn a_catalog_that_cannot_be_read_is_an_error_and_stays_as_it_is() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let good = std::fs::read_to_string(catalog_file(&shop)).unwrap();
    let run_dir = good.split('"').find(|text| text.contains("/_runs/")).unwrap().to_owned();
    let half = &good[..good.len() / 2];
    for (bad, message) in [
        ("", "it is damaged"),
        ("{}", "it is damaged"),
        ("null", "it is damaged"),
        ("\u{0}\u{0}\u{0}", "it is damaged"),
        (half, "it is damaged"),
        (&good.replace("\"version\": 2", "\"version\": -2"), "it is damaged"),
        (&good.replace("\"version\": 2", "\"version\": 2, \"more\": 1"), "it is damaged"),
        (&good.replace("decimal(20,4)", "decimal(99,4)"), "it is damaged"),
        (&good.replace("2011-12-10\",\n", "2011-12-99\",\n"), "it is damaged"),
        (&good.replace(&run_dir, "../../etc"), "has the location '../../etc'"),
        (&good.replace(&run_dir, "/etc"), "has the location '/etc'"),
        (
            &good.replace("ecom_user_segments/_runs", "ecom_user_rfm_batch/_runs"),
            "share the location",
        ),
        (&good.replace("part-00000.parquet", "../part-00000.parquet"), "has a file"),
        (
            &good.replace("\"format\": 1", "\"format\": 2"),
            "has format 2, this program knows up to 1",
        ),
        (r#"{"format": 7, "shape": "unknown"}"#, "has format 7, this program knows up to 1"),
    ] {
        std::fs::write(catalog_file(&shop), bad).unwrap();
        let read = shop.catalog.load().unwrap_err();
        assert!(read.to_string().contains(message), "{bad}: {read}");
        assert!(read.to_string().contains("_catalog/catalog.json"), "{read}");
        assert!(!read.is_retryable());
        let publish = shop.publish("2011-12-11", 2).unwrap_err();
        assert_eq!(publish.to_string(), read.to_string());
        assert_eq!(std::fs::read_to_string(catalog_file(&shop)).unwrap(), bad);
    }
    // restored from a copy, everything is there
    std::fs::write(catalog_file(&shop), good).unwrap();
    assert_eq!(shop.check_views(), Some(("2011-12-10".to_owned(), 1)));
    shop.publish("2011-12-11", 2).unwrap();
}

#[test]
fn a_folder_without_a_catalog_is_empty() {
    let shop = Shop::new();
    let state = shop.catalog.load().unwrap();
    assert_eq!(state.version, 0);
    assert!(state.tables.is_empty() && state.views.is_empty());
    assert!(!shop.root().exists(), "reading creates nothing");
}

#[test]
fn a_warehouse_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Shop::at(&file).publish("2011-12-10", 1).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    let error = Shop::at(&file).catalog.load().unwrap_err();
    assert!(matches!(error, CatalogError::Store(_)), "{error}");
}

#[test]
fn a_data_file_that_is_gone_or_damaged_is_named() {
    let shop = Shop::new();
    shop.publish("2011-12-10", 1).unwrap();
    let state = shop.catalog.load().unwrap();
    let view = &ddl().views[0];
    let (table, partition) = state.resolve_view(&view.qualified_name()).unwrap();
    let files = shop.catalog.data_files(partition).unwrap();
    let path = files[0].path();
    let good = std::fs::read(path).unwrap();

    let read = || read_files(files.clone(), table.arrow_schema()).collect::<Result<Vec<_>, _>>();
    for (bad, n) in [(&good[..0], 0), (&good[..good.len() / 2], 1), (&good[1..], 2), (b"PAR1", 3)] {
        std::fs::write(path, bad).unwrap();
        let error = read().unwrap_err();
        assert!(error.to_string().contains("part-00000.parquet"), "{n}: {error}");
        assert!(matches!(error, ReadError::Parquet { .. }), "{n}: {error}");
    }
    // the file of another table
    let other = state.resolve_view(&ddl().views[1].qualified_name()).unwrap().1;
    std::fs::copy(shop.catalog.data_files(other).unwrap()[0].path(), path).unwrap();
    assert!(matches!(read().unwrap_err(), ReadError::Parquet { .. }));

    std::fs::remove_file(path).unwrap();
    let error = read().unwrap_err();
    assert!(matches!(error, ReadError::Gone { .. }) && error.is_retryable(), "{error}");
}
