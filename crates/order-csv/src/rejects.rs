//! Rows that do not count, kept beside the result.
//!
//! One rejects file for each input file that has any: `line,reason,detail,row`, in the order of the input. `line` is the
//! line's number in the (decompressed) input file, the header being line 1; `row` is the line as it was read.
//! Blocks are scanned in any order by several threads, and only the number of lines in all earlier blocks tells a line's number, so what
//! a block rejects waits here until its predecessors have reported.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufWriter, Write};

use order_model::Rejection;
use store::{FileWriter, Location, StoreError};

use crate::CsvError;

/// Rejected rows are written in pieces of about this size, also when every block has but a few: each may be a packet
/// on a network.
const BUFFER_BYTES: usize = 256 * 1024;

/// Which rejected rows are written to the rejects files. All are counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepRejects {
    /// Every rejected row.
    #[default]
    All,
    /// Rows that are damaged; not the well-formed ones that are no purchase (no customer, cancelled, a return, free).
    Malformed,
    /// None.
    None,
}

/// What exactly is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing beyond the reason: the row is well-formed.
    WellFormed,
    FieldCount {
        found: u32,
        expected: u32,
    },
    UnclosedQuote,
    TextAfterQuote,
    TooLong {
        bytes: u64,
        kept: u64,
    },
    NoInvoice,
    InvoiceNotUtf8,
    CountryNotUtf8,
    Quantity,
    QuantityRange,
    Date,
    Price,
    PriceDecimals,
    PriceRange,
    Customer,
    AmountRange,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Detail::WellFormed => "",
            Detail::FieldCount { found, expected } => {
                return write!(f, "{found} fields where the header has {expected}");
            }
            Detail::TooLong { bytes, kept } => {
                return write!(f, "a line of {bytes} bytes; the first {kept} are kept");
            }
            Detail::UnclosedQuote => "a quote is not closed on its line",
            Detail::TextAfterQuote => "text after a closing quote",
            Detail::NoInvoice => "no invoice number",
            Detail::InvoiceNotUtf8 => "the invoice number is not UTF-8",
            Detail::CountryNotUtf8 => "the country is not UTF-8",
            Detail::Quantity => "the quantity is not an integer",
            Detail::QuantityRange => "the quantity is beyond 32 bits",
            Detail::Date => "the date is not in the file's format or not between 1970 and 2099",
            Detail::Price => "the price is not a decimal number",
            Detail::PriceDecimals => "the price has more than 4 decimals",
            Detail::PriceRange => "the price is 10^14 or more",
            Detail::Customer => "the customer id is not a positive 64-bit integer",
            Detail::AmountRange => "quantity x price is beyond DECIMAL(20,4)",
        })
    }
}

/// The rejected rows of one block.
#[derive(Debug, Default)]
pub(crate) struct BlockRejects {
    rows: Vec<Row>,
    text: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    /// From 0 in its block.
    line: u32,
    reason: Rejection,
    detail: Detail,
    /// End of its bytes in `text`; they begin where the row before ends.
    text_end: usize,
}

impl BlockRejects {
    /// Adds row `line` (from 0 in the block).
    #[inline]
    pub(crate) fn push(&mut self, line: u32, reason: Rejection, detail: Detail, row: &[u8]) {
        self.text.extend_from_slice(row);
        self.rows.push(Row { line, reason, detail, text_end: self.text.len() });
    }
}

/// Writes the rejects file of one input file. Dropped before its end, it removes what it wrote.
#[derive(Debug)]
pub(crate) struct RejectsWriter {
    path: Option<Location>,
    file: Option<BufWriter<Box<dyn FileWriter>>>,
    completed: bool,
    /// Somebody else waits until the file is durable.
    unsynced: bool,
    /// The block whose turn it is.
    next_block: u64,
    /// Lines before the first block, and before that block, the header included.
    lines_before: u64,
    lines: u64,
    waiting: BTreeMap<u64, (u32, BlockRejects)>,
    scratch: Vec<u8>,
}

impl RejectsWriter {
    /// Nothing is created before the first rejected row. Without a `path` rows are dropped. The file of a part, before which are
    /// `part` lines without the header, is made durable by whoever has cut the scan.
    pub(crate) fn new(path: Option<Location>, part: Option<u64>) -> RejectsWriter {
        let lines = 1 + part.unwrap_or(0);
        RejectsWriter {
            path,
            file: None,
            completed: false,
            unsynced: part.is_some(),
            next_block: 0,
            lines_before: lines,
            lines,
            waiting: BTreeMap::new(),
            scratch: Vec::new(),
        }
    }

