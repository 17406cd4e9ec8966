//! Replays the fuzzers' corpora with the stable compiler, so that nothing a fuzzer once found comes back.

use std::path::PathBuf;

#[path = "../../../../fuzz/src/lib.rs"]
mod checks;

/// Runs a check on every file of its corpus.
fn replay(name: &str, check: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Shown only if the check fails.
        eprintln!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 3, "the corpus of {name} is gone");
}

#[test]
fn corpora_hold() {
    replay("boundaries", checks::boundaries::check);
    replay("dates_and_money", checks::dates_and_money::check);
    replay("header_and_scan", checks::header_and_scan::check);
    replay("scan", checks::scan::check);
    replay("scan_blocks", checks::scan_blocks::check);
}
