//! A scan that is cut and read in parts gives what a scan of the whole gives.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use order_csv::{
    FilePart, KeepRejects, OrderScan, PartSummary, ScanOptions, ScanSummary, ScannedParts,
    continued_parts, number_lines, resolve,
};
use store::{Location, Stores};

use crate::scan::{HEADER, Invoices, add, gzip, scan_in};

/// Lines of all kinds, some longer than a block, some than the limit of a line.
fn lines(seed: u64, count: u64) -> String {
    let mut text = String::new();
    let mut state = seed;
    for number in 0..count {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (invoice, draw) = (number / 7, state >> 33);
        text += &match draw % 11 {
            0 => format!("{invoice},x,\"a, \"\"b\"\"\",3,2011-01-01 10:00:00,1.5,7,UK\r\n"),
            1 => "\n".to_owned(),
            2 => format!("C{invoice},x,y,-3,2011-01-01 10:00:00,1.5,7,UK\n"),
            3 => format!("{invoice},x,y,1,2011-01-01 10:00:00,1.5,,UK\n"),
            4 => format!("{invoice},\"unclosed\n"),
            5 if draw % 1_999 == 0 => format!("{}\n", "z".repeat(700_000)),
            6 if draw % 3_989 == 0 => format!("{}\n", "z".repeat(1_300_000)),
            other => format!(
                "{invoice},x,{},{},2011-02-0{} 11:00:00,0.25,{},EIRE\n",
                "pad".repeat(other as usize),
                other,
                draw % 9 + 1,
                draw % 50 + 1
            ),
        };
    }
    text
}

/// Cuts a scan, reads its pieces one by one with two workers each, and puts what they gave together.
fn in_parts(input: &str, bytes: u64, keep: KeepRejects, folder: &Path) -> (Invoices, ScanSummary) {
    let folder = Location::local(folder);
    let options = ScanOptions {
        rejects_folder: Some(folder.clone()),
        keep_rejects: keep,
        ..Default::default()
    };
    let inputs = resolve(&Stores::local(), input).unwrap();
    let scan = Arc::new(OrderScan::open(inputs, options.clone()).unwrap());
    let mut pieces = scan.parts(bytes);
    let counted = continued_parts(&pieces);
    let lines = OrderScan::open_parts(&counted, "", ScanOptions::default()).unwrap();
    let counted: Vec<_> = counted.into_iter().zip(lines.count_lines().unwrap()).collect();
    number_lines(&mut pieces, &counted);
    let (mut invoices, mut all) = (Invoices::new(), Vec::new());
    // In any order, and not in that of the input.
    for (number, piece) in pieces.into_iter().enumerate().rev() {
        // The first attempt is lost.
        for attempt in [2, 1] {
            let name = format!("{number:06}-{attempt}");
            let (found, summaries) = read_part(&piece, &name, options.clone());
            if attempt == 1 {
                found.into_iter().for_each(|batch| add(&batch, &mut invoices));
                all.extend(piece.iter().cloned().zip(summaries));
            }
        }
    }
    for (part, lines) in &counted {
        let (_, summary) =
            all.iter().find(|(of, _)| (of.file, &of.blocks) == (part.file, &part.blocks)).unwrap();
        assert_eq!(summary.lines, *lines);
    }
    let scanned = ScannedParts::new(scan, all);
    scanned.complete_rejects(&folder).unwrap();
    let summary = scanned.summary();
    let named = summary.files.iter().flat_map(|file| &file.rejects_files);
    let named: Vec<_> = named.map(|file| file.name().to_owned()).collect();
    let there = folder.list_if_exists().unwrap().into_iter().map(|entry| entry.name);
    assert_eq!(
        there.collect::<Vec<_>>(),
        named,
        "by their names they are in the order of the input"
    );
    (invoices, summary)
}

fn read_part(
    piece: &[FilePart],
    attempt: &str,
    options: ScanOptions,
) -> (Vec<RecordBatch>, Vec<PartSummary>) {
    let scan = Arc::new(OrderScan::open_parts(piece, attempt, options).unwrap());
    let mut found = Vec::new();
    for mut worker in [scan.worker(), scan.worker()] {
        while let Some(batch) = worker.next_batch().unwrap() {
            found.push(batch);
        }
    }
    scan.complete_rejects().unwrap();
    (found, scan.part_summaries())
}

/// The summary without its rejects files, and the rejected rows of each file.
fn told(mut summary: ScanSummary) -> (ScanSummary, Vec<String>) {
    let rows = |file: Location| {
        let text = String::from_utf8_lossy(&file.read().unwrap().unwrap()).into_owned();
        text.strip_prefix("line,reason,detail,row\n").unwrap().to_owned()
    };
    let files = summary.files.iter_mut().map(|file| std::mem::take(&mut file.rejects_files));
    let rejects = files.map(|files| files.into_iter().map(rows).collect()).collect();
    (summary, rejects)
}

