//! Input and surroundings that are wrong: each ends with one clear message, or with counted rejects, never with a panic.

use std::io::Write as _;
use std::process::Command;

use crate::job::{Ended, HEADER, Job, ended, orders};

/// Expects exit code 1 and one line of error with all of `parts`.
#[track_caller]
fn fails(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let errors: Vec<_> = ended.stderr.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(errors[0].contains(part), "{part:?} is not in: {}", errors[0]);
    }
}

#[track_caller]
fn rejects(content: impl AsRef<[u8]>, parts: &[&str]) {
    let job = Job::new();
    job.put("x.csv", content);
    fails(&job.run(&["--input", "x.csv"]), parts);
    assert!(!job.warehouse().join("_catalog").exists(), "a failed run must not publish");
}

#[test]
fn files_that_are_no_orders() {
    rejects("", &["x.csv", "is empty"]);
    rejects(HEADER, &["no purchase is left of the 0 rows of x.csv"]);
    rejects("a,b,c\n1,2,3\n", &["x.csv", "no column InvoiceNo", "a,b,c"]);
    rejects(HEADER.replace("Quantity,", ""), &["no column Quantity", "its header line is"]);
    rejects(HEADER.replace("Country", "Quantity"), &["column"]);
    rejects(HEADER.replace("StockCode", "Invoice"), &["InvoiceNo (or Invoice) twice"]);
    let garbage: Vec<u8> =
        (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    rejects(&garbage, &["no column InvoiceNo"]);
    let row = "536365,A,x,6,12/1/2010 8:26,2.55,,UK\n";
    let bad = "536365,A,x,six,12/1/2010 8:26,2.55,1,UK\n";
    rejects(
        HEADER.to_owned() + &row.repeat(3) + bad,
        &["no purchase is left of the 4 rows", "missing_customer 3", "malformed 1", "rejects.csv"],
    );
}

#[test]
fn places_that_are_no_input() {
    let job = Job::new();
    fails(&job.run(&["--input", "no.csv"]), &["\"no.csv\" does not exist"]);
    std::fs::create_dir(job.path().join("folder")).unwrap();
    fails(&job.run(&["--input", "folder"]), &["folder \"folder\" holds no CSV file"]);
    fails(&job.run(&["--input", "folder/*.csv"]), &["glob \"folder/*.csv\" holds no CSV file"]);
    job.put("folder/empty.csv", "");
    fails(&job.run(&["--input", "folder"]), &["empty.csv", "is empty"]);
    fails(&job.run(&["--input", "/dev/null"]), &["neither a file nor a folder"]);
}

#[test]
fn damaged_gzip() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&orders(20_000, 1, 0.0)).unwrap();
    let whole = encoder.finish().unwrap();
    for cut in [3, 20, whole.len() / 2, whole.len() - 4] {
        rejects(&whole[..cut], &["x.csv", "is damaged", "copy the file again"]);
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    rejects(&flipped, &["is damaged"]);
}

/// A customer each, so that k-means has something to do.
fn good_rows(n: usize) -> String {
    (1..=n).map(|c| format!("{c},A,x,{c},{}/1/2011 8:26,1.5,{c},UK\n", 1 + c % 12)).collect()
}

