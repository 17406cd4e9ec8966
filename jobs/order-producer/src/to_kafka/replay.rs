//! The order lines of a CSV file, one after the other.
//!
//! Rows are taken as the batch job takes them: columns by name, a line break ends a row even inside quotes. But a row that
//! counts for nothing there, a return or an order without a customer, is an order here.

mod fields;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use job_kit::exit::UsageError;
use order_message::Order;
use order_model::{DateFormat, Money, Timestamp};

use fields::{Columns, customer, integer, split};

/// A line beyond it is no order; the batch job does not read it either.
const MAX_LINE: u64 = 1 << 20;
/// Rows that are no orders are told one by one up to this number.
const SHOWN: u64 = 3;

/// Reads the rows of a file.
pub(super) struct Replay {
    path: String,
    input: Box<dyn BufRead>,
    columns: Columns,
    format: Option<DateFormat>,
    number: u64,
    line: Vec<u8>,
    /// The fields of the row with their quotes taken away, side by side.
    text: Vec<u8>,
    fields: Vec<Range<usize>>,
    row: Option<Row>,
    description: Option<String>,
    skipped: Skipped,
}

/// What of a row is not text.
#[derive(Clone, Copy, Debug)]
struct Row {
    quantity: i32,
    event_time: Timestamp,
    unit_price: Money,
    customer_id: Option<i64>,
}

/// Rows that are no orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// How many, by what is wrong with them.
    pub(super) by_reason: BTreeMap<&'static str, u64>,
}

impl Skipped {
    pub(super) fn total(&self) -> u64 {
        self.by_reason.values().sum()
    }
}

impl Replay {
    /// Opens a file, gzip-compressed if its name ends in .gz, and reads its header. `format` is needed only where days come
    /// first: all other formats tell themselves.
    ///
    /// # Errors
    /// No such file, or one without the columns of orders.
    pub(super) fn open(path: &str, format: Option<DateFormat>) -> Result<Self> {
        let file = File::open(path)
            .and_then(|file| match file.metadata()?.is_dir() {
                true => Err(std::io::ErrorKind::IsADirectory.into()),
                false => Ok(file),
            })
            .map_err(|error| UsageError(format!("cannot replay {path}: {error}")))?;
        let plain = BufReader::with_capacity(1 << 18, file);
        let input: Box<dyn BufRead> = if path.ends_with(".gz") {
            Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        let mut replay = Self {
            path: path.to_owned(),
            input,
            columns: Columns::default(),
            format,
            number: 0,
            line: Vec::new(),
            text: Vec::new(),
            fields: Vec::new(),
            row: None,
            description: None,
            skipped: Skipped::default(),
        };
        replay.read_line()?;
        let header = replay.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&replay.line);
        replay.columns = Columns::read(header)
            .map_err(|message| UsageError(format!("cannot replay {path}: {message}")))?;
        Ok(replay)
    }

    /// Goes on to the next row that is an order; false at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub(super) fn advance(&mut self) -> Result<bool> {
        while self.read_line()? {
            if self.line.is_empty() {
                continue;
            }
            match self.read_row() {
                Ok(row) => {
                    self.row = Some(row);
                    return Ok(true);
                }
                Err(reason) => self.skip(reason),
            }
        }
        self.row = None;
        Ok(false)
    }

    /// The order that [`Replay::advance`] went to.
    pub(super) fn order(&self) -> Option<Order<'_>> {
        let row = self.row?;
        let some = |text: &'_ str| !text.trim().is_empty();
        let description = match &self.description {
            Some(text) => Some(text.as_str()),
            None => self.columns.description.and_then(|column| self.text_of(column)),
        };
        Some(Order {
            invoice_no: self.text_of(self.columns.invoice)?.trim(),
            stock_code: self.text_of(self.columns.stock_code)?.trim(),
            description: description.filter(|text| some(text)),
            quantity: row.quantity,
            event_time: row.event_time,
            unit_price: row.unit_price,
            customer_id: row.customer_id,
            country: self.text_of(self.columns.country).filter(|text| some(text)),
        })
    }

    /// What was not sent so far.
    pub(super) fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Reads a line without its end; false at the end of the file. A line that is too long is cut to just beyond the limit.
    fn read_line(&mut self) -> Result<bool> {
        self.line.clear();
        let path = &self.path;
        let failed = || format!("cannot read {path} after line {}", self.number);
        let read = (&mut self.input).take(MAX_LINE + 2).read_until(b'\n', &mut self.line);
        if read.with_context(failed)? == 0 {
            return Ok(false);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        } else {
            self.input.skip_until(b'\n').with_context(failed)?;
        }
        self.number += 1;
        Ok(true)
    }

    fn read_row(&mut self) -> Result<Row, &'static str> {
        if self.line.len() as u64 > MAX_LINE {
            return Err("line too long");
        }
        split(&self.line, &mut self.text, &mut self.fields)?;
        if self.fields.len() != self.columns.count {
            return Err("wrong number of fields");
        }
        let bytes =
            |column: usize| self.fields.get(column).map_or(&[][..], |f| &self.text[f.clone()]);
        let (invoice, stock_code) = (bytes(self.columns.invoice), bytes(self.columns.stock_code));
        for (field, blank, not_text) in [
            (invoice, "no invoice number", "invoice number is not UTF-8"),
            (stock_code, "no stock code", "stock code is not UTF-8"),
        ] {
            match std::str::from_utf8(field) {
                Ok(text) if text.trim().is_empty() => return Err(blank),
                Ok(_) => {}
                Err(_) => return Err(not_text),
            }
        }
        let quantity =
            integer(bytes(self.columns.quantity)).ok_or("quantity is no whole number")?;
        let quantity = i32::try_from(quantity).map_err(|_| "quantity is too large")?;
        let date = bytes(self.columns.invoice_date);
        let event_time = match self.format {
            Some(format) => format.parse(date),
            None => DateFormat::parse_any(date),
        };
        let event_time = event_time.ok_or("date is none")?;
        let unit_price =
            Money::parse(bytes(self.columns.unit_price)).map_err(|_| "price is no amount")?;
        let customer_id =
            customer(bytes(self.columns.customer_id)).map_err(|()| "customer id is no number")?;
        if std::str::from_utf8(bytes(self.columns.country)).is_err() {
            return Err("country is not UTF-8");
        }
        // What is in the description decides nothing.
        let description = self.columns.description.map(bytes).unwrap_or_default();
        self.description = match std::str::from_utf8(description) {
            Ok(_) => None,
            Err(_) => Some(String::from_utf8_lossy(description).into_owned()),
        };
        Ok(Row { quantity, event_time, unit_price, customer_id })
    }

    #[cold]
    fn skip(&mut self, reason: &'static str) {
        if self.skipped.total() < SHOWN {
            let start: String = String::from_utf8_lossy(&self.line).chars().take(120).collect();
            tracing::warn!(
                file = %self.path, line = self.number, reason, row = ?start, "a row is no order and is not sent"
            );
        }
        *self.skipped.by_reason.entry(reason).or_default() += 1;
    }

    fn text_of(&self, column: usize) -> Option<&str> {
        std::str::from_utf8(&self.text[self.fields.get(column)?.clone()]).ok()
    }
}

#[cfg(test)]
mod tests;
