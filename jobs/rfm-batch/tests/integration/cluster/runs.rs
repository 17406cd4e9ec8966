//! Runs that succeed: on Hive 4 and 3.1 metastores, under the names of the EMR deployment, two at once.

use std::process::Command;

use serde_json::Value;
use test_cluster::{Cluster, Part};

use super::HiveJob;
use crate::job::{Job, ended, orders};

/// `hive/checks/run` with a database, as an operator runs it.
fn checks(cluster: &Cluster, args: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hive/checks/run");
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/cluster/bin");
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap());
    let output =
        Command::new(script).args(args).envs(cluster.envs()).env("PATH", path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("ok     10_consistency"), "{text}");
}

/// The same rows as a run on the local disk gives, to the last digit.
#[test]
fn the_tables_are_those_of_a_local_run() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "as_local");
    let csv = orders(60_000, 11, 0.01);
    hive.put("orders.csv", &csv);
    let report = hive.report("orders.csv", "2012-01-01");
    checks(cluster, &["--database", "as_local"]);

    let local = Job::new();
    local.put("orders.csv", &csv);
    let expected = local.report(&["--input", "orders.csv", "--snapshot-date", "2012-01-01"]);
    for figure in ["rows", "customers", "orders", "revenue", "segments", "clustering"] {
        assert_eq!(report[figure], expected[figure], "{figure}");
    }
    for (table, bytes) in ["ecom_user_rfm_batch", "ecom_user_segments"].iter().zip(0..) {
        let table_of =
            |report: &Value| report["tables"][bytes]["location"].as_str().unwrap().to_owned();
        let on_hdfs = hive.warehouse().join(&table_of(&report)).join("part-00000.parquet");
        let here = local.file_bytes(table, "2012-01-01");
        assert_eq!(on_hdfs.read().unwrap().unwrap(), here[0].1, "{table}");
    }
    // rejected rows are kept, wherever the warehouse is
    let rejects = report["files"][0]["rejects_files"][0].as_str().unwrap();
    assert!(rejects.starts_with("hdfs://"), "{rejects}");
    // and `show` reads it all back
    let shown = ended(hive.command(&["show", "segments"]).output().unwrap());
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("High Value VIP"), "{}", shown.stdout);
    let shown = ended(hive.command(&["show", "snapshots"]).output().unwrap());
    let customers = report["customers"].as_u64().unwrap();
    assert!(shown.stdout.contains("(current)"), "{}", shown.stdout);
    let digits = shown.stdout.replace(',', "");
    assert!(digits.contains(&customers.to_string()), "{}", shown.stdout);
}

