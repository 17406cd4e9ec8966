//! Names, addresses, and many threads.

use super::{at_once, bytes, names};
use crate::{Location, StoreErrorKind};

/// As Hive's partitions have them, and people. HDFS takes no colon.
pub fn unusual_names(at: &Location) {
    let unusual = [
        "country=United Kingdom",
        "at=2011-12-09 08%3A26",
        "100%",
        "%2F",
        "a+b&c#d?e",
        "a\\b",
        "'\"`$(x)",
        "Käse 🧀",
        "[a]*{b}",
        "-rf",
        "~",
    ];
    for name in unusual {
        let file = at.join(name).join(name);
        file.write(name.as_bytes()).unwrap();
        assert_eq!(file.read().unwrap().unwrap(), name.as_bytes(), "{file}");
        assert_eq!(names(&at.join(name)), [name]);
        let renamed = at.join(name).join(&format!("{name}2"));
        file.rename(&renamed).unwrap();
        assert_eq!(renamed.stat().unwrap().unwrap().name, format!("{name}2"));
        assert!(renamed.uri().ends_with(&format!("{name}2")), "{}", renamed.uri());
    }
    let mut expected = unusual;
    expected.sort_unstable();
    assert_eq!(names(at), expected);
}

/// An address has scheme and path, and is what messages name.
pub fn addresses(at: &Location) {
    let (scheme, _) = at.uri().split_once(':').map(|(s, r)| (s.to_owned(), r.to_owned())).unwrap();
    assert!(scheme.len() > 1 && !scheme.contains('/'), "{scheme}");
    assert!(at.uri().ends_with(at.path()), "{}", at.uri());
    assert_eq!(at.join("x").uri(), format!("{}/x", at.uri()));
    let error = at.open().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.to_string().contains(&at.to_string()), "{error}");
}

/// Eight threads, each with files of its own.
pub fn many_threads(at: &Location) {
    at_once(8, |thread| {
        let folder = at.join(&thread.to_string());
        for n in 0..5_usize {
            let file = folder.join(&n.to_string());
            let expected = bytes(thread * 100_000 + n);
            file.write(&expected).unwrap();
            assert!(file.read().unwrap().unwrap() == expected);
            if n % 2 == 1 {
                assert!(file.remove_file().unwrap());
            }
        }
        assert_eq!(names(&folder), ["0", "2", "4"]);
        folder.remove_tree().unwrap();
    });
    assert!(names(at).is_empty());
}
