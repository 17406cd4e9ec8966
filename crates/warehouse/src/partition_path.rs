//! Partition directory names, `key=value/key=value`, with Hive's escaping.
//!
//! Source of the rules: Hive's `FileUtils.makePartName`, `escapePathName` and `unescapePathName`
//! (`common/src/java/org/apache/hadoop/hive/common/FileUtils.java`, the list `charToEscape`):
//! - escaped as `%XX`, upper case: U+0001 to U+001F, U+007F and `" # % ' * / : = ? \ { [ ] ^`;
//! - not escaped: blanks, `}` and everything outside ASCII;
//! - a null and an empty value are both `__HIVE_DEFAULT_PARTITION__`;
//! - keys are lower case.
//!
//! One release of Spark skips the escaping when the *first* character needs it; here it is escaped like any other.

/// Directory value of a null or empty partition value.
pub const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A partition directory name that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' is not a partition directory; expected key=value")]
pub struct PartitionPathError {
    name: String,
}

impl PartitionPathError {
    /// Never: the name stays what it is.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// Escapes one key or value for use in a path. `None` and `""` become [`DEFAULT_PARTITION`].
pub fn escape_value(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    if value.is_empty() {
        return DEFAULT_PARTITION.to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if must_escape(c) {
            escaped.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Undoes [`escape_value`]; `None` for [`DEFAULT_PARTITION`].
///
/// A `%` that two hex digits do not follow stays as it is, as in Hive. Decode once only: the result may well
/// contain something that looks escaped.
pub fn unescape_value(escaped: &str) -> Option<String> {
    if escaped == DEFAULT_PARTITION {
        return None;
    }
    let mut value = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('%') {
        value.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                value.push(char::from(code));
                rest = &rest[at + 3..];
            }
            None => {
                value.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    value.push_str(rest);
    Some(value)
}

/// The path of a partition below its table, without a slash at either end: `dt=2011-12-10/country=United Kingdom`.
///
/// Keys are put in lower case.
pub fn partition_name<'a>(
    keys_and_values: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let parts: Vec<String> = keys_and_values
        .into_iter()
        .map(|(key, value)| {
            format!("{}={}", escape_value(Some(&key.to_lowercase())), escape_value(value))
        })
        .collect();
    parts.join("/")
}

/// Reads a partition path back into keys and values, in order.
///
/// # Errors
/// When a level is not of the form `key=value` or its key is empty.
pub fn parse_partition_name(
    name: &str,
) -> Result<Vec<(String, Option<String>)>, PartitionPathError> {
    name.split('/')
        .map(|level| {
            level
                .split_once('=')
                .and_then(|(key, value)| Some((unescape_value(key)?, unescape_value(value))))
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| PartitionPathError { name: name.to_owned() })
        })
        .collect()
}

fn must_escape(c: char) -> bool {
    matches!(
        c,
        '\u{1}'
            ..='\u{1f}'
                | '\u{7f}'
                | '"'
                | '#'
                | '%'
                | '\''
                | '*'
                | '/'
                | ':'
                | '='
                | '?'
                | '\\'
                | '{'
                | '['
                | ']'
                | '^'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_the_full_list_and_nothing_else() {
        let listed = "\"#%'*/:=?\\{[]^\u{7f}";
        for code in 1..=0x24F_u32 {
            let c = char::from_u32(code).unwrap();
            let expected = if code < 0x20 || listed.contains(c) {
                format!("%{code:02X}")
            } else {
                c.to_string()
            };
            assert_eq!(escape_value(Some(&c.to_string())), expected, "U+{code:04X}");
            // also behind, before and between other characters
            let around = format!("{c}a{c}b{c}");
            let expected = format!("{expected}a{expected}b{expected}");
            assert_eq!(escape_value(Some(&around)), expected, "U+{code:04X}");
        }
    }

    #[test]
    fn null_and_empty_are_the_default_partition() {
        assert_eq!(escape_value(None), "__HIVE_DEFAULT_PARTITION__");
        assert_eq!(escape_value(Some("")), "__HIVE_DEFAULT_PARTITION__");
        assert_eq!(unescape_value("__HIVE_DEFAULT_PARTITION__"), None);
    }

    #[test]
    fn names_have_lower_case_keys_and_are_read_back() {
        let name = partition_name([("DT", Some("2011-12-10")), ("country", Some("a/b=c d%"))]);
        assert_eq!(name, "dt=2011-12-10/country=a%2Fb%3Dc d%25");
        assert_eq!(
            parse_partition_name(&name).unwrap(),
            [
                ("dt".to_owned(), Some("2011-12-10".to_owned())),
                ("country".to_owned(), Some("a/b=c d%".to_owned())),
            ]
        );
        assert_eq!(partition_name([("dt", None)]), "dt=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn decodes_once_and_leaves_stray_percents() {
        assert_eq!(unescape_value("%252F").unwrap(), "%2F");
        assert_eq!(unescape_value("100%").unwrap(), "100%");
        assert_eq!(unescape_value("%2").unwrap(), "%2");
        assert_eq!(unescape_value("%zz%2f").unwrap(), "%zz/");
        assert_eq!(unescape_value("%+5").unwrap(), "%+5");
        assert_eq!(unescape_value("%é").unwrap(), "%é");
    }

    #[test]
    fn refuses_directories_that_are_not_partitions() {
        for name in ["", "_runs", "dt=1//x", "=1", "dt=1/"] {
            let error = parse_partition_name(name).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_value_survives(value in "\\PC*|[\\x01-\\x7f]{0,20}", key in "[a-z0-9_]{1,12}") {
            let name = partition_name([(key.as_str(), Some(value.as_str()))]);
            prop_assert!(!name[key.len() + 1..].contains(['/', '=']));
            let expected = (!value.is_empty() && value != DEFAULT_PARTITION).then_some(value);
            prop_assert_eq!(parse_partition_name(&name).unwrap(), [(key, expected)]);
        }

        #[test]
        fn unescaping_never_panics(text in "[%0-9a-fA-Fé=/]{0,20}") {
            unescape_value(&text);
            let _ = parse_partition_name(&text);
        }
    }
}
