//! Orders to a CSV file, and what all commands have in common.

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;

use crate::program::{check_error, check_ok, names, producer, run};

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let make = |file: &str, seed: &str| {
        check_ok(folder, &["--to-csv", file, "--count", "2000", "--seed", seed]);
        fs::read(folder.join(file)).unwrap()
    };
    let first = make("a.csv", "7");
    assert_eq!(first, make("b.csv", "7"));
    assert_ne!(first, make("c.csv", "8"));
    assert_eq!(first.split(|&byte| byte == b'\n').count(), 2000 + 1 + 1);
    assert_eq!(names(folder), ["a.csv", "b.csv", "c.csv"], "nothing else is left behind");
}

#[test]
fn stdout_holds_the_same_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    check_ok(folder, &["--to-csv", "a.csv", "--count", "500"]);
    let output = check_ok(folder, &["--to-csv", "-", "--count", "500"]);
    assert_eq!(output.stdout, fs::read(folder.join("a.csv")).unwrap());
    let quiet = check_ok(folder, &["--to-csv", "-", "--count", "500", "--quiet"]);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn a_run_says_what_it_made_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        check_ok(folder.path(), &["--to-csv", "a.csv", "--count", "20000", "--fault-rate", "0.5"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in [
        "INFO",
        "20,000 lines, ",
        " invoices, ",
        " customers, ",
        " seconds=",
        " MB of text, ",
        " malformed lines",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json =
        check_ok(folder.path(), &["--to-csv", "b.csv", "--count", "10", "--log-format", "json"]);
    let json = String::from_utf8(json.stderr).unwrap();
    assert!(json.starts_with('{') && json.contains("\"step\":\"generate orders\""), "{json}");
}

#[test]
fn gzip_holds_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    check_ok(folder, &["--to-csv", "a.csv", "--count", "30000"]);
    check_ok(folder, &["--to-csv", "a.csv.gz", "--count", "30000"]);
    let mut text = Vec::new();
    let file = fs::File::open(folder.join("a.csv.gz")).unwrap();
    MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    assert!(text == fs::read(folder.join("a.csv")).unwrap());
    assert_eq!(names(folder), ["a.csv", "a.csv.gz"]);
}

#[test]
fn a_file_is_replaced_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.csv"), "precious").unwrap();
    let args = ["--to-csv", "a.csv", "--count", "10"];
    check_error(folder, &args, 2, "a.csv exists; add --force to replace it");
    assert_eq!(fs::read(folder.join("a.csv")).unwrap(), b"precious");
    check_ok(folder, &[&args[..], &["--force"]].concat());
    assert!(fs::read(folder.join("a.csv")).unwrap().starts_with(b"InvoiceNo,"));
}

#[test]
fn folders_that_are_or_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("there")).unwrap();
    check_error(folder, &["--to-csv", "there"], 2, "there is a folder; name a file in it");
    let message = "folder not/there does not exist; create it first";
    check_error(folder, &["--to-csv", "not/there/a.csv"], 2, message);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let message = "cannot write /dev/full: No space left on device (os error 28)";
    check_error(folder.path(), &["--to-csv", "/dev/full", "--count", "10"], 1, message);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = producer(folder.path())
        .args(["--to-csv", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut head).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("file.csv"), "old").unwrap();
    std::os::unix::fs::symlink("file.csv", folder.join("link.csv")).unwrap();
    check_ok(folder, &["--to-csv", "link.csv", "--count", "10", "--force"]);
    assert!(folder.join("link.csv").is_symlink());
    assert!(fs::read(folder.join("file.csv")).unwrap().starts_with(b"InvoiceNo,"));
}

#[test]
fn two_runs_do_not_write_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let other = fs::File::create(folder.join("a.csv.tmp")).unwrap();
    other.lock().unwrap();
    let message = "another run is writing a.csv.tmp; wait for it to end";
    check_error(folder, &["--to-csv", "a.csv"], 3, message);
    assert_eq!(names(folder), ["a.csv.tmp"], "the other run's file is left alone");
    drop(other);
    // What a killed run left is overwritten.
    fs::write(folder.join("a.csv.tmp"), "x".repeat(1 << 20)).unwrap();
    check_ok(folder, &["--to-csv", "a.csv", "--count", "10"]);
    assert_eq!(names(folder), ["a.csv"]);
    assert!(fs::metadata(folder.join("a.csv")).unwrap().len() < 2_000);
}

#[test]
fn settings_come_from_file_environment_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = "[producer]\nto_csv = \"file.csv\"\ncount = 11\nseed = 1\n[batch]\nk = 4\n";
    fs::write(folder.join("local.toml"), text).unwrap();
    let output = producer(folder)
        .args(["--config", "local.toml", "--seed", "9", "--print-config"])
        .env("RFM_PRODUCER__COUNT", "12")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for line in ["to_csv = \"file.csv\"", "count = 12", "seed = 9", "start = \"2010-12-01\""] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    assert_eq!(names(folder), ["local.toml"], "nothing is made");
    check_ok(folder, &["--config", "local.toml"]);
    assert_eq!(names(folder), ["file.csv", "local.toml"]);
}

#[test]
fn wrong_settings_are_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let check = |args: &[&str], message| check_error(folder, args, 2, message);
    check(
        &["--force", "--set", "producer.seed=1"],
        "--force is for CSV files, and orders go to Kafka: add --to-csv FILE",
    );
    check(
        &["--to-csv", "-", "--fault-rate", "2"],
        "setting \"producer.fault_rate\": 2 is not a share between 0 and 1",
    );
    check(
        &["--to-csv", "-", "--start", "2012-01-01"],
        "setting \"producer.end\": 2011-12-09 is before the start 2012-01-01",
    );
    check(
        &["--to-csv", "-", "--set", "producer.start=tomorrow"],
        "setting \"producer.start\": \"tomorrow\" is not a date of the form yyyy-MM-dd",
    );
    check(
        &["--to-csv", "-", "--set", "producer.cuont=1"],
        "--set: unknown setting \"producer.cuont\"; did you mean \"count\"?",
    );
    check(
        &["--to-csv", "-", "--set", "producer.dirt.cancelled=1"],
        "--set: unknown setting \"producer.dirt.cancelled\"; known here: cancellations, \
         missing_customer, zero_price, negative_quantity, adjustments, duplicates, \
         missing_description",
    );
    check(
        &["--to-csv", "-", "--config", "no.toml"],
        "cannot read configuration file no.toml: No such file or directory (os error 2)",
    );
}

#[test]
fn wrong_flags_are_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["--no-such-flag"][..],
        &["--count=-1"],
        &["--count", "many"],
        &["--customers", "0"],
        &["--seed", "18446744073709551615"],
        &["--start", "2010-13-01"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "), "{args:?}");
    }
}

#[test]
fn help_has_examples_and_the_version_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(check_ok(folder.path(), &["--help"]).stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("--to-csv orders.csv.gz"), "{help}");
    let version = String::from_utf8(check_ok(folder.path(), &["--version"]).stdout).unwrap();
    assert_eq!(version, concat!("order-producer ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn starting_takes_no_time() {
    let folder = tempfile::tempdir().unwrap();
    // 50 ms is the promise of an optimised build; an unoptimised one on a busy machine is slower, and needs some tries.
    let is_quick = |_| {
        let started = Instant::now();
        check_ok(folder.path(), &["--to-csv", "-", "--count", "1"]);
        started.elapsed() < Duration::from_millis(250)
    };
    assert!((0..50).any(is_quick));
}
