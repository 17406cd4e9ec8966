//! Orders as they come in: without end, line by line, for whoever sends them as messages.
//!
//! The same products, prices, quantities and customers as in the files, and the same kinds of dirt, but no seasons: the
//! sender's clock says when an order is placed. A batch layer that has read a file of this seed and number of customers
//! therefore knows the customers, apart from the share that is meant to be unknown.

mod buyers;
mod products;

use order_model::Money;

use crate::config::{Dirt, GeneratorConfig, GeneratorError};
use crate::customers::{CustomerKind, HOME};
use crate::numbers::push_uint;
use crate::random::{Random, Threshold, WeightedIndex, quantile};
use crate::tables::Tables;
use crate::words::STOCK_NOTES;
use buyers::{Buyer, Buyers};
use products::Products;

/// Above the numbers of a file of the default size.
const FIRST_INVOICE: u64 = 600_000;
/// The part of the seed's randomness that no chunk of a file uses.
const LIVE_PART: u64 = 1 << 63;

/// Lines of an order by share of orders: shorter than in the files, so that an order is complete while one watches.
const LINES: [(f64, f64); 6] =
    [(0.0, 1.0), (0.15, 2.0), (0.4, 4.0), (0.7, 8.0), (0.9, 15.0), (1.0, 21.0)];
const CANCELLED_LINES: [(f64, f64); 4] = [(0.0, 1.0), (0.65, 1.0), (0.9, 4.0), (1.0, 8.0)];

/// From so many pieces on a line is sold at the wholesale price.
const WHOLESALE: u32 = 24;
const POSTAGE: Money = Money::from_ten_thousandths(180_000);

/// Everything the orders depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveConfig {
    /// As in [`GeneratorConfig`]: it makes the customers.
    pub seed: u64,
    /// How many customers the shop knows, at least 1; those of a file with as many.
    pub customers: u64,
    /// Ids to use instead of the made-up ones, as many as there are customers then; in any order.
    pub customer_ids: Option<Vec<i64>>,
    /// Share of the orders with a customer that are of one the shop does not know yet, 0 to 1.
    pub unknown_customers: f64,
    /// Shares of all lines, as in a file.
    pub dirt: Dirt,
}

impl Default for LiveConfig {
    /// The customers of a file of the default size.
    fn default() -> Self {
        Self {
            seed: 42,
            customers: GeneratorConfig::default().customer_count(),
            customer_ids: None,
            unknown_customers: 0.05,
            dirt: Dirt::default(),
        }
    }
}

/// A line of an order, for the moment at which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveLine<'a> {
    /// With prefix `C` for a cancellation and `A` for an adjustment.
    pub invoice_no: &'a str,
    pub stock_code: &'a str,
    /// `None` for a line that has none.
    pub description: Option<&'a str>,
    /// In pieces; negative for a return or a write-off.
    pub quantity: i32,
    pub unit_price: Money,
    /// `None` for an order that nobody known placed.
    pub customer_id: Option<i64>,
    pub country: &'static str,
}

/// An endless source of order lines. The same configuration gives the same lines.
#[derive(Debug)]
pub struct LiveOrders {
    random: Random,
    tables: Tables,
    products: Products,
    buyers: Buyers,
    kinds: WeightedIndex,
    rates: Rates,
    next_number: u64,
    /// The invoice that last sold each product: two lines are equal only when meant to be.
    last_sold: Vec<u32>,
    invoice: Invoice,
}

#[derive(Clone, Copy, Debug)]
struct Rates {
    duplicate: Threshold,
    undescribed_free: Threshold,
    undescribed: Threshold,
    /// Whether lines may lack a customer at all.
    nameless: bool,
}

/// The kinds of invoices, in the order of their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Order,
    Anonymous,
    Cancellation,
    FreeWriteOff,
    PaidWriteOff,
    Giveaway,
    Adjustment,
}

const KINDS: [Kind; 7] = [
    Kind::Order,
    Kind::Anonymous,
    Kind::Cancellation,
    Kind::FreeWriteOff,
    Kind::PaidWriteOff,
    Kind::Giveaway,
    Kind::Adjustment,
];

/// The invoice that is being written.
#[derive(Debug)]
struct Invoice {
    kind: Kind,
    number: String,
    buyer: Option<Buyer>,
    lines_left: u64,
    postage: bool,
    last: Option<Line>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    goods: Goods,
    quantity: i32,
    price: Money,
}