#[test]
fn the_parts_give_what_the_whole_gives() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    let put = |name: &str, content: &[u8]| fs::write(input.join(name), content).unwrap();
    put("a.csv", format!("{HEADER}\n{}", lines(1, 80_000)).as_bytes());
    put("b.csv", HEADER.as_bytes());
    put("c.csv", format!("\u{feff}{HEADER}\r\n{}9,no end", lines(2, 20_000)).as_bytes());
    put("d.csv.gz", &gzip(format!("{HEADER}\n{}", lines(3, 20_000)).as_bytes()));
    put("e.csv", format!("{HEADER}\n1,x,y,1,2011-01-01 10:00:00,1.5,7,UK\n").as_bytes());
    let input = input.to_str().unwrap();
    for (number, keep) in
        [KeepRejects::All, KeepRejects::Malformed, KeepRejects::None].into_iter().enumerate()
    {
        let whole = ScanOptions {
            rejects_folder: Some(Location::local(folder.path().join(format!("whole-{number}")))),
            keep_rejects: keep,
            ..Default::default()
        };
        let (expected, summary) = scan_in(&Stores::local(), input, whole, 1);
        let expected_told = told(summary);
        assert_eq!(!expected_told.1[0].is_empty(), keep != KeepRejects::None);
        // How it is cut does not depend on what is kept.
        let cuts: &[u64] =
            if number == 0 { &[1, 1 << 20, 3 << 20, u64::MAX / 2] } else { &[1 << 20] };
        for &bytes in cuts {
            let own = folder.path().join(format!("{number}-{bytes}"));
            let (invoices, summary) = in_parts(input, bytes, keep, &own);
            assert!(told(summary) == expected_told, "{keep:?} {bytes}");
            assert!(invoices == expected, "{keep:?} {bytes}");
        }
    }
}

#[test]
fn every_block_is_in_one_part() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kib) in [("a", 10_000), ("b", 1), ("c", 513), ("d", 600)] {
        let row = "1,x,y,1,2011-01-01 10:00:00,1.5,7,UK\n";
        let rows = row.repeat(kib * 1024 / row.len());
        fs::write(folder.path().join(format!("{name}.csv")), format!("{HEADER}\n{rows}")).unwrap();
    }
    let inputs = || resolve(&Stores::local(), folder.path().to_str().unwrap()).unwrap();
    let scan = OrderScan::open(inputs(), ScanOptions::default()).unwrap();
    for (bytes, pieces) in [(1, 25), (1 << 20, 13), (4 << 20, 4), (1 << 40, 1)] {
        let parts = scan.parts(bytes);
        assert_eq!(parts.len(), pieces, "{bytes}");
        let mut all: Vec<_> = parts.into_iter().flatten().collect();
        all.sort_by_key(|part| (part.file, part.blocks.start));
        for file in 0..4 {
            let blocks =
                all.iter().filter(|part| part.file == file).map(|part| part.blocks.clone());
            let end = blocks.fold(0, |end, blocks| {
                assert_eq!(blocks.start, end);
                blocks.end
            });
            assert_eq!(end, [20, 1, 2, 2][file], "{bytes}");
        }
    }
}

#[test]
fn a_file_that_is_changed_after_its_lines_were_counted() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("x.csv");
    fs::write(&input, format!("{HEADER}\n{}", lines(4, 20_000))).unwrap();
    let options = ScanOptions {
        rejects_folder: Some(Location::local(folder.path().join("rejects"))),
        ..Default::default()
    };
    let inputs = resolve(&Stores::local(), input.to_str().unwrap()).unwrap();
    let scan = Arc::new(OrderScan::open(inputs, options.clone()).unwrap());
    let mut pieces = scan.parts(1);
    assert!(pieces.len() > 1);
    let counted = continued_parts(&pieces);
    let lines = OrderScan::open_parts(&counted, "", ScanOptions::default()).unwrap();
    let counted: Vec<_> = counted.into_iter().zip(lines.count_lines().unwrap()).collect();
    number_lines(&mut pieces, &counted);
    let mut bytes = fs::read(&input).unwrap();
    let line = bytes.len() / 20;
    bytes[line..line + 9].fill(b'\n');
    fs::write(&input, bytes).unwrap();
    let parts = pieces.into_iter().enumerate().flat_map(|(number, piece)| {
        let (_, summaries) = read_part(&piece, &number.to_string(), options.clone());
        piece.into_iter().zip(summaries)
    });
    let scanned = ScannedParts::new(scan, parts.collect());
    let error = scanned.complete_rejects(options.rejects_folder.as_ref().unwrap()).unwrap_err();
    assert!(error.to_string().contains("has other lines than were counted"), "{error}");
}
