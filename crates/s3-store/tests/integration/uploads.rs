//! Large files go up in parts, of which none is left when they are given up.

use std::io::Write as _;

use store::StoreErrorKind;

use crate::helper::{again, bytes, key, keys, location, raw, uploads};
use crate::server::server;

const PART: usize = 8 << 20;

#[test]
fn files_of_any_size() {
    for length in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 4 * PART + 7] {
        let at = location();
        let mut writer = at.create().unwrap();
        for piece in bytes(length).chunks(1 << 20) {
            writer.write_all(piece).unwrap();
            // Nobody sees a part of it.
            assert_eq!(at.stat().unwrap(), None);
        }
        assert_eq!(writer.finish().unwrap(), length as u64);
        assert!(again(&at).read().unwrap().unwrap() == bytes(length), "{length}");
        assert_eq!(uploads(key(&at)), [""; 0]);
    }
}

#[test]
fn a_writer_that_is_dropped_gives_its_upload_up() {
    let at = location();
    let mut writer = at.create().unwrap();
    writer.write_all(&bytes(3 * PART)).unwrap();
    assert_eq!(uploads(key(&at)), [key(&at)]);
    drop(writer);
    assert_eq!(uploads(key(&at)), [""; 0]);
    assert_eq!(at.stat().unwrap(), None);
}

#[test]
fn so_does_one_that_has_failed() {
    let at = location();
    // Of a part, of which the first is sent when the second is written.
    server().on("PART", at.path(), "deny");
    let mut writer = at.create().unwrap();
    let error = (0..10).find_map(|_| writer.write_all(&bytes(PART)).err()).unwrap();
    let error = store::StoreError::from_io("write", "", error);
    assert_eq!(error.kind(), StoreErrorKind::PermissionDenied, "{error}");
    // It takes nothing more.
    assert!(writer.write_all(b"more").is_err());
    assert_eq!(writer.finish().unwrap_err().kind(), StoreErrorKind::PermissionDenied);
    assert_eq!(uploads(key(&at)), [""; 0]);
    assert_eq!(at.stat().unwrap(), None);
}

#[test]
fn and_one_that_came_second() {
    let at = location();
    let mut writer = at.create().unwrap();
    writer.write_all(&bytes(2 * PART)).unwrap();
    at.write(b"first").unwrap();
    assert_eq!(writer.finish().unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(uploads(key(&at)), [""; 0]);
}

/// A process that was killed gives up nothing; whoever removes its folder does.
#[test]
fn the_uploads_of_the_dead_go_with_their_folder() {
    let at = location();
    let folder = key(&at).to_owned();
    for name in ["run/part-0", "run/part-1"] {
        let key = format!("{folder}/{name}");
        raw(|client| client.create_multipart_upload().bucket("shop").key(key).send());
    }
    at.join("run/_note").write(b"").unwrap();
    at.join("run").remove_tree().unwrap();
    assert_eq!(uploads(&folder), [""; 0]);
    assert_eq!(keys(&format!("{folder}/run")), [""; 0]);
}

/// AWS wants a checksum with every part, and all of them again at the end.
#[test]
fn with_checksums() {
    use aws_sdk_s3::config::RequestChecksumCalculation;
    let at = location();
    let config = crate::helper::config(&server().url())
        .into_builder()
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
        .build();
    let careful = crate::helper::stores_with(config).locate(&at.uri()).unwrap();
    careful.write(&bytes(PART + 1)).unwrap();
    assert!(careful.read().unwrap().unwrap() == bytes(PART + 1));
    careful.rename(&careful.parent().unwrap().join("renamed")).unwrap();
    careful.write(b"small").unwrap();
    careful.touch().unwrap();
    assert_eq!(careful.read().unwrap().unwrap(), b"small");
}
