//! What a run prints on stdout for its user.

use std::io::{self, Write};

use job_kit::format::{Column, Table, megabytes, percent, thousands};
use segmentation::KQuality;

use crate::run_report::RunReport;

/// Prints a text as it is.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Prints what a person wants to see of a run.
pub(crate) fn print_run(report: &RunReport) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let rows = &report.rows;
    let bytes = report.files.iter().map(|file| file.bytes).sum();
    let files = match report.files.len() {
        1 => String::new(),
        n => format!("{} files, ", thousands(n)),
    };
    writeln!(out, "Input     {}", report.input)?;
    writeln!(out, "          {files}{} rows, {}", thousands(rows.read), megabytes(bytes))?;
    let share = |part| percent(part, rows.read);
    let fact = |out: &mut io::StdoutLock<'_>, name: &str, n: u64| {
        writeln!(out, "            {name:<22} {:>12}  {:>7}", thousands(n), share(n))
    };
    fact(out, "kept", rows.kept)?;
    for reason in &rows.rejected {
        fact(out, reason.reason, reason.rows)?;
    }
    if rows.duplicates > 0 {
        fact(out, "duplicates", rows.duplicates)?;
    }
    if rows.after_snapshot > 0 {
        fact(out, "after the snapshot", rows.after_snapshot)?;
    }
    let rejects: Vec<_> = report.files.iter().flat_map(|f| &f.rejects_files).collect();
    match rejects.as_slice() {
        [] => {}
        [one] => writeln!(out, "Rejects   {}", one.display())?,
        [first, ..] => {
            let folder = first.parent().unwrap_or(first).display();
            writeln!(out, "Rejects   {} files in {folder}", rejects.len())?;
        }
    }
    writeln!(
        out,
        "Snapshot  {}: {} customers, {} orders, {} revenue",
        report.snapshot_date,
        thousands(report.customers),
        thousands(report.orders),
        thousands(&report.revenue),
    )?;
    writeln!(out)?;
    segments_table(report).write_to(out)?;
    let c = &report.clustering;
    writeln!(
        out,
        "\nk-means with k = {}: silhouette {:.3}, inertia {:.1} (seed {})",
        c.k, c.silhouette, c.inertia, c.seed
    )?;
    match &report.warehouse {
        None => writeln!(out, "\nNothing was written (dry run).")?,
        Some(warehouse) => {
            writeln!(out, "\nTables in {warehouse} ({})", report.run_id)?;
            for table in &report.tables {
                let rows = thousands(table.rows);
                writeln!(out, "  {:<42} {rows:>12} rows  {}", table.name, table.location)?;
            }
            let current = report.current_snapshot.as_deref().unwrap_or("-");
            writeln!(out, "Views of the newest snapshot, {current}")?;
            for view in &report.views {
                writeln!(out, "  {view}")?;
            }
        }
    }
    let seconds = report.seconds.iter().map(|s| format!("{} {:.3}", s.step, s.seconds));
    let steps = seconds.collect::<Vec<_>>().join(", ");
    writeln!(out, "\nSeconds   {steps}; in all {:.3}", report.total_seconds)
}

fn segments_table(report: &RunReport) -> Table {
    let mut table = Table::new([
        Column::right("Id"),
        Column::left("Segment"),
        Column::right("Customers"),
        Column::right("Share"),
        Column::right("Revenue"),
        Column::right("Share"),
        Column::right("Avg recency"),
        Column::right("Avg frequency"),
        Column::right("Avg monetary"),
    ]);
    for segment in &report.segments {
        table.row([
            segment.segment_id.to_string(),
            segment.segment.clone(),
            thousands(segment.customers),
            format!("{:.1} %", 100.0 * segment.share),
            thousands(&segment.revenue),
            format!("{:.1} %", 100.0 * segment.revenue_share),
            format!("{:.1} d", segment.avg_recency_days),
            format!("{:.1}", segment.avg_frequency),
            thousands(&segment.avg_monetary),
        ]);
    }
    table
}

/// Prints the qualities of several k, and which has the best silhouette.
pub(crate) fn print_ks(qualities: &[KQuality]) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let mut table =
        Table::new([Column::right("k"), Column::right("Inertia"), Column::right("Silhouette")]);
    for quality in qualities {
        table.row([
            quality.k.to_string(),
            thousands(format_args!("{:.1}", quality.inertia)),
            format!("{:.4}", quality.silhouette),
        ]);
    }
    table.write_to(out)?;
    match qualities.iter().max_by(|a, b| a.silhouette.total_cmp(&b.silhouette)) {
        Some(best) => writeln!(
            out,
            "\nBest silhouette: k = {}. Set it with --set batch.clustering.k={}",
            best.k, best.k
        ),
        None => Ok(()),
    }
}
