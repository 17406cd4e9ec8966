//! Replays the fuzzer's corpus with the stable compiler, so that nothing it once found comes back.

use std::path::Path;

#[test]
fn corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/decode_message");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Shown only if the check fails.
        eprintln!("{}", path.display());
        crate::slow::check(&std::fs::read(path).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 5, "the corpus of decode_message is gone");
}
