//! Rows that do not count, kept beside the result.
//!
//! One rejects file for each input file that has any: `line,reason,detail,row`, in the order of the input. `line` is the
//! line's number in the (decompressed) input file, the header being line 1; `row` is the line as it was read.
//! Blocks are scanned in any order by several threads, and only the number of lines in all earlier blocks tells a line's number: it is
//! put in front of a row when the block's turn has come ([`RejectsFile`]), all else is made by the thread that has read the row.

mod file;

use std::fmt;
use std::io::Write as _;
use std::sync::LazyLock;

use order_model::Rejection;

pub(crate) use self::file::RejectsFile;

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
    /// The rows as they are in the file, without their numbers.
    text: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    /// From 0 in its block.
    line: u32,
    /// End of its bytes in `text`; they begin where the row before ends.
    text_end: usize,
}

/// What stands between the number and the row, of a row that is well-formed.
static BEFORE_ROW: LazyLock<[Vec<u8>; Rejection::ALL.len()]> =
    LazyLock::new(|| Rejection::ALL.map(|reason| format!(",{reason},,\"").into_bytes()));

impl BlockRejects {
    /// Adds row `line` (from 0 in the block).
    ///
    /// A quarter of all rows of a real shop is rejected (no customer), so this has to be quick: the formatting machinery stood out in
    /// profiles.
    #[inline]
    pub(crate) fn push(&mut self, line: u32, reason: Rejection, detail: Detail, row: &[u8]) {
        match (detail, BEFORE_ROW.get(reason.index())) {
            (Detail::WellFormed, Some(before)) => self.text.extend_from_slice(before),
            _ => {
                // Writing to a Vec cannot fail.
                let _ = write!(self.text, ",{reason},{detail},\"");
            }
        }
        let mut rest = row;
        while let Some(quote) = memchr::memchr(b'"', rest) {
            self.text.extend_from_slice(&rest[..=quote]);
            self.text.push(b'"');
            rest = &rest[quote + 1..];
        }
        self.text.extend_from_slice(rest);
        self.text.extend_from_slice(b"\"\n");
        self.rows.push(Row { line, text_end: self.text.len() });
    }

    /// Appends the rows to `to`, each with its number in the file. `lines` are before the block.
    fn write_to(&self, to: &mut Vec<u8>, lines: u64) {
        let mut digits = itoa::Buffer::new();
        let mut start = 0;
        to.reserve(self.text.len() + self.rows.len() * 12);
        for row in &self.rows {
            to.extend_from_slice(digits.format(lines + u64::from(row.line) + 1).as_bytes());
            to.extend_from_slice(self.text.get(start..row.text_end).unwrap_or_default());
            start = row.text_end;
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
    }
}
