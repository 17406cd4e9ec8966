//! The run report: everything a run can say about itself, as JSON, for people and for monitoring.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use store::Location;

/// Money and ids are texts: exact decimals and 64-bit integers exceed what many JSON readers keep.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    pub run_id: String,
    pub version: &'static str,
    pub input: String,
    pub files: Vec<File>,
    pub snapshot_date: String,
    pub rows: Rows,
    pub customers: u64,
    pub orders: u64,
    pub revenue: String,
    pub clustering: Clustering,
    pub segments: Vec<Segment>,
    pub warehouse: Option<String>,
    pub tables: Vec<Table>,
    pub views: Vec<String>,
    /// What the views show now.
    pub current_snapshot: Option<String>,
    /// What read and added up.
    pub engine: &'static str,
    /// Bytes that the aggregation spilled to disk; those of a cluster are not known.
    pub spilled_bytes: Option<u64>,
    pub seconds: Vec<Seconds>,
    pub total_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct File {
    /// As messages name it: a bare path on the local disk, else an address.
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    pub rejected: u64,
    pub date_format: Option<&'static str>,
    /// One, unless several nodes have read the file; none without rejects.
    pub rejects_files: Vec<PathBuf>,
}

/// `read` = `kept` + `duplicates` + `after_snapshot` + all `rejected`.
#[derive(Debug, Serialize)]
pub(crate) struct Rows {
    pub read: u64,
    pub kept: u64,
    pub duplicates: u64,
    pub after_snapshot: u64,
    pub rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Rejected {
    pub reason: &'static str,
    pub rows: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Clustering {
    pub k: usize,
    pub seed: u64,
    pub inertia: f64,
    pub silhouette: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Segment {
    pub segment_id: usize,
    pub segment: String,
    pub customers: u64,
    pub share: f64,
    pub revenue: String,
    pub revenue_share: f64,
    pub avg_recency_days: f64,
    pub avg_frequency: f64,
    pub avg_monetary: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub name: String,
    pub location: String,
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Seconds {
    pub step: String,
    pub seconds: f64,
}

impl RunReport {
    /// Writes the report, whole or not at all, also in the place of an older one.
    pub(crate) fn write(&self, to: &Location) -> anyhow::Result<()> {
        const WHAT: &str = "writing the run report";
        let mut text = serde_json::to_string_pretty(self).context(WHAT)?;
        text.push('\n');
        let unfinished = Location::new(to.store().clone(), &format!("{}.tmp", to.path()));
        // Left behind by a run that was killed.
        unfinished.remove_file().context(WHAT)?;
        unfinished.write(text.as_bytes()).context(WHAT)?;
        unfinished.replace(to).context(WHAT)
    }
}
