//! The job with its tables in Glue, as moto imitates it, and its warehouse on the local disk.

use std::process::Command;

use serde_json::Value;

use crate::glue_server::server;
use crate::job::{Ended, Job, ended, orders};

/// A job and a database that a test has to itself.
struct GlueJob {
    job: Job,
    database: String,
}

impl GlueJob {
    fn new(name: &str) -> Self {
        Self { job: Job::new(), database: format!("{name}_{}", std::process::id()) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let database = format!("warehouse.database={}", self.database);
        let mut command = self.job.command(&["--set", &database]);
        command.args(["--set", "catalog.keep_trying=5s"]).args(args);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.envs([
            ("AWS_ENDPOINT_URL_GLUE", server().url().as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ]);
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }

    fn run_well(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}\n{}\n{}", ended.stdout, ended.stderr);
        ended
    }

    fn report(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["--report", "report.json"]);
        self.run_well(&all);
        let report = std::fs::read(self.job.path().join("report.json")).unwrap();
        serde_json::from_slice(&report).unwrap()
    }
}

#[test]
fn published_twice_and_shown() {
    let glue = GlueJob::new("twice");
    glue.job.put("a.csv", orders(5_000, 1, 0.0));
    glue.job.put("b.csv", orders(5_000, 2, 0.0));
    let kind = ["--catalog", "glue"];
    let first =
        glue.report(&[&kind[..], &["--input", "a.csv", "--snapshot-date", "2012-01-01"]].concat());
    let second =
        glue.report(&[&kind[..], &["--input", "b.csv", "--snapshot-date", "2012-01-02"]].concat());
    assert_eq!(first["current_snapshot"], "2012-01-01");
    assert_eq!(second["current_snapshot"], "2012-01-02");
    // No catalog of another kind has come into being.
    assert!(!glue.job.warehouse().join("_catalog/catalog.json").exists());
    let snapshots = glue.run_well(&["--catalog", "glue", "show", "snapshots"]).stdout;
    let dates: Vec<_> = snapshots.lines().filter(|line| line.starts_with("2012")).collect();
    assert!(dates.len() == 2 && dates[1].contains("(current)"), "{snapshots}");
    // What is read through Glue is what the same orders give in a warehouse of its own.
    let local = Job::new();
    local.put("b.csv", orders(5_000, 2, 0.0));
    local.report(&["--input", "b.csv", "--snapshot-date", "2012-01-02"]);
    for show in [&["show", "segments"][..], &["show", "profiles"]] {
        let expected = local.run(show);
        assert_eq!(expected.code, Some(0));
        let shown = glue.run_well(&[&["--catalog", "glue"], show].concat());
        assert_eq!(without_run(&shown.stdout), without_run(&expected.stdout), "{show:?}");
    }
}

/// Lines without the name of the run.
fn without_run(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains("run-")).collect()
}

#[test]
fn chosen_where_hive_site_names_its_client() {
    let glue = GlueJob::new("chosen");
    glue.job.put("a.csv", orders(2_000, 1, 0.0));
    glue.job.put(
        "conf/hive-site.xml",
        "<configuration><property><name>hive.metastore.client.factory.class</name>\
         <value>com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory</value></property></configuration>",
    );
    let args = ["--catalog", "hive", "--input", "a.csv", "--snapshot-date", "2012-01-01"];
    let conf = glue.job.path().join("conf");
    let run = ended(glue.command(&args).env("HIVE_CONF_DIR", &conf).output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("hive-site.xml names Glue's client"), "{}", run.stderr);
    let snapshots = glue.run_well(&["--catalog", "glue", "show", "snapshots"]).stdout;
    assert!(snapshots.contains("2012-01-01"), "{snapshots}");
    // Without that file there is no metastore.
    let none = glue.run(&args);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("no metastore is known"), "{}", none.stderr);
}

#[test]
fn a_view_that_somebody_else_changes_and_a_right_that_is_missing() {
    let glue = GlueJob::new("changed");
    glue.job.put("a.csv", orders(2_000, 1, 0.0));
    let run =
        |date: &str| glue.run(&["--catalog", "glue", "--input", "a.csv", "--snapshot-date", date]);
    assert_eq!(run("2012-01-01").code, Some(0));
    server().on(&glue.database, "UpdateTable", "first");
    let late = run("2012-01-02");
    // Worth a retry, which the code says.
    assert_eq!(late.code, Some(3), "{late:?}");
    assert!(late.stderr.contains("was changed by somebody else in the meantime"), "{late:?}");
    assert_eq!(run("2012-01-02").code, Some(0));
    server().on(&glue.database, "UpdatePartition", "deny");
    let refused = run("2012-01-02");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("lacks the right glue:UpdatePartition"), "{refused:?}");
    server().check(&glue.database);
    let snapshots = glue.run_well(&["--catalog", "glue", "show", "snapshots"]).stdout;
    let current = snapshots.lines().find(|line| line.contains("(current)")).unwrap();
    assert!(current.starts_with("2012-01-02"), "{snapshots}");
}
