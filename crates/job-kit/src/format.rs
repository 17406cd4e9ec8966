//! Numbers and small tables as people read them.

use std::fmt::Display;
use std::io::{self, Write};

/// Groups the integer part by thousands: `541909` -> `541,909`, `-8911407.90` -> `-8,911,407.90`.
///
/// Takes any integer or decimal by the text it displays as, so that no exact value has to become
/// a float on its way to the screen.
pub fn thousands(number: impl Display) -> String {
    let text = number.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let (integer, fraction) = match digits.find('.') {
        Some(point) => digits.split_at(point),
        None => (digits, ""),
    };
    let mut grouped = String::with_capacity(text.len() + integer.len() / 3);
    grouped.push_str(sign);
    for (i, digit) in integer.chars().enumerate() {
        if i > 0 && (integer.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(fraction);
    grouped
}

/// Bytes in decimal megabytes, as file listings and network rates count them: `45.6 MB`.
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", thousands(format_args!("{:.1}", bytes as f64 / 1e6)))
}

/// A share of a whole in percent with one decimal: `24.9 %`; `-` if there is no whole.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

/// A column of a [`Table`].
#[derive(Clone, Debug)]
pub struct Column {
    header: String,
    right: bool,
}

impl Column {
    /// A column of text.
    pub fn left(header: impl Into<String>) -> Self {
        Self { header: header.into(), right: false }
    }

    /// A column of numbers, which line up at their last digit.
    pub fn right(header: impl Into<String>) -> Self {
        Self { header: header.into(), right: true }
    }
}

/// A table of text with aligned columns, as jobs print it.
///
/// ```
/// use job_kit::format::{Column, Table, thousands};
///
/// let mut table = Table::new([Column::left("segment"), Column::right("customers")]);
/// table.row(["High Value VIP".to_owned(), thousands(1234)]);
/// let mut out = Vec::new();
/// table.write_to(&mut out)?;
/// assert_eq!(String::from_utf8_lossy(&out).lines().last(), Some("High Value VIP      1,234"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the last column are dropped, missing ones are empty.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
        self
    }

    /// Writes header, rule and rows, two blanks between columns and none at the end of a line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|i| self.width(i)).collect();
        let headers = self.columns.iter().map(|column| column.header.as_str());
        self.write_line(out, &widths, headers)?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        self.write_line(out, &widths, rules.iter().map(String::as_str))?;
        for row in &self.rows {
            self.write_line(out, &widths, row.iter().map(String::as_str))?;
        }
        Ok(())
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let header = self.columns.get(column).map(|c| &c.header);
        cells.chain(header).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn write_line<'a>(
        &self,
        out: &mut impl Write,
        widths: &[usize],
        cells: impl Iterator<Item = &'a str>,
    ) -> io::Result<()> {
        let mut line = String::new();
        for ((cell, &width), column) in cells.zip(widths).zip(&self.columns) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if column.right {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())
    }
}