/// What a line says was sold.
#[derive(Clone, Copy, Debug)]
enum Goods {
    Product(usize),
    /// A product with a note, or nothing, in place of its description.
    Noted(usize, Option<&'static str>),
    Special(&'static str, &'static str),
}

impl LiveOrders {
    /// Prepares the shop: a few milliseconds.
    ///
    /// # Errors
    /// [`GeneratorError`] names the field that cannot be used.
    pub fn new(config: LiveConfig) -> Result<Self, GeneratorError> {
        config.check()?;
        let LiveConfig { seed, customers, customer_ids, unknown_customers, dirt } = config;
        let tables = Tables::new();
        let free = dirt.zero_price;
        Ok(Self {
            random: Random::of_part(seed, LIVE_PART),
            products: Products::new(&tables.catalogue),
            buyers: Buyers::new(seed, customers as u32, customer_ids, unknown_customers),
            kinds: WeightedIndex::new(&kind_weights(&dirt)),
            rates: Rates {
                // The first line of an invoice has none to repeat.
                duplicate: Threshold::new(dirt.duplicates / (1.0 - 1.0 / mean(&LINES))),
                undescribed_free: Threshold::new(if free > 0.0 {
                    dirt.missing_description / free
                } else {
                    0.0
                }),
                undescribed: Threshold::new((dirt.missing_description - free).max(0.0)),
                nameless: dirt.missing_customer > 0.0,
            },
            next_number: FIRST_INVOICE,
            last_sold: vec![0; tables.catalogue.len()],
            tables,
            invoice: Invoice {
                kind: Kind::Order,
                number: String::new(),
                buyer: None,
                lines_left: 0,
                postage: false,
                last: None,
            },
        })
    }

    /// Goes on to the next line: of the invoice under way, or the first of a new one.
    pub fn advance(&mut self) {
        if self.invoice.lines_left == 0 {
            self.begin_invoice();
        }
        let line = self.draw_line();
        self.invoice.lines_left -= 1;
        self.invoice.last = Some(line);
    }

    /// The line that [`LiveOrders::advance`] went to; `None` before its first call.
    #[inline]
    pub fn line(&self) -> Option<LiveLine<'_>> {
        let invoice = &self.invoice;
        let line = invoice.last?;
        let (stock_code, description) = match line.goods {
            Goods::Product(product) => {
                (self.products.code(product), Some(self.products.description(product)))
            }
            Goods::Noted(product, note) => (self.products.code(product), note),
            Goods::Special(code, description) => (code, Some(description)),
        };
        Some(LiveLine {
            invoice_no: &invoice.number,
            stock_code,
            description,
            quantity: line.quantity,
            unit_price: line.price,
            customer_id: invoice.buyer.map(|buyer| buyer.id),
            country: invoice.buyer.map_or(HOME, |buyer| buyer.country),
        })
    }

    fn begin_invoice(&mut self) {
        let random = &mut self.random;
        let kind = KINDS[self.kinds.draw(random.bits())];
        let (points, nameless): (&[(f64, f64)], f64) = match kind {
            Kind::Order => (&LINES, 0.0),
            Kind::Anonymous => (&LINES, 1.0),
            Kind::Cancellation => (&CANCELLED_LINES, 0.041),
            Kind::Giveaway => (&[(1.0, 1.0)], 0.966),
            Kind::FreeWriteOff | Kind::PaidWriteOff | Kind::Adjustment => (&[(1.0, 1.0)], 1.0),
        };
        let lines = quantile(points, random.unit()) as u64;
        let named = kind != Kind::Anonymous && (!self.rates.nameless || !random.chance(nameless));
        let buyer = named.then(|| self.buyers.draw(random));
        let abroad = buyer.is_some_and(|buyer| buyer.country != HOME);
        let invoice = &mut self.invoice;
        let mut number = std::mem::take(&mut invoice.number).into_bytes();
        number.clear();
        match kind {
            Kind::Cancellation => number.push(b'C'),
            Kind::Adjustment => number.push(b'A'),
            _ => {}
        }
        push_uint(&mut number, self.next_number);
        self.next_number += 1;
        *invoice = Invoice {
            kind,
            // Digits and a letter.
            number: String::from_utf8(number).unwrap_or_default(),
            buyer,
            lines_left: lines,
            postage: kind == Kind::Order && abroad && lines > 2 && random.chance(0.7),
            last: None,
        };
    }

    fn draw_line(&mut self) -> Line {
        let chance = self.random.bits();
        match self.invoice.kind {
            Kind::Order | Kind::Anonymous => self.purchase(chance),
            Kind::Cancellation => {
                let product = self.fresh_product();
                let pieces = self.tables.quantities.draw(self.random.bits());
                let price = self.products.prices(product).base;
                Line { goods: Goods::Product(product), quantity: -(pieces as i32), price }
            }
            Kind::FreeWriteOff => {
                let pieces = -(self.random.between(1, 240) as i32);
                self.stock_line(pieces, true, chance as u32)
            }
            Kind::PaidWriteOff => {
                let pieces = -(self.random.between(1, 240) as i32);
                self.stock_line(pieces, false, chance as u32)
            }
            Kind::Giveaway => {
                let pieces = self.random.between(1, 60) as i32;
                self.stock_line(pieces, true, chance as u32)
            }
            Kind::Adjustment => {
                let pennies = i128::from(self.random.between(100_000, 2_000_000));
                let sign = if self.random.chance(2.0 / 3.0) { -1 } else { 1 };
                let price = Money::from_ten_thousandths(sign * pennies * 100);
                Line { goods: Goods::Special("B", "Adjust bad debt"), quantity: 1, price }
            }
        }
    }

