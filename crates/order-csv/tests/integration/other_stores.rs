//! A scan does not care which store its files are in, and says which file and byte a store fails at.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use order_csv::{CsvError, OrderScan, ScanOptions, ScanSummary, resolve};
use store::{Location, StoreErrorKind, Stores};

use crate::far_store::FarStore;
use crate::scan::{HEADER, Invoices, gzip, scan_in};

const BLOCK: usize = 512 * 1024;

/// Some blocks of orders, every fifth a bad one.
fn orders() -> String {
    let rows = (0..40_000_u32).map(|i| {
        let (invoice, customer) = (i / 20, 1 + i % 700);
        let quantity = if i % 5 == 0 { "six" } else { "6" };
        format!("{invoice},A,WHITE HANGING HEART,{quantity},12/1/2010 8:26,2.55,{customer},UK\n")
    });
    format!("{HEADER}\n{}", rows.collect::<String>())
}

/// What a scan gave, and the contents of its rejects files.
fn scan(stores: &Stores, root: &str, input: &str) -> (Invoices, ScanSummary, Vec<Vec<u8>>) {
    let rejects_folder = Some(stores.locate(&format!("{root}/rejects")).unwrap());
    let options = ScanOptions { rejects_folder, ..Default::default() };
    let (invoices, summary) = scan_in(stores, &format!("{root}/{input}"), options, 3);
    let rejects = summary.files.iter().flat_map(|file| &file.rejects_files);
    let rejects = rejects.map(|file| file.read().unwrap().unwrap()).collect();
    (invoices, summary, rejects)
}

/// The error that ends a scan, as a user reads it.
fn failure(far: &FarStore, folder: &Path, name: &str) -> (CsvError, String, Arc<OrderScan>) {
    let stores = far.stores();
    let inputs = resolve(&stores, &format!("far://host{}/{name}", folder.display())).unwrap();
    let rejects_folder = stores.locate(&format!("far://host{}/rejects", folder.display())).unwrap();
    let options = ScanOptions { rejects_folder: Some(rejects_folder), ..Default::default() };
    let scan = Arc::new(OrderScan::open(inputs, options).unwrap());
    let mut worker = scan.worker();
    let error = loop {
        match worker.next_batch() {
            Ok(Some(_)) => {}
            Ok(None) => break scan.finish().unwrap_err(),
            Err(error) => break error,
        }
    };
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    (error, text, scan)
}

#[test]
fn the_result_is_that_of_the_local_disk() {
    let orders = orders();
    let packed = gzip(orders.as_bytes());
    let mut results = Vec::new();
    let far = FarStore::default();
    for (stores, address) in [(Stores::local(), ""), (far.stores(), "far://host")] {
        let dir = tempfile::tempdir().unwrap();
        let root = format!("{address}{}", dir.path().to_str().unwrap());
        fs::create_dir(dir.path().join("in")).unwrap();
        fs::write(dir.path().join("in/a.csv"), &orders).unwrap();
        fs::write(dir.path().join("in/b.csv.gz"), &packed).unwrap();
        let (invoices, summary, rejects) = scan(&stores, &root, "i?/*.csv*");
        let places: Vec<_> = summary
            .files
            .iter()
            .flat_map(|file| std::iter::once(&file.location).chain(&file.rejects_files))
            .map(|location| location.to_string().replace(&root, "ROOT"))
            .collect();
        results.push((invoices, summary.rejected, rejects, places));
    }
    assert_eq!(results[0], results[1]);
    let expected = [
        "ROOT/in/a.csv",
        "ROOT/rejects/00000-a.rejects.csv",
        "ROOT/in/b.csv.gz",
        "ROOT/rejects/00001-b.rejects.csv",
    ];
    assert_eq!(results[1].3, expected);
    assert_eq!(results[1].2[0], results[1].2[1]);

    let log = far.log();
    let reads = log.reads.iter().filter(|(path, ..)| path.contains("/in/"));
    let (plain, packed): (Vec<_>, Vec<_>) =
        reads.partition(|(path, ..)| path.ends_with("in/a.csv"));
    // The front of the file, and then a read a block.
    assert_eq!(plain.len(), 1 + (orders.len() - HEADER.len() - 1).div_ceil(BLOCK), "{plain:?}");
    assert!(
        plain[1..]
            .iter()
            .all(|(_, at, len)| *len >= BLOCK || at + *len as u64 == orders.len() as u64)
    );
    assert!(packed.iter().all(|(.., len)| *len <= 256 * 1024), "{packed:?}");
    // Far fewer than there are blocks with rejects: they are put together.
    let rejected: usize = results[1].2.iter().map(Vec::len).sum();
    assert!(log.writes.len() <= 2 + rejected / (200 * 1024), "{:?}", log.writes);
    assert_eq!(log.open_writers, 0);
}

