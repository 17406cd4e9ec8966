//! Invoices to CSV text. Nothing is formatted that was formatted before: a product's code,
//! description and prices and an invoice's number, date, customer and country are copied.

use crate::catalogue::{Tier, push_field};
use crate::customers::{Customer, CustomerKind, HOME};
use crate::faults::{Fields, WAYS, push_malformed};
use crate::numbers::{push_int, push_price, push_uint};
use crate::plan::{InvoiceKind, PlannedInvoice};
use crate::random::{Random, Threshold};
use crate::seasons::Minute;
use crate::summary::Summary;
use crate::tables::Tables;
use crate::words::STOCK_NOTES;

/// From so many pieces on a line is sold at the wholesale price.
const WHOLESALE: u32 = 24;

/// How often single lines go wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRates {
    pub(crate) fault: Threshold,
    pub(crate) duplicate: Threshold,
    /// Missing description in a line of price 0, and in any other.
    pub(crate) undescribed_free: Threshold,
    pub(crate) undescribed: Threshold,
}

/// Writes the invoices of one chunk.
#[derive(Debug)]
pub(crate) struct Renderer<'a> {
    tables: &'a Tables,
    rates: LineRates,
    random: &'a mut Random,
    pub(crate) csv: Vec<u8>,
    pub(crate) summary: Summary,
    invoice: InvoiceText,
    /// The last invoice that sold a product: two lines are equal only when meant to be.
    last_sold: Vec<u32>,
    /// The good lines of the invoice at hand.
    lines: Vec<GoodLine>,
    quantity: Vec<u8>,
    price: Vec<u8>,
}

/// Where a line is in the text.
#[derive(Clone, Copy, Debug)]
struct GoodLine {
    start: usize,
    end: usize,
    undescribed: bool,
}

/// The fields that all lines of an invoice share, each followed by its comma or line end.
#[derive(Debug, Default)]
struct InvoiceText {
    number: Vec<u8>,
    date: Vec<u8>,
    /// `,CustomerID,Country` and the line end.
    tail: Vec<u8>,
    customer_end: usize,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(
        tables: &'a Tables,
        rates: LineRates,
        random: &'a mut Random,
        lines: u64,
    ) -> Self {
        Self {
            tables,
            rates,
            random,
            csv: Vec::with_capacity(lines as usize * 92),
            summary: Summary::default(),
            invoice: InvoiceText::default(),
            last_sold: vec![0; tables.catalogue.len()],
            lines: Vec::new(),
            quantity: Vec::new(),
            price: Vec::new(),
        }
    }

    /// Appends an invoice; `buyer` is the customer that `planned` names. Gives back how many of
    /// its lines count as a purchase.
    pub(crate) fn invoice(
        &mut self,
        number: u64,
        planned: &PlannedInvoice,
        at: Minute,
        buyer: Option<Customer>,
    ) -> u64 {
        self.begin(number, planned.kind, at, buyer);
        self.summary.invoices += 1;
        let kept_before = self.summary.kept_lines;
        match planned.kind {
            InvoiceKind::Order(_) | InvoiceKind::Anonymous => {
                self.purchase(planned, buyer.is_some_and(|buyer| buyer.country != HOME));
            }
            InvoiceKind::Cancellation => self.cancellation(planned.lines),
            InvoiceKind::WriteOff { free } => self.write_off(free),
            InvoiceKind::Giveaway => self.giveaway(),
            InvoiceKind::Adjustment => self.adjustment(),
        }
        self.summary.kept_lines - kept_before
    }

    fn begin(&mut self, number: u64, kind: InvoiceKind, at: Minute, buyer: Option<Customer>) {
        let text = &mut self.invoice;
        text.number.clear();
        match kind {
            InvoiceKind::Cancellation => text.number.push(b'C'),
            InvoiceKind::Adjustment => text.number.push(b'A'),
            _ => {}
        }
        push_uint(&mut text.number, number);
        text.number.push(b',');
        text.date.clear();
        text.date.push(b',');
        let (year, month, day) = at.date.ymd();
        push_uint(&mut text.date, month.into());
        text.date.push(b'/');
        push_uint(&mut text.date, day.into());
        text.date.push(b'/');
        push_int(&mut text.date, year.into());
        text.date.push(b' ');
        push_uint(&mut text.date, at.hour.into());
        text.date.push(b':');
        text.date.push(b'0' + (at.minute / 10) as u8);
        text.date.push(b'0' + (at.minute % 10) as u8);
        text.date.push(b',');
        text.tail.clear();
        text.tail.push(b',');
        if let Some(buyer) = buyer {
            push_uint(&mut text.tail, buyer.id);
        }
        text.customer_end = text.tail.len();
        text.tail.push(b',');
        text.tail.extend_from_slice(buyer.map_or(HOME, |buyer| buyer.country).as_bytes());
        text.tail.extend_from_slice(b"\r\n");
        self.lines.clear();
    }