    fn purchase(&mut self, chance: u64) -> Line {
        if let Some(last) = self.invoice.last
            && self.rates.duplicate.hit(chance as u32)
        {
            return last;
        }
        if self.invoice.postage && self.invoice.lines_left == 1 {
            let quantity = self.random.between(1, 4) as i32;
            return Line { goods: Goods::Special("POST", "POSTAGE"), quantity, price: POSTAGE };
        }
        let anonymous = self.invoice.kind == Kind::Anonymous;
        let product = self.fresh_product();
        let vip = self.invoice.buyer.is_some_and(|buyer| buyer.kind == CustomerKind::Vip);
        let quantities = match (anonymous, vip) {
            (true, _) => &self.tables.anonymous_quantities,
            (false, true) => &self.tables.vip_quantities,
            (false, false) => &self.tables.quantities,
        };
        let pieces = quantities.draw(self.random.bits());
        let prices = self.products.prices(product);
        let price = match (anonymous, pieces >= WHOLESALE) {
            (true, _) => prices.retail,
            (false, true) => prices.wholesale,
            (false, false) => prices.base,
        };
        let undescribed = self.rates.undescribed.hit((chance >> 32) as u32);
        let goods = if undescribed { Goods::Noted(product, None) } else { Goods::Product(product) };
        Line { goods, quantity: pieces as i32, price }
    }

    /// A stock correction, with a note of the warehouse in place of the description, or none.
    fn stock_line(&mut self, quantity: i32, free: bool, chance: u32) -> Line {
        let product = self.fresh_product();
        let gate = if free { self.rates.undescribed_free } else { self.rates.undescribed };
        let note = if gate.hit(chance) { None } else { self.random.pick(STOCK_NOTES) };
        let price = if free { Money::ZERO } else { self.products.prices(product).base };
        Line { goods: Goods::Noted(product, note), quantity, price }
    }

    /// A product that the invoice at hand has not sold yet.
    fn fresh_product(&mut self) -> usize {
        // Wraps after four thousand million invoices, where at most a line repeats its product.
        let invoice = self.next_number as u32;
        let mut product = self.tables.catalogue.draw(self.random.bits());
        for _ in 0..self.last_sold.len() {
            if self.last_sold[product] != invoice {
                break;
            }
            product = (product + 1) % self.last_sold.len();
        }
        self.last_sold[product] = invoice;
        product
    }
}

impl LiveConfig {
    fn check(&self) -> Result<(), GeneratorError> {
        let error = |field, message| Err(GeneratorError { field, message });
        if let Some(ids) = &self.customer_ids
            && (ids.is_empty() || ids.iter().any(|id| *id <= 0))
        {
            return error("customer_ids", "at least one id is needed, and none below 1".to_owned());
        }
        if !(0.0..=1.0).contains(&self.unknown_customers) {
            let message = format!("{} is not a share between 0 and 1", self.unknown_customers);
            return error("unknown_customers", message);
        }
        // The rest is as in a file.
        let Self { seed, dirt, .. } = self.clone();
        let customers = self.customer_ids.as_ref().map_or(self.customers, |ids| ids.len() as u64);
        GeneratorConfig { seed, dirt, customers: Some(customers), ..GeneratorConfig::default() }
            .check()
    }
}

/// How often an invoice is of each of [`KINDS`], so that its lines have their share of all.
fn kind_weights(dirt: &Dirt) -> [f64; 7] {
    let (negative, zero) = (dirt.negative_quantity, dirt.zero_price);
    let free_write_offs = negative.min(zero);
    let paid_write_offs = negative - free_write_offs;
    let giveaways = zero - free_write_offs;
    // Most of the small kinds have no customer either.
    let nameless = dirt.adjustments + negative + giveaways * 0.966 + dirt.cancellations * 0.041;
    let small = dirt.adjustments + negative + giveaways + dirt.cancellations;
    let anonymous = (dirt.missing_customer - nameless).clamp(0.0, (1.0 - small).max(0.0));
    let orders = (1.0 - small - anonymous).max(0.0);
    [
        orders / mean(&LINES),
        anonymous / mean(&LINES),
        dirt.cancellations / mean(&CANCELLED_LINES),
        free_write_offs,
        paid_write_offs,
        giveaways,
        dirt.adjustments,
    ]
}

/// The mean of whole numbers drawn by these quantiles.
fn mean(points: &[(f64, f64)]) -> f64 {
    const STEPS: u32 = 10_000;
    let at = |step: u32| quantile(points, (f64::from(step) + 0.5) / f64::from(STEPS)).trunc();
    (0..STEPS).map(at).sum::<f64>() / f64::from(STEPS)
}

#[cfg(test)]
mod tests;
