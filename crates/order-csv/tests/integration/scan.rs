//! Whole scans of files on disk: what is counted, kept and rejected, whatever the file looks like.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use order_csv::{KeepRejects, OrderScan, ScanOptions, ScanSummary, resolve, split_last_seen_key};
use order_model::{Date, Rejection};
use proptest::prelude::*;
use store::{Location, Stores};

pub(crate) const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// Invoices of a scan: (customer, invoice) -> (amount in ten-thousandths, lines, last instant, its country).
pub(crate) type Invoices = BTreeMap<(i64, String), (i128, i64, String, String)>;

pub(crate) fn add(batch: &RecordBatch, invoices: &mut Invoices) {
    let customers = batch["customer_id"].as_primitive::<Int64Type>();
    let amounts = batch["amount"].as_primitive::<Decimal128Type>();
    let lines = batch["lines"].as_primitive::<Int64Type>();
    for row in 0..batch.num_rows() {
        let invoice = batch["invoice"].as_string_view().value(row).to_owned();
        let key = batch["last_seen"].as_binary::<i32>().value(row);
        let (instant, country) = split_last_seen_key(key).unwrap();
        let entry = invoices.entry((customers.value(row), invoice)).or_default();
        entry.0 += amounts.value(row);
        entry.1 += lines.value(row);
        let latest = (instant.to_string(), country.to_owned());
        if latest > (entry.2.clone(), entry.3.clone()) {
            (entry.2, entry.3) = latest;
        }
    }
}

fn scan_with(input: &str, options: ScanOptions, workers: usize) -> (Invoices, ScanSummary) {
    scan_in(&Stores::local(), input, options, workers)
}