    fn purchase(&mut self, planned: &PlannedInvoice, abroad: bool) {
        let tables = self.tables;
        let anonymous = planned.kind == InvoiceKind::Anonymous;
        let quantities = match planned.kind {
            InvoiceKind::Anonymous => &tables.anonymous_quantities,
            InvoiceKind::Order(CustomerKind::Vip) => &tables.vip_quantities,
            _ => &tables.quantities,
        };
        // Orders of the web shop, which ask for no account, and orders from abroad carry postage.
        let postage = planned.lines > 2
            && ((anonymous && self.random.chance(0.6)) || (abroad && self.random.chance(0.7)));
        let goods = planned.lines - u64::from(postage);
        for _ in 0..goods {
            let chance = self.random.bits();
            if self.faulty((chance >> 32) as u32) {
                continue;
            }
            if self.rates.duplicate.hit(chance as u32) && self.repeat_line() {
                self.count_purchase(anonymous);
                continue;
            }
            let product = self.fresh_product();
            let bits = self.random.bits();
            let pieces = quantities.draw(bits);
            let tier = match (anonymous, pieces >= WHOLESALE) {
                (true, _) => Tier::Retail,
                (false, true) => Tier::Wholesale,
                (false, false) => Tier::Base,
            };
            self.quantity.clear();
            push_uint(&mut self.quantity, pieces.into());
            let undescribed = self.rates.undescribed.hit((bits >> 16) as u32);
            self.product_line(product, tables.catalogue.price(product, tier), undescribed);
            self.count_purchase(anonymous);
        }
        if postage {
            if anonymous {
                let pennies = self.random.between(1_000, 90_000);
                self.special_line(b"DOT,DOTCOM POSTAGE,", 1, i64::from(pennies) * 10);
            } else {
                let pieces = i64::from(self.random.between(1, 4));
                self.special_line(b"POST,POSTAGE,", pieces, 18_000);
            }
        }
    }

    fn cancellation(&mut self, lines: u64) {
        let tables = self.tables;
        for _ in 0..lines {
            let chance = self.random.bits();
            if self.faulty((chance >> 32) as u32) {
                continue;
            }
            let pennies = i64::from(self.random.between(100, 20_000));
            match chance % 16 {
                0 => self.special_line(b"D,Discount,", -1, pennies * 10),
                1 => self.special_line(b"M,Manual,", -1, pennies * 10),
                _ => {
                    let product = self.fresh_product();
                    let pieces = tables.quantities.draw(self.random.bits());
                    self.quantity.clear();
                    push_int(&mut self.quantity, -i64::from(pieces));
                    let price = tables.catalogue.price(product, Tier::Base);
                    self.product_line(product, price, false);
                    self.count_nameless();
                    self.summary.cancelled_lines += 1;
                }
            }
        }
    }

    fn write_off(&mut self, free: bool) {
        if self.fault_by_chance() {
            return;
        }
        let pieces = -i64::from(self.random.between(1, 240));
        self.stock_line(pieces, free);
        self.summary.negative_quantity_lines += 1;
    }

    fn giveaway(&mut self) {
        if self.fault_by_chance() {
            return;
        }
        let pieces = i64::from(self.random.between(1, 60));
        self.stock_line(pieces, true);
    }

    fn adjustment(&mut self) {
        if self.fault_by_chance() {
            return;
        }
        let pennies = i64::from(self.random.between(100_000, 2_000_000));
        let sign = if self.random.chance(2.0 / 3.0) { -1 } else { 1 };
        self.special_line(b"B,Adjust bad debt,", 1, sign * pennies * 10);
    }

    /// A stock correction: a product with a note in place of its description, or none.
    fn stock_line(&mut self, pieces: i64, free: bool) {
        let tables = self.tables;
        let product = self.fresh_product();
        let bits = self.random.bits() as u32;
        let gate = if free { self.rates.undescribed_free } else { self.rates.undescribed };
        let undescribed = gate.hit(bits);
        let note = if undescribed { "" } else { self.random.pick(STOCK_NOTES).unwrap_or("?") };
        let mut field = tables.catalogue.code(product).to_vec();
        field.push(b',');
        push_field(&mut field, note);
        field.push(b',');
        self.quantity.clear();
        push_int(&mut self.quantity, pieces);
        let price =
            if free { b"0".as_slice() } else { tables.catalogue.price(product, Tier::Base) };
        self.push_line(&field, price, undescribed);
        self.count_nameless();
        self.summary.zero_price_lines += u64::from(free);
    }

