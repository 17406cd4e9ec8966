//! Flags, settings, exit codes, output.

use crate::job::{Job, orders};

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_do() {
    let job = Job::new();
    job.put("bad.toml", "[batch]\ninputt = \"x\"\n");
    let wrong = [
        (vec![], "no input: give --input PATH"),
        (vec!["--nonsense"], "--nonsense"),
        (vec!["--input", "x.csv", "--snapshot-date", "10.12.2011"], "batch.snapshot_date"),
        (vec!["--input", "x.csv", "--snapshot-date", "2011-02-30"], "yyyy-MM-dd"),
        (vec!["--input", "x.csv", "--catalog", "oracle"], "possible values: local"),
        (vec!["--input", "ftp://b/x.csv"], "cannot use 'ftp://b/x.csv'"),
        (vec!["--input", "[.csv"], "not a valid glob"),
        (vec!["--config", "no.toml"], "no.toml"),
        (vec!["--config", "bad.toml"], "inputt"),
        (vec!["--set", "batch.clustering.k=1"], "between 2 and 50"),
        (vec!["--set", "batch.clustering.k=four"], "batch.clustering.k"),
        (vec!["--set", "batch.memory=1 KiB"], "the least is"),
        (vec!["--set", "batch.date_format=\"Y\""], "unknown date format"),
        (vec!["--set", "warehouse.prefix=\"A-\""], "prefix"),
        (vec!["show", "segments", "--snapshot", "x"], "--snapshot"),
    ];
    for (args, part) in wrong {
        let ended = job.run(&args);
        assert!(ended.stderr.contains(part), "{args:?}: {part:?} is not in {}", ended.stderr);
        assert_eq!(ended.code, Some(2), "{args:?} {}", ended.stderr);
    }
}

#[test]
fn a_person_sees_the_result() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.01));
    let shown = job.run(&["show", "segments"]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.stderr.contains("no snapshot is published"), "{}", shown.stderr);
    let ended = job.run(&["--input", "x.csv"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for part in [
        "30,000 rows",
        "missing_customer",
        "malformed",
        "rejects.csv",
        "customers",
        "revenue",
        "Churn Risk",
        "Loyal / Frequent",
        "New / Promising",
        "High Value VIP",
        "silhouette",
        "default.ecom_user_segments ",
        "ecom_segment_profiles/_runs/run-",
        "default.ecom_user_rfm_current",
        "Seconds",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is not in\n{}", ended.stdout);
    }
    for (what, part) in [
        ("segments", "High Value VIP"),
        ("profiles", "scaled_monetary"),
        ("snapshots", "(current)"),
    ] {
        let shown = job.run(&["show", what]);
        assert!(shown.code == Some(0) && shown.stdout.contains(part), "{shown:?}");
    }
    let (_, expected) = job.customers("2011-12-10").pop_last().unwrap();
    let id = job.customers("2011-12-10").pop_last().unwrap().0.to_string();
    let shown = job.run(&["show", "customer", &id]).stdout;
    let monetary = format!("{}.{:04}", expected.monetary / 10_000, expected.monetary % 10_000);
    for part in [id.as_str(), &monetary, &expected.country, "rfm_group", "segment"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let unknown = job.run(&["show", "customer", "1"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("customer 1 is not in the snapshot"), "{}", unknown.stderr);
    let missing = job.run(&["show", "segments", "--snapshot", "2000-01-01"]);
    assert!(missing.stderr.contains("there are: 2011-12-10"), "{}", missing.stderr);
}

#[test]
fn dry_runs_write_nothing() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    let dry = job.run(&["--input", "x.csv", "--dry-run"]);
    assert!(dry.code == Some(0) && dry.stdout.contains("Nothing was written"), "{dry:?}");
    let ks = job.run(&["--input", "x.csv", "--choose-k"]);
    assert!(ks.code == Some(0) && ks.stdout.contains("Best silhouette: k = "), "{ks:?}");
    let rows =
        ks.stdout.lines().filter(|l| l.trim_start().starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(rows.count(), 9);
    assert!(!job.warehouse().exists());
}

#[test]
fn layers_of_settings() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    job.put(
        "c.toml",
        "[batch]\ninput = \"x.csv\"\n[batch.clustering]\nk = 3\n[streaming]\nx = 1\n",
    );
    let k = |args: &[&str]| {
        let mut all = vec!["--config", "c.toml"];
        all.extend(args);
        job.report(&all)["clustering"]["k"].as_u64()
    };
    assert_eq!(k(&[]), Some(3));
    assert_eq!(k(&["--set", "batch.clustering.k=5"]), Some(5));
    let mut command = job.command(&["--config", "c.toml", "--print-config"]);
    let printed = command.env("RFM_BATCH__SNAPSHOT_DATE", "2011-06-01").output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("snapshot_date = \"2011-06-01\""), "{printed}");
    assert!(printed.contains("input = \"x.csv\""), "{printed}");
}

#[test]
fn logs_as_json() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    let ended = job.run(&["--input", "x.csv", "--log-format", "json"]);
    let steps = ended.stderr.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["step"].as_str().map(str::to_owned)
    });
    let steps: Vec<String> = steps.flatten().collect();
    assert_eq!(steps, ["read and aggregate", "score", "cluster", "write tables", "publish"]);
}

#[cfg(not(feature = "ballista"))]
#[test]
fn an_engine_that_is_not_built_in() {
    let job = Job::new();
    job.put("x.csv", orders(1_000, 1, 0.0));
    let ended = job.run(&["--input", "x.csv", "--engine", "ballista", "--scheduler", "x:1"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("--features ballista"), "{ended:?}");
}
