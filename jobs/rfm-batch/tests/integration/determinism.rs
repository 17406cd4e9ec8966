//! Same input, same output bytes: whatever the number of threads, the order of rows, the way the input is cut.

use crate::job::{HEADER, Job, orders};

const TABLES: [&str; 2] = ["ecom_user_rfm_batch", "ecom_user_segments"];

fn files(job: &Job, args: &[&str]) -> Vec<Vec<(String, Vec<u8>)>> {
    let report = job.report(args);
    let date = report["snapshot_date"].as_str().unwrap();
    TABLES.iter().map(|table| job.file_bytes(table, date)).collect()
}

#[test]
fn threads_order_and_layout_of_the_input_do_not_matter() {
    let csv = String::from_utf8(orders(80_000, 11, 0.0)).unwrap();
    let job = Job::new();
    job.put("orders.csv", &csv);
    let expected = files(&job, &["--input", "orders.csv", "--set", "batch.threads=1"]);
    for threads in ["2", "7"] {
        let set = format!("batch.threads={threads}");
        assert!(files(&job, &["--input", "orders.csv", "--set", &set]) == expected, "{threads}");
    }
    // Backwards, and dealt to three files, one of them compressed and one with other columns.
    let mut lines: Vec<&str> = csv.lines().skip(1).collect();
    lines.reverse();
    let backwards = HEADER.to_owned() + &lines.join("\n");
    job.put("backwards.csv", backwards);
    assert!(files(&job, &["--input", "backwards.csv"]) == expected);
    let third = |n: usize| lines.iter().skip(n).step_by(3).map(|line| format!("{line}\r\n"));
    job.put("parts/a.csv", HEADER.to_owned() + &third(0).collect::<String>());
    let more = third(1).map(|line| format!("x,{line}")).collect::<String>();
    job.put("parts/b.csv", format!("\u{feff}More,{HEADER}{more}"));
    let packed = HEADER.to_owned() + &third(2).collect::<String>();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, packed.as_bytes()).unwrap();
    job.put("parts/c.csv.gz", encoder.finish().unwrap());
    assert!(files(&job, &["--input", "parts"]) == expected);
    assert!(files(&job, &["--input", "parts/*.csv*"]) == expected);
}
