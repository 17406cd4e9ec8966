//! How long a published snapshot takes to load.
//!
//!     cargo run --release -p segment-index --example load_rate -- CUSTOMERS FOLDER
//!
//! Publishes made-up customers into a warehouse in `FOLDER`, then loads them three times.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use warehouse::ddl::{Ddl, Naming, USER_SEGMENTS, USER_SEGMENTS_CURRENT};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::run_id::RunId;

const NAMES: [&str; 4] = ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"];
const BATCH_ROWS: usize = 65_536;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(n), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: load_rate CUSTOMERS FOLDER".into());
    };
    let n: i64 = n.parse()?;
    let ddl = Ddl::load(&Naming::new("default", "", &folder)?)?;
    let (table, view) = (ddl.table(USER_SEGMENTS)?, ddl.view(USER_SEGMENTS_CURRENT)?);
    let catalog = LocalCatalog::new(&folder);
    let publication = Publication::begin(
        &catalog,
        std::slice::from_ref(table),
        std::slice::from_ref(view),
        RunId::new(SystemTime::now()),
        "2011-12-10".parse()?,
        &PublicationOptions { lock_wait: Duration::ZERO, keep_old_runs: Duration::from_secs(60) },
    )?;
    let options = WriteOptions { sorted_by: Some("customer_id".to_owned()), ..Default::default() };
    let mut writer = publication.table_writer(table, options)?;
    for first in (0..n).step_by(BATCH_ROWS) {
        writer
            .write(&customers(&table.arrow_schema(), first..n.min(first + BATCH_ROWS as i64))?)?;
    }
    publication.publish(vec![writer.finish()?])?;
    for _ in 0..3 {
        let start = Instant::now();
        let index = segment_index::load(&catalog, view)?.ok_or("nothing was published")?;
        println!(
            "{} customers, {} bytes, loaded in {:.3?}",
            index.len(),
            index.memory_bytes(),
            start.elapsed()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{}", peak.ok_or("the kernel does not say")?);
    Ok(())
}

/// Ids a few apart; the columns that are not read are null.
fn customers(schema: &SchemaRef, rows: std::ops::Range<i64>) -> Result<RecordBatch, ArrowError> {
    let segment = |row: i64| (row.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 62 & 3) as usize;
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let rows = rows.clone();
        match field.name().as_str() {
            "customer_id" => {
                let jitter = |row: i64| segment(row + 7) as i64;
                Arc::new(Int64Array::from_iter_values(rows.map(|row| row * 4 + jitter(row))))
            }
            "segment_id" => {
                Arc::new(Int32Array::from_iter_values(rows.map(|row| segment(row) as i32)))
            }
            "segment" => {
                Arc::new(StringArray::from_iter_values(rows.map(|row| NAMES[segment(row)])))
            }
            _ => new_null_array(field.data_type(), rows.count()),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect())
}
