//! Compaction on HDFS and a metastore, seen through beeline.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, Metastore, MetastoreSettings};
use order_model::Date;
use store::Stores;
use stream_sink::compact::CompactOptions;
use test_cluster::{Cluster, Part};
use warehouse::ddl::{Ddl, Naming};
use warehouse::run_id::RunId;

use super::sleepy::Sleepy;
use super::world::{Stream, World, at_once, keep_nothing, settle, today};

const DAYS: [&str; 4] = ["dt=2011-12-06", "dt=2011-12-07", "dt=2011-12-08", "dt=2011-12-09"];

/// A database of its own.
fn world(cluster: &Cluster) -> (World, String) {
    // A cluster may outlive the process, so the number of the process is not enough.
    let run = RunId::new(SystemTime::now());
    let database = format!("compact{}", &run.as_str()[run.as_str().len() - 8..]);
    let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
    let stores = Stores::local().with(HdfsStores::new(conf));
    let warehouse = stores.locate(&format!("{}/{database}", cluster.hdfs_url())).unwrap();
    let ddl = Ddl::load(&Naming::new(&database, "", &warehouse.uri()).unwrap()).unwrap();
    let settings = MetastoreSettings {
        uris: Address::parse_list(cluster.metastore_uri()).unwrap(),
        user: "shopkeeper".to_owned(),
        timeout: Duration::from_secs(60),
        keep_trying: Duration::from_secs(10),
    };
    let (metastore, tables) = (Metastore::new(settings).unwrap(), ddl.order_tables.clone());
    let catalog = HiveCatalog::new(metastore, warehouse, ddl, Duration::from_secs(30));
    (World::new(Arc::new(catalog), tables), database)
}

/// Days before today that have to be left alone so that `day` is the first that is not.
fn older_than(day: &str) -> u32 {
    let day: Date = day.strip_prefix("dt=").unwrap().parse().unwrap();
    (today() - day.days() - 1) as u32
}

#[test]
fn beeline_always_sees_the_same() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let (world, database) = world(cluster);
    let stream = world.fill(&DAYS, 3);
    let queries = [
        format!(
            "select count(*), count(distinct kafka_offset), sum(kafka_offset), sum(unit_price), \
             sum(unix_timestamp(event_time)), sum(customer_id), sum(hash(segment)) \
             from {database}.ecom_orders_tagged"
        ),
        format!(
            "select count(*), sum(kafka_offset), sum(hash(hex(message_value))), sum(length(detail)) \
             from {database}.ecom_orders_rejected"
        ),
        format!("select dt, count(*) from {database}.ecom_orders_tagged group by dt order by dt"),
    ];
    let mut beeline = cluster.beeline();
    let mut answers = || queries.each_ref().map(|query| beeline.query(query).unwrap());
    let before = answers();
    assert_eq!(before[0][0][..2], ["84", "84"]);
    std::thread::scope(|scope| {
        let compaction = scope.spawn(|| {
            for day in DAYS {
                let options = CompactOptions { older_than_days: older_than(day), ..at_once() };
                let report = world.compact(&options).unwrap();
                assert_eq!((report.partitions, report.files_before, report.files_after), (2, 6, 2));
                stream.written.check(&world);
            }
        });
        let mut asked = 0;
        while !compaction.is_finished() {
            assert_eq!(answers(), before);
            asked += 1;
        }
        compaction.join().unwrap();
        assert!(asked > 0);
    });
    assert_eq!(answers(), before);
    settle(&world, &stream.written);
    assert_eq!(answers(), before);
}

#[test]
fn late_files_and_old_partitions() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let (world, database) = world(cluster);
    let stream = world.fill(&DAYS[..2], 2);
    let mut late = Sleepy::new(&world, 1, DAYS[0]);
    let mut dead = Sleepy::new(&world, 2, DAYS[0]);
    world.compact(&at_once()).unwrap();
    late.place();
    dead.place();
    let late = late.finish(&world);
    let dead = dead.die();
    let brought = world.compact(&at_once()).unwrap().strays;
    assert_eq!(brought, 1);
    let written = stream.written.and(&late).and(&dead.finish(&world));
    settle(&world, &written);
    let mut beeline = cluster.beeline();
    let query = format!("select dt, count(*) from {database}.ecom_orders_tagged group by dt");
    let mut counts = beeline.query(&query).unwrap();
    counts.sort();
    assert_eq!(counts, [["2011-12-06", "28"], ["2011-12-07", "14"]]);

    let options = CompactOptions { retain_days: Some(30), ..keep_nothing() };
    assert_eq!(world.compact(&options).unwrap().dropped_partitions.len(), 4);
    assert_eq!(beeline.query(&query).unwrap(), [[""; 0]; 0]);
    let partitions = beeline.query(&format!("show partitions {database}.ecom_orders_tagged"));
    assert_eq!(partitions.unwrap(), [[""; 0]; 0]);
    Stream::take_over(&world, 3).put(&DAYS[..1]);
    assert_eq!(beeline.query(&query).unwrap(), [["2011-12-06", "7"]]);
}
