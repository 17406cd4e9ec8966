//! Which invoices a chunk has: how many of each kind, of how many lines, by whom, and when.
//!
//! Shares of dirt are met chunk by chunk, rounded up or down by chance, so that they hold in a
//! file of any size. Invoices never cross a chunk's end; their sizes are drawn and then fitted to
//! the number of lines that there must be.

use crate::config::Dirt;
use crate::customers::{CustomerKind, Customers, Stream};
use crate::random::{Random, quantile};

/// Lines of an order of a known customer, by share of orders (real data; mean 21.5).
const ORDER_LINES: [(f64, f64); 10] = [
    (0.0, 1.0),
    (0.1, 2.0),
    (0.25, 6.0),
    (0.5, 15.0),
    (0.75, 28.0),
    (0.9, 48.0),
    (0.95, 65.0),
    (0.99, 110.0),
    (0.999, 223.0),
    (1.0, 542.0),
];
/// Lines of an invoice without customer that is no stock correction (real data; mean 126).
const ANONYMOUS_LINES: [(f64, f64); 7] = [
    (0.0, 1.0),
    (0.15, 10.0),
    (0.4, 60.0),
    (0.67, 148.0),
    (0.83, 222.0),
    (0.97, 526.0),
    (1.0, 1114.0),
];
/// Lines of a cancellation (real data; mean 2.42).
const CANCELLED_LINES: [(f64, f64); 6] =
    [(0.0, 1.0), (0.65, 1.0), (0.9, 4.0), (0.95, 7.0), (0.99, 18.0), (1.0, 101.0)];

const MEAN_ORDER: f64 = 21.5;
const MEAN_ANONYMOUS: f64 = 126.0;
const MEAN_CANCELLATION: f64 = 2.42;

/// Shares of stock corrections and of cancellations that do name or lack a customer (real data:
/// 40 of 1,179 lines given away; 383 of 9,288 cancelled lines).
const GIVEAWAYS_WITH_CUSTOMER: f64 = 0.034;
const CANCELLATIONS_WITHOUT_CUSTOMER: f64 = 0.041;

/// What an invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvoiceKind {
    /// A purchase by a customer of this kind.
    Order(CustomerKind),
    /// A purchase by nobody known.
    Anonymous,
    /// Prefix `C`, quantities negative.
    Cancellation,
    /// One line of negative quantity, at price 0 if `free`.
    WriteOff { free: bool },
    /// One line at price 0.
    Giveaway,
    /// Prefix `A`, one line.
    Adjustment,
}

#[derive(Clone, Debug)]
pub(crate) struct PlannedInvoice {
    /// When, as a share of all orders.
    pub(crate) at: f64,
    pub(crate) kind: InvoiceKind,
    /// Index of the customer.
    pub(crate) buyer: Option<u32>,
    pub(crate) lines: u64,
}

/// What a chunk must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) lines: u64,
    /// Its part of the period, as shares of all orders.
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// Lines of a part by what they are for.
#[derive(Debug, Default)]
struct LineBudget {
    adjustments: u64,
    free_write_offs: u64,
    paid_write_offs: u64,
    giveaways: u64,
    cancelled: u64,
    missing_customer: u64,
    orders: u64,
}

impl LineBudget {
    fn draw(dirt: &Dirt, lines: u64, random: &mut Random) -> Self {
        let mut rest = lines;
        let mut take = |wanted: u64| {
            let taken = wanted.min(rest);
            rest -= taken;
            taken
        };
        let mut share = |rate: f64| random.round(rate * lines as f64);
        let (negative, zero) = (share(dirt.negative_quantity), share(dirt.zero_price));
        let adjustments = take(share(dirt.adjustments));
        let free_write_offs = take(negative.min(zero));
        let paid_write_offs = take(negative.saturating_sub(zero));
        let giveaways = take(zero.saturating_sub(negative));
        let cancelled = take(share(dirt.cancellations));
        let missing_customer = share(dirt.missing_customer);
        Self {
            adjustments,
            free_write_offs,
            paid_write_offs,
            giveaways,
            cancelled,
            missing_customer,
            orders: rest,
        }
    }
}