#[test]
fn a_read_that_fails_names_file_and_byte() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.csv"), orders()).unwrap();
    // Stored as it is, so that there are several reads.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, orders().as_bytes()).unwrap();
    fs::write(dir.path().join("y.csv.gz"), encoder.finish().unwrap()).unwrap();
    let second_block = HEADER.len() + BLOCK;
    for (name, at) in [("x.csv", second_block), ("y.csv.gz", 4 * 256 * 1024)] {
        let far = FarStore::default();
        let fail = 1_200_000;
        far.log().fail_read = Some((fail, StoreErrorKind::Unavailable));
        let (error, text, scan) = failure(&far, dir.path(), name);
        let at = if name == "x.csv" { at + BLOCK } else { at };
        let file = format!("far://host{}/{name}", dir.path().display());
        let expected = format!(
            "reading stopped at byte {at}: cannot read '{file}': the file system cannot do that now; \
             try again later: the wire is cut"
        );
        assert_eq!(text, expected);
        assert!(error.is_retryable() && scan.failed_retryably());
        drop(scan);

        far.log().fail_read = Some((fail, StoreErrorKind::Truncated));
        let (error, text, scan) = failure(&far, dir.path(), name);
        let expected = format!("{file:?} became shorter while it was read (at byte {at})");
        assert!(text.starts_with(&expected), "{text}");
        assert!(!error.is_retryable() && !scan.failed_retryably());
        drop(scan);

        far.log().fail_read = Some((0, StoreErrorKind::Other));
        let inputs = resolve(&far.stores(), &file).unwrap();
        let error = OrderScan::open(inputs, ScanOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "reading stopped at byte 0");
        assert!(!error.is_retryable());
    }
}

#[test]
fn rejects_that_cannot_be_written_end_the_scan_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.csv"), orders()).unwrap();
    let far = FarStore::default();
    far.log().fail_write = Some((300_000, StoreErrorKind::Full));
    let (error, text, scan) = failure(&far, dir.path(), "x.csv");
    let file = dir.path().join("rejects/00000-x.rejects.csv");
    let expected = format!(
        "cannot keep the rejected rows: cannot write 'far://host{}': the disk is full or a quota",
        file.display()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(matches!(error, CsvError::Rejects(_)) && !error.is_retryable());
    drop(scan);
    assert!(!file.exists());
    assert_eq!(far.log().open_writers, 0);
    // A file of that name is never replaced.
    fs::write(&file, "kept").unwrap();
    let (_, text, _) = failure(&far, dir.path(), "x.csv");
    assert!(text.contains("it exists already"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn rejects_files_are_complete_when_their_input_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let bad = format!("{HEADER}\n1,A,x,six,12/1/2010 8:26,2.55,1,UK\n");
    for i in 0..20 {
        fs::write(dir.path().join(format!("a{i}.csv")), &bad).unwrap();
        fs::write(dir.path().join(format!("b{i}.csv.gz")), gzip(bad.as_bytes())).unwrap();
    }
    let far = FarStore::default();
    let root = format!("far://host{}", dir.path().to_str().unwrap());
    let (_, summary, rejects) = scan(&far.stores(), &root, "*");
    assert_eq!((summary.rows, rejects.len()), (40, 40));
    assert!(far.log().most_open_writers <= 2, "{:?}", far.log().most_open_writers);
}

#[test]
fn a_glob_lists_no_more_folders_than_it_must() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["2024/01/shop", "2024/02/shop", "2024/03/other", "2025/01/shop"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        fs::write(dir.path().join(folder).join("orders.csv"), HEADER).unwrap();
    }
    let root = dir.path().to_str().unwrap();
    let far = FarStore::default();
    let found = |pattern: &str| -> Vec<String> {
        far.log().lists.clear();
        let files = resolve(&far.stores(), &format!("far://host{root}/{pattern}")).unwrap();
        let path = |location: &Location| location.path()[root.len() + 1..].to_owned();
        files.iter().map(|file| path(&file.location)).collect()
    };
    let expected = ["2024/01/shop/orders.csv", "2024/02/shop/orders.csv"];
    assert_eq!(found("2024/*/shop/orders.csv"), expected);
    assert_eq!(far.log().lists, [format!("{root}/2024")]);
    assert_eq!(found("2024/0[12]/shop/*"), expected);
    let lists = ["2024", "2024/01/shop", "2024/02/shop"].map(|folder| format!("{root}/{folder}"));
    assert_eq!(far.log().lists, lists);
    assert_eq!(found("2024/01/shop/orders.csv"), expected[..1]);
    assert!(far.log().lists.is_empty());
}
