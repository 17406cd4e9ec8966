//! What the catalog shows at one moment.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use warehouse::catalog_state::{CatalogState, CatalogTable, Partition};
use warehouse::ddl::{
    Ddl, DdlError, SEGMENT_PROFILES, USER_RFM_BATCH, USER_SEGMENTS, USER_SEGMENTS_CURRENT,
};
use warehouse::snapshot_date::SnapshotDate;

/// A published snapshot: where the files of its three tables are.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub date: SnapshotDate,
    pub run_id: String,
    /// When its run began, ISO 8601 UTC, if the run id says so.
    pub as_of: Option<String>,
    pub customers: Option<u64>,
    pub segments: Part,
    /// The others are optional: without them the look-up has no country, the page no averages.
    pub rfm: Option<Part>,
    pub profiles: Option<Part>,
}

/// The files of a snapshot in one table.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub schema: SchemaRef,
    pub partition: Partition,
}

/// All snapshots, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshots {
    all: Vec<Arc<Snapshot>>,
    /// Which of them the view of current segments shows.
    current: Option<usize>,
}

impl Snapshots {
    pub(crate) fn of(state: &CatalogState, ddl: &Ddl) -> Result<Self, DdlError> {
        let table = |name| -> Result<Option<&CatalogTable>, DdlError> {
            Ok(state.table(&ddl.table(name)?.qualified_name()))
        };
        let Some(segments) = table(USER_SEGMENTS)? else { return Ok(Self::default()) };
        let (rfm, profiles) = (table(USER_RFM_BATCH)?, table(SEGMENT_PROFILES)?);
        let part = |table: Option<&CatalogTable>, date: &SnapshotDate, run: &str| {
            let table = table?;
            let partition = table.snapshot(date).filter(|partition| partition.run_id == run)?;
            Some(Part { schema: table.arrow_schema(), partition: partition.clone() })
        };
        let mut all: Vec<Arc<Snapshot>> = Vec::new();
        for date in segments.snapshot_dates() {
            let Some(partition) = segments.snapshot(&date) else { continue };
            let run_id = partition.run_id.clone();
            all.push(Arc::new(Snapshot {
                as_of: time_of_run(&run_id),
                customers: partition.rows(),
                segments: Part { schema: segments.arrow_schema(), partition: partition.clone() },
                rfm: part(rfm, &date, &run_id),
                profiles: part(profiles, &date, &run_id),
                run_id,
                date,
            }));
        }
        all.reverse();
        let view = state.view(&ddl.view(USER_SEGMENTS_CURRENT)?.qualified_name());
        let current = view.and_then(|view| all.iter().position(|s| s.date == view.snapshot_date));
        Ok(Self { all, current })
    }

    pub(crate) fn all(&self) -> &[Arc<Snapshot>] {
        &self.all
    }

    /// The one that the views show.
    pub(crate) fn current(&self) -> Option<&Arc<Snapshot>> {
        self.all.get(self.current?)
    }

    pub(crate) fn on(&self, date: &SnapshotDate) -> Option<&Arc<Snapshot>> {
        self.all.iter().find(|snapshot| snapshot.date == *date)
    }

    /// The newest one that is older than `date`.
    pub(crate) fn before(&self, date: &SnapshotDate) -> Option<&Arc<Snapshot>> {
        self.all.iter().find(|snapshot| snapshot.date < *date)
    }
}

impl Snapshot {
    /// Whether it is the same publication: a date that is published again has another run.
    pub(crate) fn is_same(&self, other: &Snapshot) -> bool {
        self.date == other.date && self.run_id == other.run_id
    }
}

/// `run-20111210T063000Z-0a1b2c3d` to `2011-12-10T06:30:00Z`.
fn time_of_run(run_id: &str) -> Option<String> {
    let _: warehouse::run_id::RunId = run_id.parse().ok()?;
    let time = run_id.strip_prefix("run-")?.get(..15)?;
    let part = |range: std::ops::Range<usize>| time.get(range).unwrap_or_default();
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4),
        part(4..6),
        part(6..8),
        part(9..11),
        part(11..13),
        part(13..15)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_runs() {
        let time = time_of_run("run-20111210T063000Z-0a1b2c3d");
        assert_eq!(time.as_deref(), Some("2011-12-10T06:30:00Z"));
        assert_eq!(time_of_run("somebody's"), None);
    }
}