/// At most this many invoices are in a part of `lines` lines: the distance of invoice numbers.
pub(crate) fn most_invoices(dirt: &Dirt, lines: u64) -> u64 {
    // Rounding by chance adds at most one to each share.
    let at_most = |rate: f64, mean: f64| ((rate * lines as f64 + 1.0) / mean).ceil() as u64 + 1;
    let singles = dirt.adjustments + dirt.zero_price.max(dirt.negative_quantity);
    let bought =
        1.0 - dirt.missing_customer - dirt.cancellations * (1.0 - CANCELLATIONS_WITHOUT_CUSTOMER);
    at_most(singles, 1.0)
        + 4
        + at_most(dirt.cancellations, MEAN_CANCELLATION)
        + at_most(dirt.missing_customer, MEAN_ANONYMOUS)
        + at_most(bought, MEAN_ORDER)
}

/// Orders by known customers in the whole file, for the streams to stay within.
pub(crate) fn expected_orders(dirt: &Dirt, lines: u64) -> f64 {
    let other = dirt.cancellations + dirt.missing_customer + dirt.adjustments;
    (1.0 - other).max(0.0) * lines as f64 / MEAN_ORDER
}

/// The invoices of a part in order of time; their lines add up to the part's.
pub(crate) fn plan(
    part: Part,
    dirt: &Dirt,
    customers: &Customers,
    streams: &[Stream],
    random: &mut Random,
) -> Vec<PlannedInvoice> {
    let mut budget = LineBudget::draw(dirt, part.lines, random);
    let mut planner = Planner { part, customers, random, invoices: Vec::new(), orders: 0 };
    // What goes to invoices without customer is not known before the small kinds have taken
    // theirs, and those need the orders, to name customers who did order.
    let small = budget.adjustments
        + budget.free_write_offs
        + budget.paid_write_offs
        + budget.giveaways
        + budget.cancelled;
    let nameless_small = budget.adjustments
        + budget.free_write_offs
        + budget.paid_write_offs
        + (budget.giveaways as f64 * (1.0 - GIVEAWAYS_WITH_CUSTOMER)) as u64
        + (budget.cancelled as f64 * CANCELLATIONS_WITHOUT_CUSTOMER) as u64;
    let anonymous = budget.missing_customer.saturating_sub(nameless_small).min(budget.orders);
    budget.orders -= anonymous;
    let mut nameless = budget.missing_customer - anonymous.min(budget.missing_customer);
    planner.orders(budget.orders, streams);
    planner.cancellations(budget.cancelled, &mut nameless);
    planner.singles(budget.free_write_offs, InvoiceKind::WriteOff { free: true }, &mut nameless);
    planner.singles(budget.paid_write_offs, InvoiceKind::WriteOff { free: false }, &mut nameless);
    planner.singles(budget.adjustments, InvoiceKind::Adjustment, &mut nameless);
    planner.singles(budget.giveaways, InvoiceKind::Giveaway, &mut nameless);
    planner.anonymous(anonymous);
    debug_assert_eq!(small + anonymous + budget.orders, part.lines);
    let mut invoices = planner.invoices;
    // A stable sort: the same order on every run even where two times are equal.
    invoices.sort_by(|a, b| a.at.total_cmp(&b.at));
    invoices
}

struct Planner<'a> {
    part: Part,
    customers: &'a Customers,
    random: &'a mut Random,
    invoices: Vec<PlannedInvoice>,
    /// The first so many invoices are orders.
    orders: usize,
}

