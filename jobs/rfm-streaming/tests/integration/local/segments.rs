//! Segments that appear, and change, while the job runs.

use crate::support::orders::{CUSTOMERS, Orders};
use crate::support::place::Snapshot;
use crate::support::running::Running;
use crate::support::tables::Tables;

use super::Shop;

/// Sends orders until one of them is tagged with this snapshot.
fn send_until(shop: &Shop, orders: &mut Orders, running: &mut Running, date: Option<&str>) {
    running.wait_for(&format!("no order has {date:?}"), |_| {
        shop.topic.send(orders, 20, &[0, 1]);
        let rows = Tables::read(&shop.place).tagged;
        let mut used = rows.iter().filter(|row| row.snapshot.as_deref() == date);
        let first = used.next().map(|row| row.source.partition);
        first.is_some() && used.any(|row| Some(row.source.partition) != first)
    });
}

/// All customers, in segments that depend on `turn`.
fn everybody(turn: i64) -> Snapshot {
    (1..=CUSTOMERS as i64).map(|id| (id, ((id + turn) % 4) as i32)).collect()
}

#[test]
fn new_segments_are_used_without_a_break() {
    let shop = Shop::new(2);
    let mut orders = Orders::of_days(21, &["2011-12-08", "2011-12-09"]);
    // Rows of several snapshots are in one batch, too.
    let job = shop.job().set("streaming.flush_interval", "700ms");
    let mut running = job.start();
    running.wait_for_log("no segments are published yet");
    running.wait_for_log("taken over");
    send_until(&shop, &mut orders, &mut running, None);
    let dates = ["2011-12-10", "2011-12-11", "2012-01-01"];
    for (turn, date) in (0..).zip(dates) {
        shop.place.publish_segments(date, everybody(turn));
        send_until(&shop, &mut orders, &mut running, Some(date));
    }
    shop.place.wait_until_visible(&shop.topic);
    running.stop();
    let tables = shop.place.check_at_rest(&shop.topic);
    let dated = dates.map(|date| Some(date.to_owned()));
    let expected: Vec<_> = [None].into_iter().chain(dated).collect();
    assert_eq!(tables.snapshots(0), expected);
    assert_eq!(tables.snapshots(1), expected);

    // An older snapshot is not the current one. The next run uses what there is from its first order on.
    shop.place.publish_segments("2011-12-01", everybody(9));
    shop.topic.send(&mut orders, 40, &[0, 1]);
    job.catch_up();
    assert_eq!(shop.place.check_at_rest(&shop.topic).snapshots(0), expected);
}

#[test]
fn segments_that_cannot_be_read_do_not_end_it() {
    let shop = Shop::new(1);
    let mut orders = Orders::of_days(22, &["2011-12-08"]);
    shop.place.publish_segments("2011-12-10", everybody(0));
    shop.topic.send(&mut orders, 30, &[0]);
    let mut running = shop.job().start();
    running.wait_for_messages(30);
    // A snapshot without its files, unless they have been loaded already.
    shop.place.publish_segments("2011-12-11", everybody(1));
    let runs = shop.place.folder.path().join("warehouse/ecom_user_segments/_runs");
    for run in std::fs::read_dir(runs).unwrap() {
        std::fs::remove_dir_all(run.unwrap().path()).unwrap();
    }
    shop.topic.send(&mut orders, 30, &[0]);
    running.wait_for_messages(60);
    shop.place.wait_until_visible(&shop.topic);
    running.stop();
    shop.place.check_at_rest(&shop.topic);

    // From the start: all are Unknown until there is something to load.
    shop.topic.send(&mut orders, 30, &[0]);
    let ended = shop.job().catch_up();
    assert!(ended.stderr.contains("cannot load segments; orders are tagged Unknown"), "{ended}");
    shop.place.publish_segments("2011-12-12", everybody(3));
    shop.topic.send(&mut orders, 30, &[0]);
    shop.job().catch_up();
    let last = shop.place.check_at_rest(&shop.topic).snapshots(0).pop();
    assert_eq!(last, Some(Some("2011-12-12".to_owned())));
}
