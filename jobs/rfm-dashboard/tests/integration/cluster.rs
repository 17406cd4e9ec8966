//! The same page on HDFS, a Hive metastore and Kafka.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use hive_catalog::{Address, HiveCatalog, Metastore, MetastoreSettings};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::json;
use store::Stores;
use test_cluster::{Cluster, Part};
use warehouse::ddl::{Ddl, Naming};

use crate::support::orders::Topic;
use crate::support::program::{Running, command};
use crate::support::shop::{Shop, customers};
use crate::support::wait_for;

fn make_topic(brokers: &str, name: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topic = NewTopic::new(name, 2, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

#[test]
fn tables_from_the_metastore_and_orders_from_kafka() {
    let cluster = Cluster::shared(&[Part::Hdfs, Part::Metastore, Part::Kafka]);
    let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let database = format!("dashboard_{unique}");
    let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
    let stores = Stores::local().with(HdfsStores::new(conf));
    let path = format!("/tests/{database}");
    let location = stores.locate(&path).unwrap();
    let ddl = Ddl::load(&Naming::new(&database, "", &location.uri()).unwrap()).unwrap();
    let metastore = Metastore::new(MetastoreSettings {
        uris: Address::parse_list(cluster.metastore_uri()).unwrap(),
        user: "shopkeeper".to_owned(),
        timeout: Duration::from_secs(60),
        keep_trying: Duration::from_secs(10),
    });
    let lease = Duration::from_secs(30);
    let catalog = HiveCatalog::new(metastore.unwrap(), location, ddl.clone(), lease);
    let shop = Shop { catalog: Arc::new(catalog), ddl, ..Shop::new() };
    shop.publish("2011-11-10", &customers()[..4]);
    shop.publish("2011-12-10", &customers());
    let topic = format!("tagged-{unique}");
    make_topic(cluster.kafka_brokers(), &topic);

    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut command = command();
    command
        .env("HADOOP_CONF_DIR", text(cluster.hadoop_conf_dir()))
        .env("HIVE_CONF_DIR", text(cluster.hive_conf_dir()))
        .args(["--listen", "127.0.0.1:0", "--warehouse", &path, "--topic", &topic])
        .args(["--brokers", cluster.kafka_brokers()])
        .args(["--set", "catalog.kind=hive", "--set", "dashboard.refresh=500ms"])
        .args(["--set", &format!("warehouse.database={database}")]);
    let dashboard = Running::ready(&mut command);
    assert_eq!(dashboard.get("/api/segments").data()["model"]["revenue"], "88223.2300");
    let customer = dashboard.get("/api/customers/12347").data();
    assert_eq!(
        (&customer["monetary"], &customer["country"]),
        (&json!("4310.0000"), &json!("Iceland"))
    );
    assert_eq!(customer["last_order"], "2011-12-07T15:52:00Z");
    assert_eq!(customer["history"]["snapshot_date"], json!(["2011-12-10", "2011-11-10"]));
    assert_eq!(dashboard.get("/api/customers/1").problem(404), "customer_unknown");
    assert_eq!(dashboard.get("/api/scatter").data()["total"], 7);
    let moved = dashboard.get("/api/migration").data();
    assert_eq!(moved["customers"][0], json!([2, 0, 0, 0, 0]));

    let mut events = dashboard.events("");
    wait_for("the topic", || {
        (dashboard.get("/api/live").data()["upstream"]["state"] == "connected").then_some(())
    });
    let keys = Topic::named(cluster.kafka_brokers(), &topic).send_many(50);
    assert_eq!(events.keys(50).0, keys);
    let run = shop.publish("2011-12-11", &customers()[..3]);
    assert_eq!(events.next_of("snapshot").data["run_id"], run);
    assert_eq!(dashboard.get("/api/segments").data()["model"]["customers"], 3);
    dashboard.stop();
}