    /// A line that is no product, its price in thousandths.
    fn special_line(&mut self, code_and_description: &[u8], pieces: i64, price: i64) {
        if self.fault_by_chance() {
            return;
        }
        self.quantity.clear();
        push_int(&mut self.quantity, pieces);
        let mut text = std::mem::take(&mut self.price);
        text.clear();
        push_price(&mut text, price);
        self.push_line(code_and_description, &text, false);
        self.price = text;
        self.count_chance_duplicate();
        match self.invoice.number.first() {
            Some(b'C') => self.summary.cancelled_lines += 1,
            Some(b'A') => self.summary.adjustment_lines += 1,
            _ => {
                self.summary.kept_lines += u64::from(self.invoice.customer_end > 1);
            }
        }
        self.count_nameless();
    }

    /// No product is in an invoice twice unless a line is to be repeated; two discounts may be of the same amount.
    fn count_chance_duplicate(&mut self) {
        let text = |line: &GoodLine| self.csv.get(line.start..line.end);
        if let Some((last, earlier)) = self.lines.split_last() {
            let repeated = earlier.iter().any(|line| text(line) == text(last));
            self.summary.duplicate_lines += u64::from(repeated);
        }
    }

    #[inline]
    fn product_line(&mut self, product: usize, price: &[u8], undescribed: bool) {
        let catalogue = &self.tables.catalogue;
        if undescribed {
            let mut field = catalogue.code(product).to_vec();
            field.extend_from_slice(b",,");
            self.push_line(&field, price, true);
        } else {
            self.push_line(catalogue.code_and_description(product), price, false);
        }
    }

    #[inline]
    fn push_line(&mut self, code_and_description: &[u8], price: &[u8], undescribed: bool) {
        let start = self.csv.len();
        self.csv.extend_from_slice(&self.invoice.number);
        self.csv.extend_from_slice(code_and_description);
        self.csv.extend_from_slice(&self.quantity);
        self.csv.extend_from_slice(&self.invoice.date);
        self.csv.extend_from_slice(price);
        self.csv.extend_from_slice(&self.invoice.tail);
        self.lines.push(GoodLine { start, end: self.csv.len(), undescribed });
        self.summary.lines += 1;
        self.summary.missing_description_lines += u64::from(undescribed);
    }

    /// Repeats one of the last lines of the invoice, if there is one.
    fn repeat_line(&mut self) -> bool {
        let recent = self.lines.len().min(4) as u32;
        if recent == 0 {
            return false;
        }
        let back = 1 + self.random.below(recent) as usize;
        let GoodLine { start, end, undescribed } = self.lines[self.lines.len() - back];
        self.csv.extend_from_within(start..end);
        self.summary.lines += 1;
        self.summary.duplicate_lines += 1;
        self.summary.missing_description_lines += u64::from(undescribed);
        true
    }

    /// A product that the invoice at hand has not sold yet.
    #[inline]
    fn fresh_product(&mut self) -> usize {
        let catalogue = &self.tables.catalogue;
        let invoice = self.summary.invoices as u32;
        let mut product = catalogue.draw(self.random.bits());
        // Large invoices meet sold products often; the next one in the catalogue is less popular.
        for _ in 0..catalogue.len() {
            if self.last_sold[product] != invoice {
                break;
            }
            product = (product + 1) % catalogue.len();
        }
        self.last_sold[product] = invoice;
        product
    }

    fn fault_by_chance(&mut self) -> bool {
        let chance = (self.random.bits() >> 32) as u32;
        self.faulty(chance)
    }

    /// Writes a malformed line in place of a good one if `chance` says so.
    #[inline]
    fn faulty(&mut self, chance: u32) -> bool {
        if !self.rates.fault.hit(chance) {
            return false;
        }
        self.malformed_line();
        true
    }

    #[cold]
    fn malformed_line(&mut self) {
        let catalogue = &self.tables.catalogue;
        let product = catalogue.draw(self.random.bits());
        let InvoiceText { number, date, tail, customer_end } = &self.invoice;
        let good = Fields {
            invoice: &number[..number.len() - 1],
            code_and_description: catalogue.code_and_description(product),
            code: catalogue.code(product),
            quantity: b"6",
            date: &date[1..date.len() - 1],
            price: catalogue.price(product, Tier::Base),
            customer: &tail[1..*customer_end],
            country: &tail[customer_end + 1..tail.len() - 2],
        };
        push_malformed(&mut self.csv, self.random.below(WAYS), good);
        self.summary.lines += 1;
        self.summary.faults += 1;
    }

    #[inline]
    fn count_purchase(&mut self, anonymous: bool) {
        if anonymous {
            self.summary.missing_customer_lines += 1;
        } else {
            self.summary.kept_lines += 1;
        }
    }

    fn count_nameless(&mut self) {
        self.summary.missing_customer_lines += u64::from(self.invoice.customer_end == 1);
    }
}