pub(crate) fn scan_in(
    stores: &Stores,
    input: &str,
    options: ScanOptions,
    workers: usize,
) -> (Invoices, ScanSummary) {
    let scan = Arc::new(OrderScan::open(resolve(stores, input).unwrap(), options).unwrap());
    let mut workers: Vec<_> = (0..workers).map(|_| scan.worker()).collect();
    let mut invoices = Invoices::new();
    // In turns, so that blocks are spread over the workers on any machine.
    while !workers.is_empty() {
        workers.retain_mut(|worker| {
            let batch = worker.next_batch().unwrap();
            if let Some(batch) = &batch {
                add(batch, &mut invoices);
            }
            batch.is_some()
        });
    }
    let summary = scan.finish().unwrap();
    let rejected: u64 = summary.rejected.iter().map(|(_, n)| n).sum();
    assert_eq!(summary.rows, summary.kept + summary.after_snapshot + rejected);
    (invoices, summary)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn rejects(&self) -> Location {
        Location::local(self.0.path().join("rejects"))
    }
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn scan(content: impl AsRef<[u8]>) -> (Invoices, ScanSummary, String) {
    let folder = Folder::new();
    let input = folder.put("x.csv", content);
    let options = ScanOptions { rejects_folder: Some(folder.rejects()), ..Default::default() };
    let (invoices, summary) = scan_with(&input, options, 2);
    let rejects = summary.files[0].rejects_files.first().map(read).unwrap_or_default();
    (invoices, summary, rejects)
}

fn read(location: &Location) -> String {
    String::from_utf8_lossy(&location.read().unwrap().unwrap()).into_owned()
}

fn rejected(summary: &ScanSummary, reason: Rejection) -> u64 {
    summary.rejected[reason.index()].1
}

#[test]
fn lines_of_an_invoice_add_up() {
    let (invoices, summary, rejects) = scan(format!(
        "{HEADER}\r\n\
         536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom\r\n\
         536365,71053,\"LANTERN, 6\"\" WHITE\",6,12/1/2010 8:27,3.39,17850,United Kingdom\r\n\
         536366,22633,HAND WARMER,6,12/1/2010 8:28,1.85,17850,EIRE\r\n\
         536365,71053,AGAIN,1,12/1/2010 8:20,0.001,17850,France"
    ));
    let one = (356_410, 3, "2010-12-01 08:27:00".to_owned(), "United Kingdom".to_owned());
    let two = (111_000, 1, "2010-12-01 08:28:00".to_owned(), "EIRE".to_owned());
    let expected = [((17_850, "536365".to_owned()), one), ((17_850, "536366".to_owned()), two)];
    assert_eq!(invoices, Invoices::from(expected));
    assert_eq!((summary.rows, summary.kept, rejects.as_str()), (4, 4, ""));
}

#[test]
fn each_rejected_row_has_one_reason_and_is_kept_with_its_line() {
    let rows = [
        ("1,A,x,6,12/1/2010 8:26,2.55,,United Kingdom", "missing_customer,"),
        ("C1,A,x,-6,12/1/2010 8:26,2.55,1,United Kingdom", "cancelled,"),
        ("A1,A,x,1,12/1/2010 8:26,2.55,1,United Kingdom", "cancelled,"),
        ("1,A,x,0,12/1/2010 8:26,2.55,1,United Kingdom", "non_positive_quantity,"),
        ("1,A,x,1,12/1/2010 8:26,0,1,United Kingdom", "non_positive_price,"),
        ("1,A,x,1,12/1/2010 8:26,0,,United Kingdom", "missing_customer,"),
        ("C1,A,x,six,12/1/2010 8:26,2.55,,UK", "malformed,the quantity is not an integer"),
        ("1,A,x,1,13/1/2010 8:26,2.55,1,UK", "malformed,the date is not in the file's format"),
        ("1,A,x,1,1/1/0000 8:26,2.55,1,UK", "malformed,the date is not"),
        ("1,A,x,1,1/1/9999 8:26,2.55,1,UK", "malformed,the date is not"),
        ("1,A,x,1,12/1/2010 8:26,NaN,1,UK", "malformed,the price is not a decimal number"),
        ("1,A,x,1,12/1/2010 8:26,inf,1,UK", "malformed,the price is not a decimal number"),
        ("1,A,x,1,12/1/2010 8:26,0.00001,1,UK", "malformed,the price has more than 4 decimals"),
        ("1,A,x,1,12/1/2010 8:26,100000000000000,1,UK", "malformed,the price is 10^14 or more"),
        ("1,A,x,2147483648,12/1/2010 8:26,1,1,UK", "malformed,the quantity is beyond 32 bits"),
        ("1,A,x,2000000000,12/1/2010 8:26,99999999,1,UK", "malformed,quantity x price"),
        ("1,A,x,1,12/1/2010 8:26,1,9223372036854775808,UK", "malformed,the customer id"),
        ("1,A,x,1,12/1/2010 8:26,1,-5,UK", "malformed,the customer id"),
        (",A,x,1,12/1/2010 8:26,1,1,UK", "malformed,no invoice number"),
        ("1,A,x,1,12/1/2010 8:26,1,1", "malformed,7 fields where the header has 8"),
        ("1,A,x,y,1,12/1/2010 8:26,1,1,UK", "malformed,9 fields where the header has 8"),
        ("1,A,\"x,1,12/1/2010 8:26,1,1,UK", "malformed,a quote is not closed on its line"),
        ("1,A,\"x\"y,1,12/1/2010 8:26,1,1,UK", "malformed,text after a closing quote"),
    ];
    let good = "7,A,x,1,12/1/2010 8:26,1.5,42,UK\n";
    let mut content = format!("{HEADER}\n\n");
    for (row, _) in rows {
        // A good row before and after each: bad neighbours must not change them.
        content += &format!("{good}{row}\n{good}");
    }
    let (invoices, summary, rejects) = scan(&content);
    let lines = 2 * rows.len() as i64;
    let uk = ("2010-12-01 08:26:00".to_owned(), "UK".to_owned());
    let expected = (15_000 * i128::from(lines), lines, uk.0, uk.1);
    assert_eq!(invoices, Invoices::from([((42, "7".to_owned()), expected)]));
    assert_eq!(summary.rows, 3 * rows.len() as u64);
    assert_eq!(rejected(&summary, Rejection::MissingCustomer), 2);
    assert_eq!(rejected(&summary, Rejection::Cancelled), 2);
    assert_eq!(rejected(&summary, Rejection::NonPositiveQuantity), 1);
    assert_eq!(rejected(&summary, Rejection::NonPositivePrice), 1);
    assert_eq!(rejected(&summary, Rejection::Malformed), rows.len() as u64 - 6);
    let mut found = rejects.lines().skip(1);
    for (index, (row, reason)) in rows.iter().enumerate() {
        // Header, a blank line, then three lines for each row, of which the second is bad.
        let number = 2 + 3 * index + 2;
        let kept = found.next().unwrap();
        assert!(
            kept.starts_with(&format!("{number},{reason}")),
            "{kept}\nexpected {number},{reason}"
        );
        assert!(kept.ends_with(&format!(",\"{}\"", row.replace('"', "\"\""))), "{kept}");
    }
    assert_eq!(found.next(), None);
}

#[test]
fn bytes_that_are_not_text_stay_in_their_row() {
    let mut content = format!("{HEADER}\n1,A,x,1,12/1/2010 8:26,1,1,UK\n").into_bytes();
    content.extend_from_slice(b"2,A,\xa3\x00\xff,1,12/1/2010 8:26,1,1,UK\n");
    content.extend_from_slice(b"3,A,x,1,12/1/2010 8:26,1,1,\xff\n");
    content.extend_from_slice(b"\xff,A,x,1,12/1/2010 8:26,1,1,UK\n");
    content.extend_from_slice(b"\x00\x01\x02\n");
    let (invoices, summary, rejects) = scan(&content);
    // A description is not read, so its bytes do no harm.
    assert_eq!(invoices.keys().map(|(_, i)| i.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((summary.rows, summary.kept), (5, 2));
    assert!(rejects.contains("the country is not UTF-8"), "{rejects}");
    assert!(rejects.contains("the invoice number is not UTF-8"), "{rejects}");
}

#[test]
fn layouts_agree() {
    let row = |date: &str| format!("9,{date},2.5,7,UK,3\n");
    let header = "Invoice,InvoiceDate,Price,Customer ID,Country,Quantity\n";
    let plain = header.to_owned() + &row("2010-12-01 08:26:00") + &row("2010-12-02 08:26:00");
    let expected = scan(&plain).0;
    assert_eq!(expected.len(), 1);
    let iso = header.to_owned() + &row("2010-12-01T08:26:00Z") + &row("2010-12-02T09:26:00+01:00");
    let us = header.to_owned() + &row("12/1/2010 8:26") + &row("12/2/2010 8:26");
    let floats = plain.replace(",7,", ",7.0,");
    let bom = "\u{feff}".to_owned() + &plain;
    let quoted = "\"Invoice\",".to_owned()
        + &plain[8..].replace("9,2010", "\"9\",2010").replace(",UK,", ",\"UK\",");
    let others =
        [iso, us, floats, bom, plain.replace('\n', "\r\n"), quoted, plain.trim_end().into()];
    for content in &others {
        assert_eq!(scan(content).0, expected, "{content}");
    }
    let folder = Folder::new();
    let input = folder.put("x.dat", gzip(plain.as_bytes()));
    assert_eq!(scan_with(&input, ScanOptions::default(), 2).0, expected);
}

#[test]
fn purchases_after_the_snapshot_are_counted_apart() {
    let folder = Folder::new();
    let input = folder.put(
        "x.csv",
        format!(
            "{HEADER}\n1,A,x,1,12/1/2010 23:59,1,1,UK\n2,A,x,1,12/2/2010 0:00,1,1,UK\n\
             C3,A,x,1,12/3/2010 0:00,1,1,UK\n"
        ),
    );
    let until = Some(Date::from_ymd(2010, 12, 2).unwrap().midnight());
    let (invoices, summary) = scan_with(&input, ScanOptions { until, ..Default::default() }, 1);
    assert_eq!(invoices.keys().map(|(_, i)| i.as_str()).collect::<Vec<_>>(), ["1"]);
    assert_eq!((summary.kept, summary.after_snapshot), (1, 1));
    assert_eq!(rejected(&summary, Rejection::Cancelled), 1);
}

#[test]
fn whole_lines_come_one_by_one_with_their_bytes() {
    let folder = Folder::new();
    let row = "1,A,\"x\",1,12/1/2010 8:26,1,1,UK";
    let input = folder.put("x.csv", format!("{HEADER}\n{row}\r\n{row}\r\n"));
    let options = ScanOptions { whole_lines: true, ..Default::default() };
    let scan =
        Arc::new(OrderScan::open(resolve(&Stores::local(), &input).unwrap(), options).unwrap());
    let batch = scan.worker().next_batch().unwrap().unwrap();
    let lines: Vec<_> = batch["line"].as_binary::<i32>().iter().flatten().collect();
    assert_eq!(lines, [row.as_bytes(), row.as_bytes()]);
}

#[test]
fn unknown_dates_reject_rows_and_not_the_file() {
    let bad = "1,A,x,1,yesterday,1,1,UK\n".repeat(4_000);
    let (invoices, summary, _) = scan(format!("{HEADER}\n{bad}2,A,x,1,12/1/2010 8:26,1,1,UK\n"));
    // However many bad rows stand first, the good one counts.
    assert_eq!(invoices.len(), 1);
    assert_eq!(rejected(&summary, Rejection::Malformed), 4_000);
    assert_eq!(summary.files[0].date_format, None);
}

#[test]
fn a_line_longer_than_the_limit_is_one_rejected_row() {
    for compressed in [false, true] {
        for (before, length) in [(0, 3_000_000), (9_000, 1_200_000), (20_000, 700_000)] {
            let good = "7,A,x,1,12/1/2010 8:26,1.5,42,UK\n";
            let mut content = format!("{HEADER}\n{}", good.repeat(before));
            content += &"y".repeat(length);
            content += "\n";
            content += good;
            let folder = Folder::new();
            let bytes = if compressed { gzip(content.as_bytes()) } else { content.into_bytes() };
            let input = folder.put("x.csv", bytes);
            let options =
                ScanOptions { rejects_folder: Some(folder.rejects()), ..Default::default() };
            let (invoices, summary) = scan_with(&input, options, 2);
            assert_eq!(summary.kept, before as u64 + 1);
            assert_eq!(invoices.values().map(|v| v.1).sum::<i64>(), before as i64 + 1);
            assert_eq!(rejected(&summary, Rejection::Malformed), 1);
            let rejects = read(summary.files[0].rejects_files.first().unwrap());
            let line = before + 2;
            let expected = if length > 1024 * 1024 {
                format!("{line},malformed,a line of {length} bytes; the first 65536 are kept")
            } else {
                format!("{line},malformed,1 fields")
            };
            assert!(rejects.lines().nth(1).unwrap().starts_with(&expected), "{}", &rejects[..200]);
        }
    }
}

#[test]
fn a_line_of_exactly_the_limit_counts_wherever_it_is_cut() {
    const LIMIT: usize = 1024 * 1024;
    let (start, end) = ("536365,A,", ",6,12/1/2010 8:26,2.55,17850,UK");
    // Reads end at multiples of 4 KiB and 64 KiB beyond the block: every shift puts another byte of the line end there.
    for shift in 4_090..4_100 {
        for (extra, line_end) in [(0, "\r\n"), (0, "\n"), (1, "\r\n"), (1, "\n")] {
            let filler = "x".repeat(LIMIT + extra - start.len() - end.len());
            let first = "y".repeat(shift);
            let content = format!(
                "{HEADER}\n{first}\n{start}{filler}{end}{line_end}7,A,x,1,12/1/2010 8:26,1.5,42,UK\n"
            );
            let (_, summary, _) = scan(&content);
            assert_eq!(summary.kept, 2 - extra as u64, "{shift} {extra} {line_end:?}");
            assert_eq!(summary.rows, 3);
        }
    }
}

#[test]
fn a_header_without_end_is_an_error() {
    let folder = Folder::new();
    let input = folder.put("x.csv", HEADER.to_owned() + &",more".repeat(20_000) + "\n1,2\n");
    let opened =
        OrderScan::open(resolve(&Stores::local(), &input).unwrap(), ScanOptions::default());
    let error = opened.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("first line of more than 65536 bytes"), "{error}");
}

#[test]
fn a_cut_gzip_stream_is_an_error_that_names_the_file() {
    let good = "7,A,x,1,12/1/2010 8:26,1.5,42,UK\n".repeat(50_000);
    let bytes = gzip(format!("{HEADER}\n{good}").as_bytes());
    let folder = Folder::new();
    let input = folder.put("cut.csv.gz", &bytes[..bytes.len() - 100]);
    let scan = OrderScan::open(resolve(&Stores::local(), &input).unwrap(), ScanOptions::default())
        .unwrap();
    let mut worker = Arc::new(scan).worker();
    let error = loop {
        match worker.next_batch() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the damage went unseen"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("cut.csv.gz") && error.contains("copy the file again"), "{error}");
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let good = "7,A,x,1,12/1/2010 8:26,1.5,42,UK\n".repeat(50_000);
    let folder = Folder::new();
    let input = folder.put("x.csv", format!("{HEADER}\n{good}"));
    let scan = OrderScan::open(resolve(&Stores::local(), &input).unwrap(), ScanOptions::default())
        .unwrap();
    fs::OpenOptions::new().write(true).open(&input).unwrap().set_len(1_000).unwrap();
    let error = Arc::new(scan).worker().next_batch().unwrap_err().to_string();
    assert!(error.contains("became shorter"), "{error}");
}

/// Order lines as a shop might write them, good and bad.
fn any_row() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[A-Z ]{0,30}", Just("\"A, \"\"B\"\"\"".to_owned()), "[a-z\",]{0,9}"];
    let date = prop_oneof![
        4 => (1..13_u32, 1..29_u32, 0..24_u32, 0..60_u32)
            .prop_map(|(m, d, h, n)| format!("{m}/{d}/2011 {h}:{n:02}")),
        1 => Just("never".to_owned())
    ];
    let customer = prop_oneof![4 => "1[0-3]", 1 => Just(String::new()), 1 => "[a-z]"];
    let country = prop_oneof!["UK", "EIRE", "[A-Z][a-z]{0,20}"];
    ("[AC]?[5-6]", text, "-?[0-9]{1,3}", date, "[0-9]{1,2}([.][0-9]{1,5})?", customer, country)
        .prop_map(|(i, t, q, d, p, c, l)| format!("{i},S,{t},{q},{d},{p},{c},{l}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The same rows give the same invoices and the same rejects for any number of workers, compressed or not, in one file or many.
    #[test]
    fn how_the_input_is_cut_does_not_matter(
        rows in proptest::collection::vec(any_row(), 1..40),
        copies in 1..200_usize,
        workers in 1..5_usize,
    ) {
        let body = (rows.join("\n") + "\n").repeat(copies);
        let first = format!("{HEADER}\n5,S,T,1,1/1/2011 1:00,1,99,UK\n");
        let folder = Folder::new();
        let whole = folder.put("whole.csv", first.clone() + &body);
        let packed = folder.put("packed.csv.gz", gzip((first.clone() + &body).as_bytes()));
        let run = |input: &str, name: &str, workers| {
            let rejects_folder = Some(folder.rejects().join(name));
            let (invoices, summary) =
                scan_with(input, ScanOptions { rejects_folder, ..Default::default() }, workers);
            let rejects: Vec<_> =
                summary.files.iter().flat_map(|f| &f.rejects_files).map(read).collect();
            (invoices, summary.rejected, rejects)
        };
        let expected = run(&whole, "one", 1);
        prop_assert_eq!(&run(&whole, "many", workers), &expected);
        prop_assert_eq!(&run(&packed, "packed", workers), &expected);
        fs::create_dir(folder.0.path().join("parts")).unwrap();
        folder.put("parts/a.csv", &first);
        folder.put("parts/b.csv", format!("{HEADER}\n{body}"));
        folder.put("parts/c.csv", "");
        let parts = folder.0.path().join("parts");
        let (invoices, rejected, _) = run(parts.to_str().unwrap(), "parts", workers);
        prop_assert_eq!(invoices, expected.0);
        prop_assert_eq!(rejected, expected.1);
    }

    #[test]
    fn any_bytes_are_rows_or_rejects(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let mut content = format!("{HEADER}\n").into_bytes();
        content.extend_from_slice(&body);
        let (_, summary, _) = scan(&content);
        prop_assert!(summary.rows <= body.iter().filter(|&&b| b == b'\n').count() as u64 + 1);
    }
}

#[test]
fn rejects_can_be_left_out() {
    let folder = Folder::new();
    let input = folder.put(
        "x.csv",
        format!("{HEADER}\n1,A,x,1,12/1/2010 8:26,1,,UK\n2,A,x,1,12/1/2010 8:26,1,z,UK\n"),
    );
    for (keep_rejects, lines) in [(KeepRejects::Malformed, 2), (KeepRejects::All, 3)] {
        let rejects_folder = Some(folder.rejects().join(&lines.to_string()));
        let options = ScanOptions { rejects_folder, keep_rejects, ..Default::default() };
        let (_, summary) = scan_with(&input, options, 1);
        let rejects = read(summary.files[0].rejects_files.first().unwrap());
        assert_eq!(rejects.lines().count(), lines);
    }
    let rejects_folder = Some(folder.rejects().join("none"));
    let keep_rejects = KeepRejects::None;
    let options = ScanOptions { rejects_folder, keep_rejects, ..Default::default() };
    assert!(scan_with(&input, options, 1).1.files[0].rejects_files.is_empty());
    assert_eq!(folder.rejects().join("none").stat().unwrap(), None);
}
