//! A metastore that dies, hangs and comes back.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hive_catalog::{Metastore, MetastoreErrorKind, MetastoreSettings};
use test_cluster::{Cluster, Daemon, Part};
use warehouse::catalog::Catalog;

use crate::helper::{Shop, settings};
use crate::proxy::{Proxy, Rule};

const DAY: &str = "2011-12-10";
/// For calls that are to fail. On a busy machine those that are to succeed may take longer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// One after the other, for a cluster takes its time to start.
#[test]
fn of_a_metastore() {
    let cluster = Arc::new(Cluster::private(&[Part::Metastore]));
    between_calls(&cluster);
    within_a_publication(&cluster);
}

fn between_calls(cluster: &Cluster) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uris = format!("thrift://127.0.0.1:{port},{}", cluster.metastore_uri());

    // The first address is that of a server that is down.
    let shop = Shop::on(cluster, &uris);
    shop.publish(DAY, 4).unwrap();
    let expected = shop.catalog.load().unwrap();
    let patient = MetastoreSettings {
        keep_trying: Duration::from_secs(60),
        ..settings(cluster.metastore_uri())
    };
    let impatient = MetastoreSettings {
        timeout: TIMEOUT,
        keep_trying: Duration::from_secs(2),
        ..patient.clone()
    };
    let new = |settings: &MetastoreSettings| Metastore::new(settings.clone()).unwrap();
    let name = &shop.ddl.tables[0].name;
    let read = |client: &Metastore| client.get_table(&shop.database, name);
    let client = new(&patient);
    assert!(read(&client).unwrap().is_some());

    // Restarted between two calls: the connections that are kept are of no use any more.
    cluster.kill(Daemon::Metastore);
    cluster.start(Daemon::Metastore);
    assert!(read(&client).unwrap().is_some());
    assert_eq!(shop.catalog.load().unwrap(), expected);

    // Hanging: it accepts connections, and those that are open stay open.
    let [connected, fresh] = [new(&impatient), new(&impatient)];
    wait_for(|| read(&connected).ok());
    cluster.pause(Daemon::Metastore);
    for client in [&connected, &fresh] {
        let start = Instant::now();
        let error = read(client).unwrap_err();
        assert_eq!(error.kind, MetastoreErrorKind::Unreachable, "{error}: {}", error.source);
        let limit = impatient.keep_trying + 5 * TIMEOUT;
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    }
    let quick = new(&MetastoreSettings { timeout: TIMEOUT, ..patient.clone() });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| read(&quick));
        std::thread::sleep(2 * TIMEOUT);
        assert!(!waiting.is_finished());
        cluster.resume(Daemon::Metastore);
        assert!(waiting.join().unwrap().unwrap().is_some());
    });
    for client in [&client, &connected] {
        assert!(wait_for(|| read(client).ok()).is_some());
    }

    // Down: the publication waits, and goes on when the metastore is back.
    cluster.kill(Daemon::Metastore);
    let error = read(&connected).unwrap_err();
    assert_eq!(error.kind, MetastoreErrorKind::Unreachable);
    std::thread::scope(|scope| {
        let uris = settings(&uris).uris;
        let shop = shop.calling(MetastoreSettings { uris, ..patient.clone() });
        let publishing = scope.spawn(move || shop.publish("2011-12-11", 5));
        cluster.start(Daemon::Metastore);
        publishing.join().unwrap().unwrap();
    });
    let state = shop.catalog.load().unwrap();
    assert!(state.views.values().all(|view| view.snapshot_date.as_str() == "2011-12-11"));
}

fn within_a_publication(cluster: &Arc<Cluster>) {
    let proxy = Proxy::new(cluster.metastore_uri());
    let direct = Shop::on(cluster, cluster.metastore_uri());
    direct.publish("2011-12-09", 3).unwrap();
    let impatient = MetastoreSettings {
        timeout: 5 * TIMEOUT,
        keep_trying: Duration::ZERO,
        ..settings(&proxy.uri)
    };
    let shop = direct.calling(impatient);
    let hanging = cluster.clone();
    let pause = move || hanging.pause(Daemon::Metastore);
    proxy.on("add_partitions_req", Rule::Before(Box::new(pause)));
    let error = shop.publish(DAY, 4).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    proxy.check();
    cluster.resume(Daemon::Metastore);

    // The metastore carries out what it received, though nobody waits for the answer. So the files must still be there.
    let table = &direct.ddl.tables[0];
    let partition = wait_for(|| {
        let state = direct.catalog.load().unwrap();
        state.tables[&table.qualified_name()].partitions.get("snapshot_date=2011-12-10").cloned()
    });
    assert_eq!(direct.catalog.data_files(&partition).unwrap().len(), 1);
    let state = direct.catalog.load().unwrap();
    assert!(state.views.values().all(|view| view.snapshot_date.as_str() == "2011-12-09"));

    // And running again puts everything right.
    let again = direct.publish(DAY, 5).unwrap();
    let state = direct.catalog.load().unwrap();
    assert!(state.views.values().all(|view| view.snapshot_date.as_str() == DAY));
    for table in state.tables.values() {
        let partition = &table.partitions["snapshot_date=2011-12-10"];
        assert!(again.locations.contains(&partition.location) && partition.rows() == Some(5));
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within 30 s");
        std::thread::sleep(Duration::from_millis(100));
    }
}
