//! A scan that is cut and read in parts gives what a scan of the whole gives.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use order_csv::{KeepRejects, OrderScan, ScanOptions, ScanSummary, ScannedParts, resolve};
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
    let (rejects, parts_folder) = (folder.join("joined"), Location::local(folder.join("parts")));
    let options = ScanOptions {
        rejects_folder: Some(Location::local(&rejects)),
        keep_rejects: keep,
        ..Default::default()
    };
    let inputs = resolve(&Stores::local(), input).unwrap();
    let scan = Arc::new(OrderScan::open(inputs, options.clone()).unwrap());
    let (mut invoices, mut all) = (Invoices::new(), Vec::new());
    // In any order, and not in that of the input.
    for (number, piece) in scan.parts(bytes).into_iter().enumerate().rev() {
        let own = parts_folder.join(&number.to_string());
        let options = ScanOptions { rejects_folder: Some(own), ..options.clone() };
        let part_scan = Arc::new(OrderScan::open_parts(&piece, options).unwrap());
        let mut workers = [part_scan.worker(), part_scan.worker()];
        for worker in &mut workers {
            while let Some(batch) = worker.next_batch().unwrap() {
                add(&batch, &mut invoices);
            }
        }
        part_scan.complete_rejects().unwrap();
        all.extend(piece.into_iter().zip(part_scan.part_summaries()));
    }
    let scanned = ScannedParts::new(scan, all);
    scanned.complete_rejects().unwrap();
    (invoices, scanned.summary())
}

/// The summary without the folder of its rejects files, and what is in those.
fn told(mut summary: ScanSummary) -> (ScanSummary, Vec<Option<String>>) {
    let files = summary.files.iter_mut().map(|file| file.rejects_file.take());
    let read = |file: Location| {
        let name = file.name().to_owned();
        format!("{name}\n{}", String::from_utf8_lossy(&file.read().unwrap().unwrap()))
    };
    let rejects = files.map(|file| file.map(read)).collect();
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
        assert_eq!(expected_told.1[0].is_some(), keep != KeepRejects::None);
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
fn a_part_that_was_changed_is_not_joined() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("x.csv");
    fs::write(&input, format!("{HEADER}\nbad\n")).unwrap();
    for (content, problem) in [
        (Some("line,reason\nx,y\n"), "line number"),
        (Some("line\n2,x"), "line number"),
        (None, "does not exist"),
    ] {
        let options = |name: &str| ScanOptions {
            rejects_folder: Some(Location::local(folder.path().join(name))),
            ..Default::default()
        };
        let inputs = resolve(&Stores::local(), input.to_str().unwrap()).unwrap();
        let scan = Arc::new(OrderScan::open(inputs, options("joined")).unwrap());
        let parts = scan.parts(1).remove(0);
        let own = tempfile::tempdir_in(folder.path()).unwrap();
        let name = own.path().file_name().unwrap().to_str().unwrap().to_owned();
        let part_scan = Arc::new(OrderScan::open_parts(&parts, options(&name)).unwrap());
        assert!(part_scan.worker().next_batch().unwrap().is_none());
        part_scan.complete_rejects().unwrap();
        let summaries = part_scan.part_summaries();
        let file = summaries[0].rejects_file.as_ref().unwrap().local_path().unwrap().to_owned();
        fs::remove_file(&file).unwrap();
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let scanned = ScannedParts::new(scan, parts.into_iter().zip(summaries).collect());
        let error = scanned.complete_rejects().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        let text =
            format!("{cause}: {:?}", std::error::Error::source(cause).map(ToString::to_string));
        assert!(text.contains(problem), "{text}");
        assert!(!folder.path().join("joined/00000-x.rejects.csv").exists());
    }
}
