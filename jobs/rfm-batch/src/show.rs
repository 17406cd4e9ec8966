//! `rfm-batch show`: prints from the catalog what was published, so that a user sees the result without Hive.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use customer_lookup::CustomerFiles;
use job_kit::exit::UsageError;
use job_kit::format::{Column, Table, thousands};
use warehouse::catalog_state::{CatalogState, CatalogTable, Partition};
use warehouse::ddl::{
    Ddl, SEGMENT_PROFILES, SEGMENT_PROFILES_CURRENT, USER_RFM_BATCH, USER_RFM_CURRENT,
    USER_SEGMENTS, USER_SEGMENTS_CURRENT,
};
use warehouse::read::read_files;
use warehouse::snapshot_date::SnapshotDate;

use crate::cli::{Show, ShowArgs};
use crate::config::{Place, Settings};

/// Columns of `show segments`; `show profiles` has all.
const SEGMENT_COLUMNS: [&str; 9] = [
    "segment_id",
    "segment",
    "customers",
    "share",
    "revenue",
    "revenue_share",
    "avg_recency_days",
    "avg_frequency",
    "avg_monetary",
];

/// One reading of the catalog, so that all that is printed belongs together.
struct Catalog {
    ddl: Ddl,
    catalog: Box<dyn warehouse::catalog::Catalog>,
    state: CatalogState,
}

pub(crate) fn run(what: &Show, settings: &Settings) -> anyhow::Result<()> {
    let Place { ddl, catalog, .. } = Place::open(settings)?;
    let state = catalog.load()?;
    let shown = Catalog { ddl, catalog, state };
    match what {
        Show::Segments(args) => shown.profiles(args, Some(&SEGMENT_COLUMNS)),
        Show::Profiles(args) => shown.profiles(args, None),
        Show::Customer { id, args } => shown.customer(*id, args),
        Show::Snapshots => shown.snapshots(),
    }
}

impl Catalog {
    fn profiles(&self, args: &ShowArgs, columns: Option<&[&str]>) -> anyhow::Result<()> {
        let (table, partition) = self.snapshot(SEGMENT_PROFILES, SEGMENT_PROFILES_CURRENT, args)?;
        let files = self.catalog.data_files(partition)?;
        let mut printed: Option<Table> = None;
        for batch in read_files(files, table.arrow_schema()) {
            let mut batch = batch?;
            if let Some(columns) = columns {
                let indices = columns.iter().map(|name| batch.schema().index_of(name));
                batch = batch.project(&indices.collect::<Result<Vec<_>, _>>()?)?;
            }
            let schema = batch.schema();
            let printed = printed.get_or_insert_with(|| {
                Table::new(schema.fields().iter().map(|field| {
                    let text = field.data_type() == &DataType::Utf8;
                    let name = field.name().as_str();
                    if text { Column::left(name) } else { Column::right(name) }
                }))
            });
            for row in 0..batch.num_rows() {
                printed.row(cells(&batch, row)?);
            }
        }
        let out = &mut io::stdout().lock();
        writeln!(out, "Snapshot {}, {}", date_of(partition), partition.run_id)?;
        match printed {
            Some(table) => Ok(table.write_to(out)?),
            None => bail!("the snapshot has no segments"),
        }
    }

    fn customer(&self, id: i64, args: &ShowArgs) -> anyhow::Result<()> {
        let (segments, partition) = self.snapshot(USER_SEGMENTS, USER_SEGMENTS_CURRENT, args)?;
        let (rfm, rfm_partition) = self.snapshot(USER_RFM_BATCH, USER_RFM_CURRENT, args)?;
        let Some(segment) = self.find(segments, partition, id)? else {
            bail!("customer {id} is not in the snapshot of {}", date_of(partition));
        };
        let values = self.find(rfm, rfm_partition, id)?;
        let out = &mut io::stdout().lock();
        writeln!(out, "Snapshot {}, {}", date_of(partition), partition.run_id)?;
        let mut seen: Vec<String> = Vec::new();
        for row in std::iter::once(&segment).chain(&values) {
            let schema = row.schema();
            for (field, cell) in schema.fields().iter().zip(cells(row, 0)?) {
                if !seen.contains(field.name()) {
                    writeln!(out, "{:<14} {cell}", field.name())?;
                    seen.push(field.name().clone());
                }
            }
        }
        Ok(())
    }

    fn find(
        &self,
        table: &CatalogTable,
        partition: &Partition,
        id: i64,
    ) -> anyhow::Result<Option<RecordBatch>> {
        let (files, schema) = (self.catalog.data_files(partition)?, table.arrow_schema());
        let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        Ok(CustomerFiles::open(&files, &schema, &columns)?.find(id)?)
    }

    fn snapshots(&self) -> anyhow::Result<()> {
        let def = self.ddl.table(USER_SEGMENTS)?;
        let view = self.ddl.view(USER_SEGMENTS_CURRENT)?.qualified_name();
        let current = self.state.view(&view).map(|view| view.snapshot_date.clone());
        let Some(table) = self.state.table(&def.qualified_name()) else {
            return Err(self.nothing());
        };
        let mut printed =
            Table::new([Column::left("Snapshot"), Column::right("Customers"), Column::left("Run")]);
        for date in table.snapshot_dates() {
            let Some(partition) = table.snapshot(&date) else { continue };
            let mark = if Some(&date) == current.as_ref() { " (current)" } else { "" };
            let run = format!("{}{mark}", partition.run_id);
            let rows = partition.rows().map_or_else(|| "-".to_owned(), thousands);
            printed.row([date.as_str().to_owned(), rows, run]);
        }
        Ok(printed.write_to(&mut io::stdout().lock())?)
    }

    /// The partition asked for, or the one that the view shows.
    fn snapshot(
        &self,
        table: &str,
        view: &str,
        args: &ShowArgs,
    ) -> anyhow::Result<(&CatalogTable, &Partition)> {
        let Some(date) = &args.snapshot else {
            let view = self.ddl.view(view)?.qualified_name();
            return self.state.resolve_view(&view).ok_or_else(|| self.nothing());
        };
        let date: SnapshotDate = date.parse().map_err(|_| {
            UsageError(format!("--snapshot {date:?} is not a date of the form yyyy-MM-dd"))
        })?;
        let name = self.ddl.table(table)?.qualified_name();
        let table = self.state.table(&name).ok_or_else(|| self.nothing())?;
        let partition = table.snapshot(&date).with_context(|| {
            let dates: Vec<_> =
                table.snapshot_dates().iter().map(|d| d.as_str().to_owned()).collect();
            format!("{name} has no snapshot of {}; there are: {}", date.as_str(), dates.join(", "))
        })?;
        Ok((table, partition))
    }

    fn nothing(&self) -> anyhow::Error {
        anyhow::anyhow!(
            "no snapshot is published in {} yet; run rfm-batch first",
            self.catalog.warehouse()
        )
    }
}

fn date_of(partition: &Partition) -> &str {
    partition.values.first().and_then(Option::as_deref).unwrap_or("-")
}

/// A row as text: money to the last digit, floating-point numbers to the fourth decimal.
fn cells(batch: &RecordBatch, row: usize) -> anyhow::Result<Vec<String>> {
    let options = FormatOptions::default().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S"));
    let cell = |column: &ArrayRef| -> anyhow::Result<String> {
        if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
            return Ok(format!("{:.4}", numbers.value(row)));
        }
        Ok(ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()?)
    };
    batch.columns().iter().map(cell).collect()
}