#[test]
fn a_line_of_gigabytes_is_one_rejected_row() {
    let job = Job::new();
    let path = job.path().join("x.csv");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all((HEADER.to_owned() + &good_rows(8)).as_bytes()).unwrap();
    // A hole of four gigabytes: zeros that take no room on the disk.
    let length = 4_u64 << 30;
    let position = std::io::Seek::stream_position(&mut file).unwrap();
    file.set_len(position + length).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    file.write_all(("\n".to_owned() + &good_rows(9)).as_bytes()).unwrap();
    drop(file);
    // 1 GiB of address space is a quarter of the line; each thread takes some of it for itself.
    let args = ["--input", "x.csv", "--report", "r.json", "--set", "batch.threads=2"];
    let job_command = job.command(&args);
    let mut limited = Command::new("bash");
    limited.current_dir(job.path()).args(["-c", "ulimit -v 1048576; exec \"$0\" \"$@\""]);
    limited.arg(job_command.get_program()).args(job_command.get_args());
    let run = ended(limited.output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = std::fs::read_to_string(job.path().join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["rows"]["kept"], 17);
    assert_eq!(report["rows"]["rejected"][0]["rows"], 1);
    let rejects = report["files"][0]["rejects_files"][0].as_str().unwrap();
    let rejects = std::fs::read_to_string(job.path().join(rejects)).unwrap();
    assert!(rejects.contains("10,malformed,a line of 4294967296 bytes; the first 65536 are kept"));
}

#[test]
fn rows_that_are_wrong_do_not_touch_the_others() {
    let bad = [
        "1,A,\"never closed,1,12/1/2010 8:26,1,1,UK",
        "1,A,x,1,12/1/0000 8:26,1,1,UK",
        "1,A,x,1,12/1/9999 8:26,1,1,UK",
        "1,A,x,1,12/1/2010 8:26,NaN,1,UK",
        "1,A,x,1,12/1/2010 8:26,inf,1,UK",
        "1,A,x,99999999999999999999,12/1/2010 8:26,1,1,UK",
        "1,A,x,1,12/1/2010 8:26,1,99999999999999999999,UK",
        "1,A,x,1,12/1/2010 8:26,1e9,1,UK",
    ];
    let clean = Job::new();
    clean.put("x.csv", HEADER.to_owned() + &good_rows(20));
    clean.report(&["--input", "x.csv"]);
    let dirty = Job::new();
    let rows: String =
        good_rows(20).lines().zip(bad.iter().cycle()).map(|(g, b)| format!("{b}\n{g}\n")).collect();
    dirty.put("x.csv", HEADER.to_owned() + &rows);
    let report = dirty.report(&["--input", "x.csv"]);
    assert_eq!(report["rows"]["rejected"][0]["rows"], 20);
    let date = report["snapshot_date"].as_str().unwrap();
    assert_eq!(dirty.customers(date), clean.customers(date));
    let rejects = report["files"][0]["rejects_files"][0].as_str().unwrap();
    let rejects = std::fs::read_to_string(dirty.path().join(rejects)).unwrap();
    assert_eq!(rejects.lines().count(), 21);
    assert!(rejects.contains("\n4,malformed,the date is not"), "{rejects}");
}

#[test]
fn too_few_customers() {
    let run = |rows: String, args: &[&str]| {
        let job = Job::new();
        job.put("x.csv", HEADER.to_owned() + &rows);
        let mut all = vec!["--input", "x.csv"];
        all.extend(args);
        job.run(&all)
    };
    fails(&run(good_rows(3), &[]), &["4 segments need at least 4 customers", "found 3"]);
    fails(&run(good_rows(8), &["--choose-k"]), &["9 segments need at least 9 customers"]);
    assert_eq!(run(good_rows(3), &["--set", "batch.clustering.k=2"]).code, Some(0));
}

#[test]
fn money_beyond_the_tables() {
    let row = |c: u32| format!("{c},A,x,2000000000,12/1/2010 8:26,4000000,1,UK\n");
    let job = Job::new();
    job.put("x.csv", HEADER.to_owned() + &good_rows(5) + &row(7) + &row(8));
    let error = "customer 1 has a monetary value of 10^16 or more";
    fails(&job.run(&["--input", "x.csv"]), &[error]);
}

/// Runs the program in a mount namespace of its own after `prepare`; fails where the system has no such thing.
fn in_namespace(job: &Job, prepare: &str, args: &[&str]) -> Ended {
    let program = job.command(&[]).get_program().to_owned();
    let mut command = Command::new("unshare");
    command.current_dir(job.path()).args(["-Urm", "bash", "-ec"]);
    command.arg(format!("{prepare}; exec \"$0\" \"$@\"")).arg(program).args(args);
    ended(command.output().expect("unshare (util-linux) is needed"))
}

#[test]
fn a_full_disk_and_a_read_only_warehouse() {
    let job = Job::new();
    job.put("x.csv", orders(30_000, 1, 0.0));
    std::fs::create_dir(job.warehouse()).unwrap();
    let small = "mount -t tmpfs -o size=256k tmpfs warehouse";
    fails(
        &in_namespace(&job, small, &["--input", "x.csv"]),
        &["No space left on device", "warehouse"],
    );
    let no_rejects = ["--input", "x.csv", "--set", "batch.rejects=\"none\""];
    let tiny = "mount -t tmpfs -o size=32k tmpfs warehouse";
    fails(
        &in_namespace(&job, tiny, &no_rejects),
        &["No space left on device", "the one before is unchanged", ".parquet"],
    );
    let read_only = "mount -t tmpfs -o ro tmpfs warehouse";
    fails(
        &in_namespace(&job, read_only, &["--input", "x.csv"]),
        &["Read-only file system", "warehouse"],
    );
    fails(&in_namespace(&job, read_only, &no_rejects), &["Read-only file system", "warehouse"]);
    // A folder that is a file.
    job.put("file", "");
    fails(&job.run(&["--input", "x.csv", "--warehouse", "file"]), &["file"]);
    // The same run where there is room.
    assert_eq!(job.run(&["--input", "x.csv"]).code, Some(0));
}

#[test]
fn no_room_to_spill() {
    let job = Job::new();
    job.put("x.csv", orders(120_000, 5, 0.0));
    std::fs::create_dir(job.path().join("spill")).unwrap();
    let args = [
        "--input",
        "x.csv",
        "--set",
        "batch.drop_duplicates=true",
        "--set",
        "batch.memory=64 MiB",
        "--set",
        "batch.temp_folder=spill",
    ];
    let small = "mount -t tmpfs -o size=256k tmpfs spill";
    fails(&in_namespace(&job, small, &args), &["No space left on device"]);
}
