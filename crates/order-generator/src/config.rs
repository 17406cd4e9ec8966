//! What to generate, checked.

use order_model::Date;
use thiserror::Error;

/// Everything the bytes of a generated file depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorConfig {
    /// Files of different seeds share the catalogue of products and nothing else.
    pub seed: u64,
    /// Data lines, not counting the header.
    pub lines: u64,
    /// Customers that may order; default one for 125 lines (as in the real data), at least 4.
    pub customers: Option<u64>,
    /// First day of business.
    pub start: Date,
    /// Last day of business.
    pub end: Date,
    pub dirt: Dirt,
    /// Share of lines that are malformed (see the crate's `faults` for the ways), 0 to 1.
    pub fault_rate: f64,
}

impl Default for GeneratorConfig {
    /// The size, period and dirt of the real data: 541,909 lines from 2010-12-01 to 2011-12-09.
    fn default() -> Self {
        Self {
            seed: 42,
            lines: 541_909,
            customers: None,
            start: Date::from_days(14_944),
            end: Date::from_days(15_317),
            dirt: Dirt::default(),
            fault_rate: 0.0,
        }
    }
}

/// Well-formed lines that are no purchases, as shares of all lines (0 to 1); the defaults are
/// counted in the real data.
#[derive(Clone, Debug, PartialEq)]
pub struct Dirt {
    /// Lines of cancelled invoices: prefix `C`, negative quantity.
    pub cancellations: f64,
    /// Lines without customer, nearly all of them whole invoices of many lines.
    pub missing_customer: f64,
    /// Lines with price 0. Those with negative quantity are counted first.
    pub zero_price: f64,
    /// Lines with negative quantity that are not cancellations: stock written off at price 0.
    pub negative_quantity: f64,
    /// Bad-debt bookings: prefix `A`, a large price of either sign.
    pub adjustments: f64,
    /// Lines that repeat an earlier line of their invoice exactly.
    pub duplicates: f64,
    /// Lines without description; those with price 0 come first.
    pub missing_description: f64,
}

impl Default for Dirt {
    fn default() -> Self {
        let lines = 541_909.0;
        Self {
            cancellations: 9_288.0 / lines,
            missing_customer: 135_080.0 / lines,
            zero_price: 2_515.0 / lines,
            negative_quantity: 1_336.0 / lines,
            adjustments: 3.0 / lines,
            duplicates: 5_268.0 / lines,
            missing_description: 1_454.0 / lines,
        }
    }
}

impl Dirt {
    /// Clean data.
    pub const NONE: Self = Self {
        cancellations: 0.0,
        missing_customer: 0.0,
        zero_price: 0.0,
        negative_quantity: 0.0,
        adjustments: 0.0,
        duplicates: 0.0,
        missing_description: 0.0,
    };

    fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("dirt.cancellations", self.cancellations),
            ("dirt.missing_customer", self.missing_customer),
            ("dirt.zero_price", self.zero_price),
            ("dirt.negative_quantity", self.negative_quantity),
            ("dirt.adjustments", self.adjustments),
            ("dirt.duplicates", self.duplicates),
            ("dirt.missing_description", self.missing_description),
        ]
    }
}

/// A configuration that cannot be generated.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{field}: {message}")]
pub struct GeneratorError {
    /// The field of [`GeneratorConfig`].
    pub field: &'static str,
    /// What is wrong with it and what is allowed.
    pub message: String,
}

/// Orders are spread over the days of the period; more days than this are a typing error.
const MAX_DAYS: i32 = 36_525;
/// Customers are numbered with 32 bits.
const MAX_CUSTOMERS: u64 = 1 << 31;
/// Keeps line numbers exact as floating-point shares of the file (some 80 TB).
const MAX_LINES: u64 = 1_000_000_000_000;

impl GeneratorConfig {
    /// The number of customers, given or by default.
    pub fn customer_count(&self) -> u64 {
        self.customers.unwrap_or((self.lines / 125).clamp(4, MAX_CUSTOMERS))
    }

    pub(crate) fn check(&self) -> Result<(), GeneratorError> {
        let error = |field, message| Err(GeneratorError { field, message });
        if self.lines > MAX_LINES {
            return error("lines", format!("{} is more than {MAX_LINES}", self.lines));
        }
        let customers = self.customer_count();
        if customers == 0 || customers > MAX_CUSTOMERS {
            return error("customers", format!("{customers} is not between 1 and {MAX_CUSTOMERS}"));
        }
        if self.end < self.start {
            return error("end", format!("{} is before the start {}", self.end, self.start));
        }
        if self.end.days_since(self.start) >= MAX_DAYS {
            let message = format!("{} to {} is longer than 100 years", self.start, self.end);
            return error("end", message);
        }
        let rates = [("fault_rate", self.fault_rate)].into_iter().chain(self.dirt.named());
        for (field, rate) in rates {
            if !(0.0..=1.0).contains(&rate) {
                return error(field, format!("{rate} is not a share between 0 and 1"));
            }
        }
        let dirt = &self.dirt;
        let apart = dirt.adjustments
            + dirt.cancellations
            + dirt.missing_customer
            + dirt.zero_price.max(dirt.negative_quantity);
        if apart > 1.0 {
            let message = format!(
                "cancellations, missing_customer, zero_price and adjustments add up to {apart:.3}; \
                 they share the lines of one file, so at most 1"
            );
            return error("dirt", message);
        }
        Ok(())
    }
}
