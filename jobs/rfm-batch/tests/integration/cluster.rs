//! The job on a real cluster: CSV on HDFS in, Hive tables out, asked through beeline.

mod killed;
mod outages;
mod queries;
mod runs;

use std::process::Command;

use hadoop_conf::HadoopConf;
use hdfs_store::HdfsStores;
use serde_json::Value;
use store::{Location, Stores};
use test_cluster::{Beeline, Cluster};

use crate::job::{Ended, Job, ended};

/// The views, in the order in which they are published.
pub const VIEWS: [&str; 3] =
    ["ecom_user_rfm_current", "ecom_user_segments_current", "ecom_segment_profiles_current"];

/// A database and a folder of a cluster that a test has to itself.
pub struct HiveJob<'c> {
    pub job: Job,
    pub cluster: &'c Cluster,
    /// The folder `/tests/NAME` on HDFS.
    pub folder: Location,
    pub database: String,
    metastore: String,
}

impl<'c> HiveJob<'c> {
    pub fn new(cluster: &'c Cluster, name: &str) -> Self {
        let conf = HadoopConf::from_dirs(Some(cluster.hadoop_conf_dir()), None).unwrap();
        let stores = Stores::local().with(HdfsStores::new(conf));
        let folder = stores.locate(&format!("/tests/{name}")).unwrap();
        // Of an earlier run of the tests on the same cluster.
        folder.remove_tree().unwrap();
        let mut beeline = cluster.beeline();
        beeline.execute(&format!("drop database if exists {name} cascade")).unwrap();
        Self {
            job: Job::new(),
            cluster,
            folder,
            database: name.to_owned(),
            metastore: cluster.metastore_uri().to_owned(),
        }
    }

    /// The same with another metastore. It must have no database of this name.
    pub fn with_metastore(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.metastore);
        self
    }

    pub fn input(&self, name: &str) -> Location {
        self.folder.join("input").join(name)
    }

    pub fn warehouse(&self) -> Location {
        self.folder.join("warehouse")
    }

    /// Puts a CSV file on HDFS.
    pub fn put(&self, name: &str, csv: &[u8]) {
        self.input(name).remove_file().unwrap();
        self.input(name).write(csv).unwrap();
    }

    /// The program with the cluster's configuration, this test's names, and `args`.
    pub fn command(&self, args: &[&str]) -> Command {
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/cluster.toml");
        let warehouse = format!("warehouse.path={}", self.warehouse().path());
        let database = format!("warehouse.database={}", self.database);
        let uris = format!("catalog.uris={}", self.metastore);
        let mut command = self.job.command(&["--config", config]);
        command.args(["--set", &warehouse, "--set", &database, "--set", &uris]).args(args);
        command.env("HADOOP_CONF_DIR", self.cluster.hadoop_conf_dir());
        command.env("HIVE_CONF_DIR", self.cluster.hive_conf_dir());
        command
    }

    /// Arguments for a run on the file `name` with a snapshot of `date`.
    pub fn run_on(&self, name: &str, date: &str) -> Vec<String> {
        let input = self.input(name).path().to_owned();
        ["--input", &input, "--snapshot-date", date].map(str::to_owned).to_vec()
    }

    pub fn run(&self, name: &str, date: &str, more: &[&str]) -> Ended {
        let run_on = self.run_on(name, date);
        let args: Vec<&str> =
            run_on.iter().map(String::as_str).chain(more.iter().copied()).collect();
        ended(self.command(&args).output().unwrap())
    }

    /// Runs and expects success; the run report.
    pub fn report(&self, name: &str, date: &str) -> Value {
        let ended = self.run(name, date, &["--report", "file:report.json"]);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        serde_json::from_slice(&std::fs::read(self.job.path().join("report.json")).unwrap())
            .unwrap()
    }

    /// The rows of a view as Hive has them, sorted; empty when there is no such view.
    pub fn rows(&self, beeline: &mut Beeline, view: &str) -> Vec<String> {
        let exists = format!("show views in {} like '{view}'", self.database);
        if !beeline.query(&exists).is_ok_and(|found| !found.is_empty()) {
            return Vec::new();
        }
        let query = format!("select * from {}.{view}", self.database);
        let mut rows: Vec<String> =
            beeline.query(&query).unwrap().into_iter().map(|row| row.join("|")).collect();
        rows.sort();
        rows
    }

    /// What readers see through all views.
    pub fn seen(&self, beeline: &mut Beeline) -> Vec<Vec<String>> {
        VIEWS.iter().map(|view| self.rows(beeline, view)).collect()
    }

    /// Run directories of all tables.
    pub fn run_directories(&self) -> Vec<String> {
        let mut runs = Vec::new();
        for table in self.warehouse().list_if_exists().unwrap() {
            for run in self.warehouse().join(&table.name).join("_runs").list_if_exists().unwrap() {
                runs.push(format!("{}/{}", table.name, run.name));
            }
        }
        runs
    }
}
