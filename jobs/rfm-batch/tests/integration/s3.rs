//! The job with files in S3, as moto imitates it.

use std::io::Write as _;
use std::process::Command;

use crate::job::{Ended, Job, ended, orders};
use crate::s3_server::server;

/// A job that knows where S3 is.
fn command(job: &Job, args: &[&str]) -> Command {
    let mut command = job.command(args);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.envs([
        ("AWS_ENDPOINT_URL_S3", server().url().as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    command
}

fn run(job: &Job, args: &[&str]) -> Ended {
    ended(command(job, args).output().unwrap())
}

fn run_well(job: &Job, args: &[&str]) -> Ended {
    let ended = run(job, args);
    assert_eq!(ended.code, Some(0), "{args:?}\n{}\n{}", ended.stdout, ended.stderr);
    ended
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn input_from_a_bucket_gives_what_the_same_files_give() {
    let (a, b) = (orders(30_000, 1, 0.0), orders(5_000, 2, 0.0));
    let local = Job::new();
    local.put("in/a.csv", &a);
    local.put("in/b.csv", &b);
    local.report(&["--input", "in", "--snapshot-date", "2012-01-01"]);
    let expected = local.customers("2012-01-01");
    server().put("/shop/in/a.csv", a.as_ref());
    server().put("/shop/in/b.csv.gz", &gzip(b.as_ref()));
    // What other programs leave beside.
    server().put("/shop/in/", b"");
    server().put("/shop/in/_SUCCESS", b"");
    server().put("/shop/in/old_$folder$", b"");
    for input in ["s3://shop/in", "s3a://shop/in/", "s3://shop/i?/*.csv*"] {
        let job = Job::new();
        run_well(&job, &["--input", input, "--snapshot-date", "2012-01-01"]);
        assert_eq!(job.customers("2012-01-01"), expected, "{input}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let job = Job::new();
    let missing = run(&job, &["--input", "s3://shopp/in"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("is the bucket's name right?"), "{missing:?}");
    let input = ["--input", "s3://shop/nothing.csv"];
    let nobody = command(&job, &input).env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    let nobody = ended(nobody);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(nobody.stderr.contains("there are no AWS credentials: set AWS_PROFILE"), "{nobody:?}");
    // The embedded catalog is a file on a disk.
    job.put("a.csv", orders(1_000, 1, 0.0));
    let embedded = run(&job, &["--input", "a.csv", "--warehouse", "s3://shop/warehouse"]);
    assert_eq!(embedded.code, Some(2), "{embedded:?}");
    assert!(embedded.stderr.contains("keeps its file on the local disk"), "{embedded:?}");
}

/// Files in S3, tables in Glue: nothing of a cluster is left.
#[cfg(feature = "glue")]
mod warehouse {
    use super::*;

    const DATES: [&str; 2] = ["2012-01-01", "2012-01-02"];

    struct Shop {
        job: Job,
        database: String,
        warehouse: String,
    }

    impl Shop {
        fn new(name: &str) -> Self {
            let job = Job::new();
            job.put("a.csv", orders(3_000, 1, 0.0));
            job.put("b.csv", orders(3_000, 2, 0.0));
            let database = format!("{name}_{}", std::process::id());
            Self { job, warehouse: format!("s3a://shop/{database}/warehouse"), database }
        }

        fn run(&self, args: &[&str], fault: &str) -> Ended {
            let database = format!("warehouse.database={}", self.database);
            let place = ["--warehouse", &self.warehouse, "--catalog", "glue", "--set", &database];
            let mut command = command(&self.job, &[&place, args].concat());
            command.env("AWS_ENDPOINT_URL_GLUE", crate::glue_server::server().url());
            command.env("RFM_FAULT", fault);
            ended(command.output().unwrap())
        }

        fn publish(&self, input: &str, date: &str, fault: &str) -> Ended {
            self.run(&["--input", input, "--snapshot-date", date], fault)
        }

        fn show(&self, what: &str) -> String {
            let shown = self.run(&["show", what], "");
            assert_eq!(shown.code, Some(0), "{shown:?}");
            shown.stdout
        }
    }

    #[test]
    fn published_twice_and_shown() {
        let shop = Shop::new("s3twice");
        for (input, date) in ["a.csv", "b.csv"].into_iter().zip(DATES) {
            let run = shop.publish(input, date, "");
            assert_eq!(run.code, Some(0), "{run:?}");
        }
        let snapshots = shop.show("snapshots");
        let dates: Vec<_> = snapshots.lines().filter(|line| line.starts_with("2012")).collect();
        assert!(dates.len() == 2 && dates[1].contains("(current)"), "{snapshots}");
        let local = Job::new();
        local.put("b.csv", orders(3_000, 2, 0.0));
        local.report(&["--input", "b.csv", "--snapshot-date", DATES[1]]);
        let without_run = |text: &str| {
            let lines = text.lines().filter(|line| !line.contains("run-"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = local.run(&["show", "segments"]);
        assert_eq!(without_run(&shop.show("segments")), without_run(&expected.stdout));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_leaves_what_was_there_and_the_next_one_publishes() {
        let shop = Shop::new("s3killed");
        assert_eq!(shop.publish("a.csv", DATES[0], "").code, Some(0));
        let before = shop.show("segments");
        for point in [
            "lock-taken",
            "run-directory-created",
            "data-file-created",
            "data-file-finished#2",
            "publish-started",
            "partition-published",
        ] {
            let killed = shop.publish("b.csv", DATES[1], point);
            assert_eq!(killed.code, None, "{point}: {killed:?}");
            assert_eq!(shop.show("segments"), before, "{point}");
        }
        let run = shop.publish("b.csv", DATES[1], "");
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_ne!(shop.show("segments"), before);
    }
}
