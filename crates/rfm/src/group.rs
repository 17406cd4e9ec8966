//! Named groups of customers, from the scores.

use std::fmt;

/// The usual grid of ten groups over the recency score (rows) and the frequency score (columns):
///
/// | r \ f | 1 | 2 | 3 | 4 | 5 |
/// | --- | --- | --- | --- | --- | --- |
/// | **5** | New Customers | Potential Loyalists | Potential Loyalists | Champions | Champions |
/// | **4** | Promising | Potential Loyalists | Potential Loyalists | Loyal Customers | Loyal Customers |
/// | **3** | About To Sleep | About To Sleep | Need Attention | Loyal Customers | Loyal Customers |
/// | **2** | Hibernating | Hibernating | At Risk | At Risk | Can't Lose Them |
/// | **1** | Hibernating | Hibernating | At Risk | At Risk | Can't Lose Them |
///
/// Source: the grid that Putler made popular ("RFM Analysis For Successful Customer Segmentation"), in the cut of two scores
/// that most published analyses of the Online Retail data use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RfmGroup {
    /// Bought recently and often.
    Champions,
    /// Buys often.
    LoyalCustomers,
    /// Bought recently, more than once.
    PotentialLoyalists,
    /// First purchase just now.
    NewCustomers,
    /// A recent first purchase, but not the latest.
    Promising,
    /// Average in both.
    NeedAttention,
    /// Below average, and soon lost.
    AboutToSleep,
    /// Bought often, but long ago.
    AtRisk,
    /// Bought most often of all, but long ago.
    CantLoseThem,
    /// Bought seldom and long ago.
    Hibernating,
}

impl RfmGroup {
    /// The group of a customer with these scores (1 to 5).
    pub fn of(r_score: u8, f_score: u8) -> RfmGroup {
        match (r_score.min(5), f_score.min(5)) {
            (5, 4 | 5) => RfmGroup::Champions,
            (3 | 4, 4 | 5) => RfmGroup::LoyalCustomers,
            (4 | 5, 2 | 3) => RfmGroup::PotentialLoyalists,
            (5, _) => RfmGroup::NewCustomers,
            (4, _) => RfmGroup::Promising,
            (3, 3) => RfmGroup::NeedAttention,
            (3, _) => RfmGroup::AboutToSleep,
            (_, 5) => RfmGroup::CantLoseThem,
            (_, 3 | 4) => RfmGroup::AtRisk,
            _ => RfmGroup::Hibernating,
        }
    }

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            RfmGroup::Champions => "Champions",
            RfmGroup::LoyalCustomers => "Loyal Customers",
            RfmGroup::PotentialLoyalists => "Potential Loyalists",
            RfmGroup::NewCustomers => "New Customers",
            RfmGroup::Promising => "Promising",
            RfmGroup::NeedAttention => "Need Attention",
            RfmGroup::AboutToSleep => "About To Sleep",
            RfmGroup::AtRisk => "At Risk",
            RfmGroup::CantLoseThem => "Can't Lose Them",
            RfmGroup::Hibernating => "Hibernating",
        }
    }
}

impl fmt::Display for RfmGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_of_the_documentation() {
        let source = include_str!("group.rs");
        let mut cells = 0;
        for line in source.lines() {
            let Some(row) = line.strip_prefix("/// | **") else { continue };
            let columns: Vec<_> = row.split('|').map(str::trim).collect();
            let r = row.as_bytes()[0] - b'0';
            for (f, name) in (1..=5).zip(&columns[1..]) {
                assert_eq!(RfmGroup::of(r, f).name(), *name, "r {r} f {f}");
                cells += 1;
            }
        }
        assert_eq!(cells, 25);
    }
}