    /// Hands in what block number `block` (from 0) rejected, and how many lines it has.
    pub(crate) fn submit(
        &mut self,
        block: u64,
        lines: u32,
        rejects: BlockRejects,
    ) -> Result<(), CsvError> {
        self.waiting.insert(block, (lines, rejects));
        while let Some((lines, rejects)) = self.waiting.remove(&self.next_block) {
            self.write(&rejects)?;
            self.next_block += 1;
            self.lines += u64::from(lines);
        }
        Ok(())
    }

    fn write(&mut self, rejects: &BlockRejects) -> Result<(), CsvError> {
        let Some(path) = &self.path else { return Ok(()) };
        if rejects.rows.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(path)?),
        };
        self.scratch.clear();
        let mut start = 0;
        for row in &rejects.rows {
            let text = rejects.text.get(start..row.text_end).unwrap_or_default();
            start = row.text_end;
            let number = self.lines + u64::from(row.line) + 1;
            push_number(&mut self.scratch, number);
            self.scratch.push(b',');
            self.scratch.extend_from_slice(row.reason.name().as_bytes());
            self.scratch.push(b',');
            if row.detail != Detail::WellFormed {
                // Writing to a Vec cannot fail.
                let _ = write!(self.scratch, "{}", row.detail);
            }
            self.scratch.push(b',');
            push_quoted(&mut self.scratch, text);
            self.scratch.push(b'\n');
        }
        file.write_all(&self.scratch).map_err(|error| failed(path, error))
    }

    /// How many blocks have come, counted from the front up to the first that has not.
    pub(crate) fn blocks(&self) -> u64 {
        self.next_block
    }

    /// Lines of those blocks.
    pub(crate) fn lines(&self) -> u64 {
        self.lines - self.lines_before
    }

    /// Completes the file after the last block; it is durable then, unless it is a part's.
    pub(crate) fn complete(&mut self) -> Result<(), CsvError> {
        if let (Some(file), Some(path)) = (self.file.take(), &self.path) {
            let file = file.into_inner().map_err(|error| failed(path, error.into_error()))?;
            let finished = if self.unsynced { file.finish_unsynced() } else { file.finish() };
            finished.map_err(CsvError::Rejects)?;
            self.completed = true;
        }
        Ok(())
    }

    /// The file, if there were any rejects.
    pub(crate) fn location(&self) -> Option<&Location> {
        self.path.as_ref().filter(|_| self.completed || self.file.is_some())
    }
}

fn create(path: &Location) -> Result<BufWriter<Box<dyn FileWriter>>, CsvError> {
    let file = path.create().map_err(CsvError::Rejects)?;
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    file.write_all(b"line,reason,detail,row\n").map_err(|error| failed(path, error))?;
    Ok(file)
}

fn failed(path: &Location, error: std::io::Error) -> CsvError {
    CsvError::Rejects(StoreError::from_io("write", path.to_string(), error))
}

/// A quarter of all rows of a real shop is rejected (no customer), so this has to be quick: the formatting machinery stood out in profiles.
fn push_number(to: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[start..]);
}

fn push_quoted(to: &mut Vec<u8>, text: &[u8]) {
    to.push(b'"');
    let mut rest = text;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        to.extend_from_slice(&rest[..=quote]);
        to.push(b'"');
        rest = &rest[quote + 1..];
    }
    to.extend_from_slice(rest);
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects(rows: &[(u32, &str)]) -> BlockRejects {
        let mut block = BlockRejects::default();
        for &(line, row) in rows {
            block.push(line, Rejection::Malformed, Detail::Price, row.as_bytes());
        }
        block
    }

    #[test]
    fn blocks_in_any_order_give_line_numbers_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/x.csv");
        let mut writer = RejectsWriter::new(Some(Location::local(&path)), None);
        writer.submit(2, 1, rejects(&[(0, "c")])).unwrap();
        writer.submit(1, 5, rejects(&[(4, "b\"b")])).unwrap();
        assert!(!path.exists());
        writer.submit(0, 10, rejects(&[(0, "a,a")])).unwrap();
        writer.complete().unwrap();
        assert_eq!(writer.location(), Some(&Location::local(&path)));
        let price = "malformed,the price is not a decimal number";
        let expected = format!(
            "line,reason,detail,row\n2,{price},\"a,a\"\n16,{price},\"b\"\"b\"\n17,{price},\"c\"\n"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 1_234_567, u64::MAX] {
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
        }
    }

    #[test]
    fn no_rejects_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let mut writer = RejectsWriter::new(Some(Location::local(&path)), Some(7));
        writer.submit(0, 10, BlockRejects::default()).unwrap();
        writer.complete().unwrap();
        assert_eq!(writer.location(), None);
        assert!(!path.exists());
    }
}
