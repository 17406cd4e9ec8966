//! What the user is told.

use std::io::{self, Write as _};
use std::time::Duration;

use job_kit::format::thousands;

use crate::flow::Plan;

/// A step that is done, and what came of it.
pub(crate) fn step(name: &str, result: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "  {name:<10} {result}")?;
    out.flush()
}

/// All of it runs. `address` ends with a slash.
pub(crate) fn running(address: &str, plan: &Plan, after: Duration) -> io::Result<()> {
    let (rate, seconds) = (thousands(plan.rate), after.as_secs_f64());
    let live = format!("{rate} orders a second, each with the segment of its customer");
    let pages = [
        ("", "who the customers are, and who moved within a month"),
        ("live", live.as_str()),
        ("customers/12347", "one customer: scores, rank, history, orders as they come"),
        ("?view=wall", "for a large screen"),
    ];
    let width = address.len() + "customers/12347".len();
    let mut out = io::stdout().lock();
    writeln!(out, "\n  The RFM suite is running, after {seconds:.1} s. Open one of\n")?;
    for (path, what) in pages {
        writeln!(out, "    {:<width$}  {what}", format!("{address}{path}"))?;
    }
    writeln!(
        out,
        "\n  On the page ? shows the keys, / looks a customer up, p pauses the live list. For programs:\n\n    \
         curl {address}api/customers/12347\n    \
         curl {address}api/openapi.json\n\n  \
         Ctrl-C ends everything and leaves nothing behind.\n"
    )?;
    out.flush()
}