#[test]
fn gzip_folders_and_globs_are_read_from_hdfs() {
    use std::io::Write as _;
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "inputs");
    let csv = orders(20_000, 12, 0.0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&csv).unwrap();
    hive.put("one/a.csv", &csv);
    hive.put("two/a.csv.gz", &gzip.finish().unwrap());
    let customers = |input: &str| {
        let ended = hive.run(input, "2012-01-01", &["--dry-run", "--report", "file:report.json"]);
        assert_eq!(ended.code, Some(0), "{input}: {}", ended.stderr);
        let report = std::fs::read(hive.job.path().join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        (report["customers"].clone(), report["rows"]["read"].clone())
    };
    let plain = customers("one/a.csv");
    assert_eq!(customers("one"), plain);
    assert_eq!(customers("two"), plain);
    let (both, rows) = customers("*/a.csv*");
    assert_eq!((both, rows.as_u64()), (plain.0, plain.1.as_u64().map(|rows| 2 * rows)));
    let missing = hive.run("three/*.csv", "2012-01-01", &["--dry-run"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("three/*.csv"), "{}", missing.stderr);
}

#[test]
fn the_emr_deployment_keeps_its_names() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let mut beeline = cluster.beeline();
    let hive = HiveJob::new(cluster, "emr_input");
    let csv = std::env::var_os("ONLINE_RETAIL_CSV")
        .map_or_else(|| orders(20_000, 13, 0.0), |file| std::fs::read(file).unwrap());
    let folder = "/user/hadoop/peiyuanluo/finalProject";
    let root = store::Location::new(hive.folder.store().clone(), folder);
    root.remove_tree().unwrap();
    for table in ["ecom_user_rfm_batch", "ecom_user_segments", "ecom_segment_profiles"] {
        beeline.execute(&format!("drop table if exists default.peiyuanluo_{table}")).unwrap();
    }
    root.join("online_retail.csv").write(&csv).unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/emr.toml");
    let mut command = hive.job.command(&["--config", config, "--snapshot-date", "2011-12-10"]);
    command.env("HADOOP_CONF_DIR", cluster.hadoop_conf_dir());
    command.env("HIVE_CONF_DIR", cluster.hive_conf_dir());
    let run = ended(command.output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let counted = |beeline: &mut test_cluster::Beeline, table: &str| {
        beeline.query(&format!("select count(*) from default.{table}")).unwrap()[0][0].clone()
    };
    let customers = counted(&mut beeline, "peiyuanluo_ecom_user_rfm_batch");
    assert_eq!(counted(&mut beeline, "peiyuanluo_ecom_user_segments"), customers);
    assert!(customers.parse::<u64>().unwrap() > 100, "{customers}");
    let checks_of = ["--database", "default", "--prefix", "peiyuanluo_"];
    checks(cluster, &checks_of);
}

#[test]
fn a_hive_3_1_metastore_takes_the_same() {
    let cluster = Cluster::shared(&[Part::Hive, Part::Metastore3]);
    let name = format!("on_hive3_{}", std::process::id());
    let hive = HiveJob::new(cluster, &name).with_metastore(cluster.metastore3_uri());
    hive.put("a.csv", &orders(20_000, 14, 0.0));
    let first = hive.report("a.csv", "2012-01-01");
    hive.report("a.csv", "2012-01-02");
    hive.report("a.csv", "2012-01-02");
    let shown = ended(hive.command(&["show", "snapshots"]).output().unwrap());
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let lines: Vec<&str> = shown.stdout.lines().skip(2).collect();
    assert_eq!(lines.len(), 2, "{}", shown.stdout);
    assert!(lines[0].contains(first["run_id"].as_str().unwrap()), "{}", shown.stdout);
    assert!(lines[1].contains("(current)"), "{}", shown.stdout);
}

#[test]
fn two_at_once_take_turns_or_say_so() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "two_at_once");
    hive.put("a.csv", &orders(3_000, 15, 0.0));
    hive.report("a.csv", "2012-01-01");
    let dates = ["2012-01-02", "2012-01-03", "2012-01-04"];
    let running: Vec<_> = dates
        .iter()
        .map(|date| {
            let args = hive.run_on("a.csv", date);
            let mut command = hive.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for run in running {
        let run = ended(run.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    let mut beeline = cluster.beeline();
    let current = beeline.query("select max(snapshot_date) from two_at_once.ecom_user_rfm_current");
    assert_eq!(current.unwrap(), [["2012-01-04"]]);

    // one that does not want to wait is told who holds the claim
    let args = hive.run_on("a.csv", "2012-01-05");
    let mut command = hive.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("RFM_FAULT", format!("{}:pause=60000", warehouse::fault::LEFTOVERS_SWEPT));
    let mut holder = command
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let claim = hive.warehouse().join("_catalog/claim");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while claim.stat().unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "no claim");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let hasty = hive.run("a.csv", "2012-01-06", &["--set", "batch.lock_wait=1s"]);
    assert_eq!(hasty.code, Some(3), "{}", hasty.stderr);
    assert!(hasty.stderr.contains(&format!("process {} on ", holder.id())), "{}", hasty.stderr);
    holder.kill().unwrap();
    holder.wait().unwrap();
    hive.report("a.csv", "2012-01-06");
}
