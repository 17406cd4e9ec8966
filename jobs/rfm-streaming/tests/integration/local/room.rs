//! A warehouse that cannot be written, or not now.

use std::sync::Arc;
use std::time::Duration;

use warehouse::local_catalog::LocalCatalog;

use crate::support::orders::Orders;
use crate::support::place::Place;
use crate::support::random::Random;
use crate::support::tables::Tables;

use super::{Shop, rejected};

/// Makes the warehouse a file system of its own, for one process.
fn mount(options: &str) -> String {
    format!("mkdir -p warehouse; mount -t tmpfs -o {options} tmpfs warehouse")
}

/// In 40 messages, of bytes that do not become fewer in a file.
fn send_four_megabytes(shop: &Shop, seed: u64) {
    let mut random = Random::new(seed);
    let mut bytes = || (0..100_000).map(|_| 0xff - random.below(64) as u8).collect::<Vec<_>>();
    shop.topic.send_all((0..40).map(|_| rejected(bytes(), "not_utf8")), 0);
}

#[test]
fn a_warehouse_that_cannot_be_written() {
    let shop = Shop::new(1);
    shop.topic.send(&mut Orders::of_days(71, &["2011-12-08"]), 20, &[0]);
    let job = shop.job().until_caught_up();
    let file = shop.place.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.to_str().unwrap();
    job.clone().set("warehouse.path", path).run().assert_fails(1, &[path]);
    let read_only = job.start_in_namespace(&mount("ro")).wait();
    read_only.assert_fails(1, &["Read-only file system", "warehouse"]);
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost() {
    let shop = Shop::new(2);
    let mut orders = Orders::of_days(72, &["2011-12-08", "2011-12-09", "2012-02-29"]);
    shop.topic.send(&mut orders, 2_000, &[0, 1]);
    let job = shop.job();
    let full = job.clone().set("streaming.keep_trying", "1s");
    full.start_in_namespace(&mount("size=64k"))
        .wait()
        .assert_fails(3, &["streaming.keep_trying", "nothing is lost", "No space left on device"]);

    // There is room again while it waits.
    let filled = format!("{}; head -c 8128k /dev/zero > warehouse/filler", mount("size=8m"));
    let mut running = job.start_in_namespace(&filled);
    let warning = running.wait_for_log("cannot go on now");
    assert!(warning.contains("the disk is full"), "{warning}");
    // The same folder, as that process sees it.
    let folder = format!("/proc/{}/cwd/warehouse", running.id());
    std::fs::remove_file(format!("{folder}/filler")).unwrap();
    let catalog = Arc::new(LocalCatalog::new(folder));
    let there = Place { catalog, ..Place::local(&shop.place.brokers) };
    running.wait_for("not all is visible", |_| {
        let tables = Tables::read(&there);
        tables.tagged.len() + tables.rejected.len() == 2_000
    });
    there.check(&shop.topic);
    let ended = running.stop();
    assert!(ended.stdout.contains("opened again"), "{ended}");
}

#[test]
fn a_batch_that_never_fits_ends_it() {
    let shop = Shop::new(1);
    send_four_megabytes(&shop, 73);
    // There is room to begin again each time, and none for the rows.
    let job = shop.job().set("streaming.keep_trying", "1s").set("streaming.flush_rows", "40");
    let ended = job.start_in_namespace(&mount("size=2m")).wait();
    ended.assert_fails(3, &["streaming.keep_trying", "No space left on device"]);
    assert_eq!(ended.messages(), 0, "{ended}");
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn a_last_commit_that_fails_late_is_reported() {
    let shop = Shop::new(1);
    send_four_megabytes(&shop, 75);
    // It is waited for 6 s, and for what is to become visible 2 s more.
    let job = shop.job().set("streaming.flush_rows", "40");
    let job = job.fault("stream-file-created:pause=7000");
    let mut running = job.start_in_namespace(&mount("size=8m"));
    running.wait_for_log("pause asked for by RFM_FAULT");
    running.signal("TERM");
    let filler = format!("/proc/{}/cwd/warehouse/filler", running.id());
    let full = std::fs::write(filler, vec![0; 16 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let parts = ["the last orders were not committed", "No space left on device"];
    running.wait().assert_fails(3, &parts);
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}

#[test]
fn a_catalog_that_is_locked_delays_what_readers_see_and_nothing_else() {
    let shop = Shop::new(2);
    let mut orders = Orders::of_days(73, &["2011-12-08", "2011-12-09"]);
    shop.job().catch_up();
    let rows = || Tables::read(&shop.place).tagged.len();
    let lock = || shop.place.catalog.acquire("somebody else", Duration::from_secs(60)).unwrap();

    let held = lock();
    shop.topic.send(&mut orders, 60, &[0, 1]);
    let mut running = shop.job().until_caught_up().start();
    running.wait_for_messages(60);
    running.wait_for_log("committed orders cannot be made visible now; trying again");
    assert_eq!(rows(), 0);
    drop(held);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    shop.place.check_at_rest(&shop.topic);
    let before = rows();

    // Stopped while it waits: the next one sees to it.
    let held = lock();
    let mut orders = Orders::of_days(74, &["2012-02-29", "2012-03-01"]);
    shop.topic.send(&mut orders, 60, &[0, 1]);
    let mut running = shop.job().start();
    running.wait_for_messages(60);
    let ended = running.stop();
    assert!(ended.stderr.contains("not visible yet; the next run sees to it"), "{ended}");
    assert_eq!(rows(), before);
    drop(held);
    assert_eq!(shop.job().catch_up().messages(), 0);
    shop.place.check_at_rest(&shop.topic);
}
