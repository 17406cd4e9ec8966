//! What a generated file holds.

use std::ops::AddAssign;

/// Counts of what was generated, so that a reader of the file can be held against them.
///
/// Malformed lines are counted under `faults` alone, as a reader sees them; the other kinds of
/// dirt may overlap (a cancellation can lack its customer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Data lines, malformed ones included.
    pub lines: u64,
    /// Distinct invoice numbers, of every kind.
    pub invoices: u64,
    /// Distinct customers with at least one order, cancellations aside.
    pub customers: u64,
    /// Lines that count as a purchase: none of the below but duplicates and descriptions.
    pub kept_lines: u64,
    pub cancelled_lines: u64,
    pub missing_customer_lines: u64,
    pub zero_price_lines: u64,
    /// Negative quantity on an invoice that is no cancellation.
    pub negative_quantity_lines: u64,
    pub adjustment_lines: u64,
    /// Lines equal to an earlier line of their invoice.
    pub duplicate_lines: u64,
    pub missing_description_lines: u64,
    /// Malformed lines.
    pub faults: u64,
}

/// Adds the counts of another part of the file, but for `customers`: the same customer may
/// order in both.
impl AddAssign<&Summary> for Summary {
    fn add_assign(&mut self, part: &Summary) {
        self.lines += part.lines;
        self.invoices += part.invoices;
        self.kept_lines += part.kept_lines;
        self.cancelled_lines += part.cancelled_lines;
        self.missing_customer_lines += part.missing_customer_lines;
        self.zero_price_lines += part.zero_price_lines;
        self.negative_quantity_lines += part.negative_quantity_lines;
        self.adjustment_lines += part.adjustment_lines;
        self.duplicate_lines += part.duplicate_lines;
        self.missing_description_lines += part.missing_description_lines;
        self.faults += part.faults;
    }
}
