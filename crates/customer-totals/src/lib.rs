//! Order runs -> one row a customer, as a plan that DataFusion executes: in parallel, in bounded memory, on one machine or several.
//!
//! The plan is put together here, operator by operator, instead of as a query for DataFusion's planner to plan. The planner knows
//! nothing of this query that is not known beforehand, it would shuffle the rows twice, and the program would be half as large again and
//! start later (`docs/decisions/0021-the-plan-is-put-together-by-hand.md`).

mod latest;
mod plan;

pub use latest::latest;
pub use plan::{by_customer, by_invoice};