impl Planner<'_> {
    fn any_time(&mut self) -> f64 {
        self.part.start + (self.part.end - self.part.start) * self.random.unit()
    }

    fn orders(&mut self, lines: u64, streams: &[Stream]) {
        let wanted = count(lines, MEAN_ORDER);
        let mut regular: Vec<(f64, u32)> = Vec::new();
        for stream in streams {
            let width = stream.slot_width();
            for (at, buyer) in stream.orders(self.part.start, self.part.end) {
                // People are not clockwork; the part's bounds hold the invoices in order.
                let at = at + (self.random.unit() - 0.5) * width.max(0.002);
                regular.push((at.clamp(self.part.start, self.part.end), buyer));
            }
        }
        let n = regular.len() as u64;
        for (i, (at, buyer)) in regular.into_iter().enumerate() {
            // More regular orders than room: keep `wanted` of them, evenly over all streams.
            let i = i as u64;
            if n <= wanted || (i + 1) * wanted / n > i * wanted / n {
                self.order(at, buyer);
            }
        }
        while (self.invoices.len() as u64) < wanted {
            let buyer = self.customers.extra_buyer(self.random);
            let at = self.any_time();
            self.order(at, buyer);
        }
        self.orders = self.invoices.len();
        let mut sizes: Vec<f64> = Vec::with_capacity(self.orders);
        for invoice in &self.invoices {
            let InvoiceKind::Order(kind) = invoice.kind else { continue };
            sizes.push(basket(kind, self.random.unit()));
        }
        for (invoice, lines) in self.invoices.iter_mut().zip(fit(&sizes, lines, self.random)) {
            invoice.lines = lines;
        }
    }

    fn order(&mut self, at: f64, buyer: u32) {
        let kind = InvoiceKind::Order(self.customers.kind(buyer));
        self.invoices.push(PlannedInvoice { at, kind, buyer: Some(buyer), lines: 1 });
    }

    fn anonymous(&mut self, lines: u64) {
        let sizes = self.sizes(&ANONYMOUS_LINES, count(lines, MEAN_ANONYMOUS));
        for lines in fit(&sizes, lines, self.random) {
            let at = self.any_time();
            let kind = InvoiceKind::Anonymous;
            self.invoices.push(PlannedInvoice { at, kind, buyer: None, lines });
        }
    }

    fn cancellations(&mut self, lines: u64, nameless: &mut u64) {
        let sizes = self.sizes(&CANCELLED_LINES, count(lines, MEAN_CANCELLATION));
        let mut nameless_here =
            ((lines as f64 * CANCELLATIONS_WITHOUT_CUSTOMER) as u64).min(*nameless);
        for lines in fit(&sizes, lines, self.random) {
            let drawn = self.ordered_before();
            let (at, buyer) = match drawn {
                Some((at, buyer)) if lines > nameless_here => (at, Some(buyer)),
                _ => {
                    nameless_here = nameless_here.saturating_sub(lines);
                    *nameless = nameless.saturating_sub(lines);
                    (self.any_time(), None)
                }
            };
            let kind = InvoiceKind::Cancellation;
            self.invoices.push(PlannedInvoice { at, kind, buyer, lines });
        }
    }

    /// One-line invoices, without customer as long as there may be such lines.
    fn singles(&mut self, lines: u64, kind: InvoiceKind, nameless: &mut u64) {
        for _ in 0..lines {
            let drawn = self.ordered_before();
            let (at, buyer) = match drawn {
                Some((at, buyer)) if *nameless == 0 => (at, Some(buyer)),
                _ => {
                    *nameless = nameless.saturating_sub(1);
                    (self.any_time(), None)
                }
            };
            self.invoices.push(PlannedInvoice { at, kind, buyer, lines: 1 });
        }
    }

    /// A customer with an order in this part, and a time after that order.
    fn ordered_before(&mut self) -> Option<(f64, u32)> {
        let index = self.random.below(self.orders as u32) as usize;
        let later = self.random.unit();
        let order = self.invoices[..self.orders].get(index)?;
        Some((order.at + (self.part.end - order.at) * later, order.buyer?))
    }

    fn sizes(&mut self, points: &[(f64, f64)], n: u64) -> Vec<f64> {
        (0..n).map(|_| quantile(points, self.random.unit())).collect()
    }
}

