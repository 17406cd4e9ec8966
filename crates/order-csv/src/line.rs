//! One line: fields -> values -> counted, or rejected with a detail.

use order_model::{DateFormat, Money, MoneyError, Rejection, Timestamp, clean_line};

use crate::header::Columns;
use crate::rejects::Detail;
use crate::runs::{Run, RunsBuilder};
use crate::text::{self, LastText};

/// Ranges of a line's fields in its buffer.
pub(crate) trait Fields {
    /// Start and end of field `index`, which is below the header's count.
    fn range(&self, index: usize) -> (usize, usize);
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Kept,
    /// A purchase on or after the snapshot date.
    AfterSnapshot,
    Rejected(Rejection, Detail),
}

/// Reads lines and adds up runs. The lines of an invoice follow each other, so customer, invoice, date and country are
/// mostly those of the line before, and are then not read again.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// Purchases at or after this instant are left out.
    until: Timestamp,
    whole_lines: bool,
    invoice: LastText,
    invoice_fault: Option<Detail>,
    customer: LastText,
    customer_id: Result<Option<i64>, ()>,
    date: LastText,
    instant: Option<Timestamp>,
    country: LastText,
    country_ok: bool,
    run: Option<OpenRun>,
}

/// The run that is being added up. Its invoice, customer and country are the reader's last ones.
#[derive(Debug)]
struct OpenRun {
    amount: Money,
    lines: i64,
    last: Timestamp,
}

impl LineReader {
    pub(crate) fn new(until: Option<Timestamp>, whole_lines: bool) -> LineReader {
        LineReader {
            until: until.unwrap_or(Timestamp::from_micros(i64::MAX)),
            whole_lines,
            invoice: LastText::default(),
            invoice_fault: None,
            customer: LastText::default(),
            customer_id: Ok(None),
            date: LastText::default(),
            instant: None,
            country: LastText::default(),
            country_ok: false,
            run: None,
        }
    }

    /// Forgets the last line: before a file with another date format or other columns.
    pub(crate) fn start_file(&mut self, runs: &mut RunsBuilder) {
        self.end_run(runs);
        *self = LineReader::new(Some(self.until), self.whole_lines);
    }

    /// Reads one line whose fields lie in `data`; `line` is its text. A purchase is added to the open run, or, if it
    /// belongs to another, to a new one; the old one then goes to `runs`.
    #[inline]
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        fields: &impl Fields,
        columns: &Columns,
        format: Option<DateFormat>,
        line: &[u8],
        runs: &mut RunsBuilder,
    ) -> Outcome {
        // A run's invoice, customer and country are those of the line before, so it ends before they change.
        let (start, end) = fields.range(columns.invoice);
        if !self.invoice.is_same(data, start, end) {
            self.end_run(runs);
            self.invoice.set(data, start, end);
            self.invoice_fault = invoice_fault(self.invoice.bytes());
        }
        let (start, end) = fields.range(columns.customer_id);
        if !self.customer.is_same(data, start, end) {
            self.end_run(runs);
            self.customer.set(data, start, end);
            self.customer_id = text::customer(self.customer.bytes());
        }
        let (start, end) = fields.range(columns.country);
        if !self.country.is_same(data, start, end) {
            self.end_run(runs);
            self.country.set(data, start, end);
            self.country_ok = std::str::from_utf8(self.country.bytes()).is_ok();
        }
        let (start, end) = fields.range(columns.invoice_date);
        if !self.date.is_same(data, start, end) {
            self.date.set(data, start, end);
            self.instant = match format {
                Some(format) => format.parse(self.date.bytes()),
                None => DateFormat::parse_any(self.date.bytes()),
            };
        }
        let (start, end) = fields.range(columns.quantity);
        let quantity = text::integer(data, start, end);
        let (start, end) = fields.range(columns.unit_price);
        let price = text::price(data, start, end);
        match self.purchase(quantity, price) {
            Err((reason, detail)) => Outcome::Rejected(reason, detail),
            Ok((last, _)) if last >= self.until => Outcome::AfterSnapshot,
            Ok((last, amount)) => {
                if self.whole_lines {
                    self.emit(&OpenRun { amount, lines: 1, last }, line, runs);
                } else if let Some(run) = &mut self.run {
                    run.amount += amount;
                    run.lines += 1;
                    run.last = run.last.max(last);
                } else {
                    self.run = Some(OpenRun { amount, lines: 1, last });
                }
                Outcome::Kept
            }
        }
    }

    /// The instant and amount of the line, if it is a purchase.
    #[inline(always)]
    fn purchase(
        &self,
        quantity: Option<i64>,
        price: Result<Money, MoneyError>,
    ) -> Result<(Timestamp, Money), (Rejection, Detail)> {
        let malformed = |detail| (Rejection::Malformed, detail);
        if let Some(fault) = self.invoice_fault {
            return Err(malformed(fault));
        }
        let quantity = quantity.ok_or(malformed(Detail::Quantity))?;
        if i32::try_from(quantity).is_err() {
            return Err(malformed(Detail::QuantityRange));
        }
        let instant = self.instant.ok_or(malformed(Detail::Date))?;
        let price = price.map_err(|error| {
            malformed(match error {
                MoneyError::NotANumber => Detail::Price,
                MoneyError::TooPrecise => Detail::PriceDecimals,
                MoneyError::OutOfRange => Detail::PriceRange,
            })
        })?;
        let customer = self.customer_id.map_err(|()| malformed(Detail::Customer))?;
        if !self.country_ok {
            return Err(malformed(Detail::CountryNotUtf8));
        }
        let amount = price * quantity;
        if !amount.fits_decimal_20_4() {
            return Err(malformed(Detail::AmountRange));
        }
        clean_line(self.invoice.bytes(), customer, quantity, price)
            .map_err(|reason| (reason, Detail::WellFormed))?;
        Ok((instant, amount))
    }

    /// Puts the open run, if there is one, into `runs`.
    #[inline]
    pub(crate) fn end_run(&mut self, runs: &mut RunsBuilder) {
        if let Some(run) = self.run.take() {
            self.emit(&run, &[], runs);
        }
    }

    fn emit(&self, run: &OpenRun, line: &[u8], runs: &mut RunsBuilder) {
        // Only kept lines open runs, and those have a customer and a readable invoice.
        let (Ok(Some(customer_id)), Ok(invoice)) =
            (self.customer_id, std::str::from_utf8(self.invoice.bytes()))
        else {
            return;
        };
        runs.push(&Run {
            customer_id,
            invoice,
            amount: run.amount,
            lines: run.lines,
            last: run.last,
            country: self.country.bytes(),
            line,
        });
    }
}

fn invoice_fault(invoice: &[u8]) -> Option<Detail> {
    if invoice.trim_ascii().is_empty() {
        Some(Detail::NoInvoice)
    } else if std::str::from_utf8(invoice).is_err() {
        Some(Detail::InvoiceNotUtf8)
    } else {
        None
    }
}
