//! Locations on the shared cluster.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use store::{Location, StoreError, Stores};
use test_cluster::{Cluster, Part};

/// The cluster that all tests use which leave its daemons alone.
pub(crate) fn cluster() -> &'static Cluster {
    Cluster::shared(&[Part::Hdfs])
}

static STORES: LazyLock<Stores> = LazyLock::new(|| stores(cluster(), &[]));

/// The stores of a cluster, with more settings than it has.
pub(crate) fn stores(cluster: &Cluster, settings: &[(&str, &str)]) -> Stores {
    let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
    let pairs: Vec<_> = conf
        .keys()
        .map(|key| (key.to_owned(), conf.get(key).unwrap()))
        .chain(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
        .collect();
    Stores::local().with(HdfsStores::new(HadoopConf::from_pairs(pairs)))
}

/// A folder of its own for a test.
pub(crate) fn new_folder() -> Location {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("{}/hdfs-store/{}-{number}", cluster().hdfs_url(), std::process::id());
    let folder = STORES.locate(&folder).unwrap();
    folder.remove_tree().unwrap();
    folder.create_dir_all().unwrap();
    folder
}

/// A location that does not exist, in a folder that does.
pub(crate) fn new_location() -> Location {
    new_folder().join("at")
}

/// What Hadoop's own command line client prints.
pub(crate) fn hdfs(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = cluster.hdfs(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "hdfs {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The error with its source, in one line.
pub(crate) fn text(error: &StoreError) -> String {
    let text = format!("{error}: {}", std::error::Error::source(error).unwrap());
    assert!(!text.contains('\n'), "{text}");
    text
}