/// How large an order is, by kind of customer and share of orders that are smaller. Who orders
/// once or twice takes a basket of middle size: one order is all there is to tell such a customer
/// by, where the many orders of the others even out.
fn basket(kind: CustomerKind, share: f64) -> f64 {
    match kind {
        CustomerKind::Vip => 1.4 * quantile(&ORDER_LINES, share),
        CustomerKind::Loyal => quantile(&ORDER_LINES, share),
        CustomerKind::New | CustomerKind::ChurnRisk => {
            0.9 * quantile(&ORDER_LINES, 0.4 + 0.45 * share)
        }
    }
}

/// The number of invoices for so many lines: at least one if there are any.
fn count(lines: u64, mean: f64) -> u64 {
    ((lines as f64 / mean) as u64).clamp(1, lines.max(1)).min(lines)
}

/// Scales sizes to whole numbers of at least 1 that add up to `total` (which is not less than the
/// number of sizes).
fn fit(sizes: &[f64], total: u64, random: &mut Random) -> Vec<u64> {
    let scale = total as f64 / sizes.iter().sum::<f64>();
    let mut fitted: Vec<u64> = sizes.iter().map(|size| ((size * scale) as u64).max(1)).collect();
    let mut sum: u64 = fitted.iter().sum();
    let n = fitted.len() as u32;
    while sum < total && n > 0 {
        fitted[random.below(n) as usize] += 1;
        sum += 1;
    }
    while sum > total {
        let index = random.below(n) as usize;
        if fitted[index] > 1 {
            fitted[index] -= 1;
            sum -= 1;
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_plan(lines: u64, dirt: &Dirt, customers: u32, seed: u64) -> Vec<PlannedInvoice> {
        let customers = Customers::new(seed, customers);
        let streams = customers.streams(expected_orders(dirt, lines));
        let part = Part { lines, start: 0.25, end: 0.75 };
        let invoices = plan(part, dirt, &customers, &streams, &mut Random::of_part(seed, 0));
        assert_eq!(invoices.iter().map(|invoice| invoice.lines).sum::<u64>(), lines);
        assert!(invoices.iter().all(|invoice| invoice.lines > 0));
        assert!(invoices.iter().all(|invoice| (0.25..=0.75).contains(&invoice.at)));
        assert!(invoices.is_sorted_by(|a, b| a.at <= b.at));
        assert!(invoices.len() as u64 <= most_invoices(dirt, lines));
        invoices
    }

    #[test]
    fn the_default_has_the_invoices_of_the_real_data() {
        let invoices = check_plan(541_909, &Dirt::default(), 4_335, 1);
        let of = |kind| invoices.iter().filter(|invoice| invoice.kind == kind).count();
        // 25,900 invoices, of which 3,836 cancellations.
        assert!((25_000..26_800).contains(&invoices.len()), "{}", invoices.len());
        assert!((3_700..3_900).contains(&of(InvoiceKind::Cancellation)));
    }

    #[test]
    fn clean_data_is_orders_alone() {
        let invoices = check_plan(10_000, &Dirt::NONE, 80, 1);
        assert!(invoices.iter().all(|invoice| matches!(invoice.kind, InvoiceKind::Order(_))));
        assert!(invoices.iter().all(|invoice| invoice.buyer.is_some()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_dirt_fits_into_any_part(
            lines in 1_u64..3_000,
            customers in 1_u32..2_000,
            seed: u64,
            shares in prop::array::uniform5(0.0_f64..=1.0),
            fullness in 0.0_f64..=1.0,
        ) {
            let sum: f64 = shares.iter().sum::<f64>().max(1e-9);
            let [cancellations, missing_customer, zero_price, other, adjustments] =
                shares.map(|share| share / sum * fullness);
            let negative_quantity = other.min(1.0 - cancellations - missing_customer - adjustments);
            let dirt = Dirt {
                cancellations,
                missing_customer,
                zero_price,
                negative_quantity,
                adjustments,
                ..Dirt::NONE
            };
            check_plan(lines, &dirt, customers, seed);
        }
    }
}
