//! Paths and the keys of objects.
//!
//! The file `/a/b` is the object with the key `a/b`. The folder `/a/b` is there when an object's key begins with `a/b/`:
//! that of something in it, or that of its marker, the empty object `a/b/`.

/// What EMRFS and older Hadoop clients end the names of their folders' markers with. Such an object is no file.
pub(crate) const EMRFS_MARKER: &str = "_$folder$";

/// The key of the file `path`; empty for the bucket as a whole.
pub(crate) fn key_of(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

/// What the keys in the folder `path` begin with, and the key of its marker; empty for the bucket as a whole.
pub(crate) fn prefix_of(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        key => format!("{key}/"),
    }
}

/// The markers of the folders that a key is in, the outermost first: of `a/b/c` `a/` and `a/b/`.
pub(crate) fn folders_above(key: &str) -> impl Iterator<Item = &str> {
    let inner = key.trim_end_matches('/').len();
    key.match_indices('/').map(|(at, _)| at).filter(move |at| *at < inner).map(|at| &key[..=at])
}

/// The last part of a key.
pub(crate) fn name_of(key: &str) -> &str {
    key.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// As the header `x-amz-copy-source` wants it: percent-encoded, but for slashes.
pub(crate) fn copy_source(bucket: &str, key: &str) -> String {
    let mut text = String::with_capacity(bucket.len() + key.len() + 1);
    for byte in bucket.bytes().chain([b'/']).chain(key.bytes()) {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// What a listing in the encoding `url` means: keys may hold characters that XML cannot.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
                let value = std::str::from_utf8(&digits).ok();
                let value = value.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(value.unwrap_or(b'?'));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_prefixes() {
        for (path, key, prefix) in
            [("/", "", ""), ("/a", "a", "a/"), ("/a/b c", "a/b c", "a/b c/"), ("", "", "")]
        {
            assert_eq!((&*key_of(path), &*prefix_of(path)), (key, prefix), "{path}");
        }
        assert_eq!(folders_above("a/b/c").collect::<Vec<_>>(), ["a/", "a/b/"]);
        assert_eq!(folders_above("a/b/").collect::<Vec<_>>(), ["a/"]);
        assert_eq!(folders_above("ä/b").collect::<Vec<_>>(), ["ä/"]);
        assert_eq!(folders_above("a").count(), 0);
        assert_eq!((name_of("a/b"), name_of("a/b/"), name_of("a")), ("b", "b", "a"));
    }

    #[test]
    fn encoded_and_decoded() {
        assert_eq!(copy_source("shop", "a b/ä+%2F~"), "shop/a%20b/%C3%A4%2B%252F~");
        for (encoded, expected) in
            [("a+b%20c", "a b c"), ("%C3%A4/%2B%25", "ä/+%"), ("%1", "?"), ("a", "a")]
        {
            assert_eq!(decode(encoded), expected);
        }
    }
}
