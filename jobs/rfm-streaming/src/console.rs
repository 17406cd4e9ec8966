//! What a person who watches the terminal sees: a line for each batch.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use job_kit::format::thousands;

use crate::events::{Batch, Committed};

/// The segments in the order of the batch layer's own output would need the table; by number of orders is what is asked
/// for here.
pub(crate) fn batch_line(committed: &Committed, lag: Option<i64>) -> String {
    let Batch { number, messages, by_segment, unknown, rejected, offsets, .. } = &committed.batch;
    let mut line = format!("batch {number}  {} messages", thousands(*messages));
    let mut segments: Vec<_> = by_segment.iter().collect();
    segments.sort_by_key(|(_, orders)| std::cmp::Reverse(**orders));
    for (name, orders) in segments {
        line.push_str(&format!("  {name} {}", thousands(*orders)));
    }
    if *unknown > 0 {
        line.push_str(&format!("  Unknown {}", thousands(*unknown)));
    }
    if *rejected > 0 {
        line.push_str(&format!("  rejected {}", thousands(*rejected)));
    }
    line.push_str("  offsets");
    // A topic may have hundreds of partitions.
    const SHOWN: usize = 4;
    for (source, (from, to)) in offsets.iter().take(SHOWN) {
        line.push_str(&format!(" [{}]{from}-{}", source.partition, to - 1));
    }
    if offsets.len() > SHOWN {
        line.push_str(&format!(" and {} more", offsets.len() - SHOWN));
    }
    if let Some(lag) = lag {
        line.push_str(&format!("  lag {}", thousands(lag)));
    }
    if let (Some(p50), Some(p99)) = (committed.batch.latency_p50, committed.batch.latency_p99) {
        line.push_str(&format!("  latency p50 {} p99 {}", short(p50), short(p99)));
    }
    line.push_str(&format!("  commit {}", short(committed.took)));
    if let Some(began) = committed.batch.began {
        let seconds = began.elapsed().as_secs_f64().max(1e-3);
        line.push_str(&format!("  {}/s", thousands((*messages as f64 / seconds) as u64)));
    }
    line
}

/// What was done in all, at the end.
#[derive(Debug)]
pub(crate) struct Totals {
    pub started: Instant,
    pub messages: u64,
    pub tagged: u64,
    pub unknown: u64,
    pub rejected: u64,
    pub batches: u64,
    pub restarts: u64,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            messages: 0,
            tagged: 0,
            unknown: 0,
            rejected: 0,
            batches: 0,
            restarts: 0,
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch) {
        self.messages += batch.messages;
        self.tagged += batch.by_segment.values().sum::<u64>();
        self.unknown += batch.unknown;
        self.rejected += batch.rejected;
        self.batches += 1;
    }

    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "done: {} messages in {} batches: {} tagged, {} Unknown, {} rejected; {:.1} s",
            thousands(self.messages),
            thousands(self.batches),
            thousands(self.tagged),
            thousands(self.unknown),
            thousands(self.rejected),
            self.started.elapsed().as_secs_f64(),
        );
        if self.restarts > 0 {
            line.push_str(&format!("; opened again {} times after errors", self.restarts));
        }
        line
    }
}

/// Prints a line; a closed terminal is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn short(duration: Duration) -> String {
    match duration.as_micros() {
        micros if micros < 1_000 => format!("{micros} us"),
        micros if micros < 10_000_000 => format!("{} ms", micros / 1_000),
        micros => format!("{:.1} s", micros as f64 / 1e6),
    }
}
