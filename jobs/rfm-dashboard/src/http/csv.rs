//! Tables as CSV (RFC 4180).

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A table that grows row by row.
#[derive(Debug)]
pub(super) struct Csv {
    name: String,
    text: String,
}

impl Csv {
    /// `name` is that of the file, without `.csv`: letters, digits and hyphens.
    pub(super) fn new(name: &str, header: &[&str]) -> Self {
        let mut csv = Self { name: name.to_owned(), text: String::new() };
        csv.row(header);
        csv
    }

    pub(super) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        for (position, cell) in cells.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            push_cell(cell.as_ref(), &mut self.text);
        }
        self.text.push_str("\r\n");
    }
}

/// Writes a cell. A text that a spreadsheet would take for a formula gets an apostrophe in front
/// (<https://owasp.org/www-community/attacks/CSV_Injection>); a number may begin with its sign.
fn push_cell(cell: &str, out: &mut String) {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let guard = if is_formula && !is_number { "'" } else { "" };
    if !cell.contains(['"', ',', '\n', '\r']) {
        out.push_str(guard);
        out.push_str(cell);
        return;
    }
    out.push('"');
    out.push_str(guard);
    out.push_str(&cell.replace('"', "\"\""));
    out.push('"');
}

impl IntoResponse for Csv {
    fn into_response(self) -> Response {
        let mut response = self.text.into_response();
        let headers = response.headers_mut();
        let csv = HeaderValue::from_static("text/csv; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, csv);
        let file = format!("attachment; filename=\"{}.csv\"", self.name);
        if let Ok(file) = HeaderValue::from_str(&file) {
            headers.insert(header::CONTENT_DISPOSITION, file);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-12.5000", "-12.5000"),
            ("-1+cmd|x", "'-1+cmd|x"),
            ("+49", "'+49"),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            let mut out = String::new();
            push_cell(cell, &mut out);
            assert_eq!(out, expected);
        }
    }
}
