//! Addresses behind which nobody answers, or only the second one.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use store::{Location, StoreErrorKind, Stores};

use crate::helper::{cluster, new_folder, stores, text};

/// A port where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn without_settings(text: &str) -> Location {
    Stores::local().with(HdfsStores::new(HadoopConf::default())).locate(text).unwrap()
}

#[test]
fn a_port_where_nobody_listens() {
    let port = closed_port();
    let at = without_settings(&format!("hdfs://localhost:{port}/x"));
    let start = Instant::now();
    for error in [at.stat().unwrap_err(), at.open().unwrap_err(), at.write(b"").unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let text = text(&error);
        assert!(text.contains(&format!("hdfs://localhost:{port}/x")), "{text}");
        assert!(text.contains(&format!("(NameNode localhost:{port})")), "{text}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_host_that_does_not_exist() {
    let error = without_settings("hdfs://no-such-host.invalid/x").stat().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Address, "{}", text(&error));
    assert!(text(&error).contains("(NameNode no-such-host.invalid:8020)"), "{}", text(&error));
}

#[test]
fn a_server_that_is_not_hdfs_or_hangs() {
    // Accepts connections, as far as the kernel does, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("hdfs://{}/x", silent.local_addr().unwrap());
    let conf = HadoopConf::from_pairs([("ipc.client.rpc-timeout.ms", "300")]);
    let at = Stores::local().with(HdfsStores::new(conf)).locate(&address).unwrap();
    let start = Instant::now();
    for error in [at.stat().unwrap_err(), at.list().unwrap_err(), at.write(b"").unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", text(&error));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// A name service of two NameNodes, with the cluster's at the second place.
fn pair(first: &str, more: &[(&str, &str)]) -> Stores {
    let url = cluster().hdfs_url();
    let real = url.trim_start_matches("hdfs://");
    let mut settings = vec![
        ("fs.defaultFS", "hdfs://pair"),
        ("dfs.nameservices", "pair"),
        ("dfs.ha.namenodes.pair", "nn1, nn2"),
        ("dfs.namenode.rpc-address.pair.nn1", first),
        ("dfs.namenode.rpc-address.pair.nn2", real),
    ];
    settings.extend(more);
    stores(cluster(), &settings)
}

#[test]
fn the_second_namenode_answers() {
    let folder = new_folder();
    let dead = format!("localhost:{}", closed_port());
    let stores = pair(&dead, &[]);
    let at = stores.locate(&format!("{}/file", folder.path())).unwrap();
    assert_eq!(at.uri(), format!("hdfs://pair{}/file", folder.path()));
    at.write(b"text").unwrap();
    assert_eq!(at.read().unwrap().unwrap(), b"text");
    assert_eq!(folder.join("file").read().unwrap().unwrap(), b"text");
}

#[test]
fn the_first_namenode_hangs() {
    let folder = new_folder();
    folder.join("file").write(b"text").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let at = pair(&address, &[("ipc.client.rpc-timeout.ms", "2000")])
        .locate(&format!("hdfs://pair{}/file", folder.path()))
        .unwrap();
    let start = Instant::now();
    assert_eq!(at.stat().unwrap().unwrap().size, 4);
    assert_eq!(at.read().unwrap().unwrap(), b"text");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_mount_table() {
    let folder = new_folder();
    let url = cluster().hdfs_url();
    let (data, root) = (format!("{url}{}/data", folder.path()), format!("{url}{}", folder.path()));
    let settings = [
        ("fs.defaultFS", "viewfs://table/"),
        ("fs.viewfs.mounttable.table.link./mounted", &*data),
        ("fs.viewfs.mounttable.table.linkFallback", &*root),
    ];
    let at = stores(cluster(), &settings).locate("/mounted/file").unwrap();
    assert_eq!(at.uri(), "viewfs://table/mounted/file");
    at.write(b"text").unwrap();
    assert_eq!(folder.join("data/file").read().unwrap().unwrap(), b"text");
}
