//! SIGTERM ends it in order.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::orders::Orders;
use crate::support::running::Ended;
use crate::support::tables::Tables;

use super::Shop;

#[test]
fn while_nothing_comes() {
    let shop = Shop::new(2);
    let mut running = shop.job().start();
    running.wait_for_log("taken over");
    let ended = running.stop();
    assert!(ended.stdout.starts_with("done: 0 messages in 0 batches"), "{ended}");

    // What came before is committed, although its time has not come.
    shop.topic.send(&mut Orders::of_days(81, &["2011-12-08"]), 50, &[0, 1]);
    let mut running = shop.job().set("streaming.flush_interval", "1h").arg("-v").start();
    running.wait_for_log("taken over");
    let ended = running.stop();
    if is_visible(&ended) {
        assert_eq!(rows(&shop), ended.messages());
    }
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}

/// Whether all that it has read is visible, as it should be unless the disk was slow; then it says so.
fn is_visible(ended: &Ended) -> bool {
    !ended.stderr.contains("not visible yet")
}

fn rows(shop: &Shop) -> u64 {
    let tables = Tables::read(&shop.place);
    (tables.tagged.len() + tables.rejected.len()) as u64
}

#[test]
fn under_load() {
    let shop = Shop::new(3);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut orders = Orders::of_days(82, &["2011-12-08", "2011-12-09", "2012-02-29"]);
            // The broker forgets beyond 5 MiB a partition.
            for _ in 0..300 {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                shop.topic.send(&mut orders, 120, &[0, 1, 2]);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let mut read = 0;
        for _ in 0..2 {
            let mut running = shop.job().start();
            running.wait_for_messages(500);
            let ended = running.stop();
            read += ended.messages();
            if is_visible(&ended) {
                assert_eq!(rows(&shop), read, "{ended}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    shop.job().catch_up();
    shop.place.check_at_rest(&shop.topic);
}
