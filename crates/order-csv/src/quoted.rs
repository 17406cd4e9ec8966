//! Lines with quotes, read slowly and exactly (RFC 4180, but for one rule).
//!
//! A line break always ends a row, even inside quotes. The shop's exports have no line breaks in fields, and without that rule a single
//! stray quote would swallow the good rows after it. A quote opens a quoted field only as the first byte of the field;
//! anywhere else it is an ordinary byte (`6" NAIL`).

use crate::rejects::Detail;

/// Splits a line (without its line end) into fields. `text` receives the fields' bytes with quotes removed, `fields` the
/// range of each field in it.
pub(crate) fn split_line(
    line: &[u8],
    text: &mut Vec<u8>,
    fields: &mut Vec<(usize, usize)>,
) -> Result<(), Detail> {
    text.clear();
    fields.clear();
    let mut rest = line;
    loop {
        let start = text.len();
        rest = match rest.strip_prefix(b"\"") {
            Some(quoted) => take_quoted(quoted, text)?,
            None => {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                text.extend_from_slice(&rest[..end]);
                &rest[end..]
            }
        };
        fields.push((start, text.len()));
        match rest.split_first() {
            None => return Ok(()),
            // After an unquoted field only a comma can follow, so this is a quoted one.
            Some((&byte, _)) if byte != b',' => return Err(Detail::TextAfterQuote),
            Some((_, after)) => rest = after,
        }
    }
}

/// Appends a quoted field, its opening quote already taken, to `text`; gives back what follows its closing quote.
fn take_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], Detail> {
    loop {
        let quote = memchr::memchr(b'"', rest).ok_or(Detail::UnclosedQuote)?;
        text.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                text.push(b'"');
                rest = after;
            }
            None => return Ok(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<Vec<String>, Detail> {
        let (mut text, mut fields) = (Vec::new(), Vec::new());
        split_line(line.as_bytes(), &mut text, &mut fields)?;
        Ok(fields.iter().map(|&(a, b)| String::from_utf8_lossy(&text[a..b]).into()).collect())
    }

    #[test]
    fn quotes_commas_and_doubled_quotes() {
        let ok = |line, expected: &[&str]| assert_eq!(split(line).unwrap(), expected, "{line}");
        ok("", &[""]);
        ok(",", &["", ""]);
        ok("a,b,c", &["a", "b", "c"]);
        ok(r#""a,b",c"#, &["a,b", "c"]);
        ok(r#"x,"","a""b""","#, &["x", "", "a\"b\"", ""]);
        ok(r#"6" NAIL,1"#, &["6\" NAIL", "1"]);
    }

    #[test]
    fn broken_quotes_are_named() {
        assert_eq!(split(r#"a,"b,c"#), Err(Detail::UnclosedQuote));
        assert_eq!(split(r#""a"b,c"#), Err(Detail::TextAfterQuote));
        assert_eq!(split("\"a\"\""), Err(Detail::UnclosedQuote));
    }
}
