//! What readers see while runs are killed, repeated, or meet each other.

use std::process::Child;

use warehouse::fault;

use crate::job::{Ended, Job, ended, orders};

const TABLES: [&str; 3] = ["ecom_user_rfm_batch", "ecom_user_segments", "ecom_segment_profiles"];

/// What a reader finds through the views: the rows of all three, as text.
fn seen(job: &Job) -> String {
    let views =
        ["ecom_user_rfm_current", "ecom_user_segments_current", "ecom_segment_profiles_current"];
    views.iter().map(|view| format!("{:?}", job.rows(view, None))).collect()
}

#[test]
fn killed_anywhere_the_old_snapshot_is_whole_and_the_next_run_succeeds() {
    let job = Job::new();
    job.put("old.csv", orders(20_000, 1, 0.0));
    job.put("new.csv", orders(20_000, 2, 0.0));
    job.report(&["--input", "old.csv"]);
    let new = ["--input", "new.csv"];
    let mut reached = 0;
    for point in fault::POINTS.iter().filter(|point| !fault::SERVER_ONLY.contains(point)) {
        let before = seen(&job);
        let mut command = job.command(&new);
        let killed = ended(command.env("RFM_FAULT", point).output().unwrap());
        if killed.code == Some(0) {
            // Tables are created only once.
            assert!(point.starts_with("create-tables"), "{point} was not reached");
            job.report(&["--input", "old.csv"]);
            continue;
        }
        reached += 1;
        assert_eq!(killed.code, None, "{point}: {killed:?}");
        let after = seen(&job);
        let published = ["publish-replaced", "published", "old-runs-retired"].contains(point);
        assert_eq!(after != before, published, "{point}");
        // The next run needs no help, and leaves nothing of the killed one.
        job.report(&["--input", "old.csv", "--set", "batch.keep_old_runs=0s"]);
        let last = job.report(&["--input", "old.csv", "--set", "batch.keep_old_runs=0s"]);
        let run_id = last["run_id"].as_str().unwrap();
        for table in TABLES {
            let runs = job.warehouse().join(table).join("_runs");
            let runs: Vec<_> =
                std::fs::read_dir(runs).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert!(runs.iter().any(|run| run == run_id));
            // The run before may still be read; it goes with the next run.
            assert!(runs.len() <= 2, "{point}: {runs:?}");
        }
    }
    assert!(reached >= 12, "{reached}");
}

#[test]
fn a_date_that_is_run_again_is_replaced_and_old_snapshots_stay() {
    let job = Job::new();
    job.put("a.csv", orders(20_000, 1, 0.0));
    job.put("b.csv", orders(20_000, 2, 0.0));
    job.report(&["--input", "a.csv", "--snapshot-date", "2011-06-01"]);
    let first = job.customers("2011-06-01");
    job.report(&["--input", "a.csv", "--snapshot-date", "2011-09-01"]);
    let newest = seen(&job);
    assert_eq!(job.customers("2011-06-01"), first);
    // An old date once more: it changes, and the views stay where they are.
    let report = job.report(&["--input", "b.csv", "--snapshot-date", "2011-06-01"]);
    assert_eq!(report["current_snapshot"], "2011-09-01");
    assert_ne!(job.customers("2011-06-01"), first);
    assert_eq!(seen(&job), newest);
    let snapshots = job.run(&["show", "snapshots"]).stdout;
    let dates: Vec<_> = snapshots.lines().filter(|line| line.starts_with("2011")).collect();
    assert!(dates.len() == 2 && dates[1].contains("(current)"), "{snapshots}");
    // Nothing of later orders is in an earlier snapshot.
    let until = "2011-06-01".parse::<order_model::Date>().unwrap().midnight().micros();
    assert!(
        job.customers("2011-06-01").values().all(|c| c.last_order < until && c.recency_days >= 1)
    );
}

fn start(job: &Job, args: &[&str], fault: &str) -> Child {
    let mut command = job.command(args);
    command.env("RFM_FAULT", fault).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped()).spawn().unwrap()
}

#[test]
fn two_runs_at_once_take_turns_or_one_says_who_is_first() {
    let job = Job::new();
    job.put("a.csv", orders(20_000, 1, 0.0));
    job.put("b.csv", orders(20_000, 2, 0.0));
    let slow = start(&job, &["--input", "a.csv"], "tables-created:pause=20000");
    // The first run holds the lock from here on.
    wait_until(|| job.warehouse().join("_catalog/catalog.json").exists());
    let hasty: Ended = job.run(&["--input", "b.csv", "--set", "batch.lock_wait=200ms"]);
    assert_eq!(hasty.code, Some(3), "{hasty:?}");
    for part in ["the snapshot was not published", "another run", "run-"] {
        assert!(hasty.stderr.contains(part), "{part:?} is not in {}", hasty.stderr);
    }
    let patient = job.report(&["--input", "b.csv"]);
    let slow = ended(slow.wait_with_output().unwrap());
    assert_eq!(slow.code, Some(0), "{slow:?}");
    // The patient run came after the slow one, and replaced its date.
    let (_, state) = job.catalog();
    let date = patient["snapshot_date"].as_str().unwrap().parse().unwrap();
    let partition = state.table("default.ecom_user_segments").unwrap().snapshot(&date).unwrap();
    assert_eq!(Some(partition.run_id.as_str()), patient["run_id"].as_str());
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "waited a minute");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
