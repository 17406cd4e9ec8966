//! Writes a snapshot of made-up customers and looks some of them up: the time it takes, and nothing else.
//!
//!     cargo run --release -p warehouse --example write_customers -- 1000000 /tmp/customers

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, USER_RFM_BATCH};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::read::read_files;
use warehouse::run_id::RunId;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(n_rows), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: write_customers ROWS FOLDER".into());
    };
    let n_rows: i64 = n_rows.parse()?;
    let ddl = Ddl::load(&Naming::new("default", "", &folder)?)?;
    let table = ddl.table(USER_RFM_BATCH)?.clone();
    let schema = table.arrow_schema();
    let batches = (0..n_rows)
        .step_by(8_192)
        .map(|first| customers(&schema, first..(first + 8_192).min(n_rows)))
        .collect::<Result<Vec<_>, _>>()?;

    let catalog = LocalCatalog::new(Path::new(&folder));
    let options =
        PublicationOptions { lock_wait: Duration::ZERO, keep_old_runs: Duration::from_secs(60) };
    let run_id = RunId::new(SystemTime::now());
    let date = "2011-12-10".parse()?;
    let start = Instant::now();
    let tables = [table];
    let publication = Publication::begin(&catalog, &tables, &[], run_id, date, &options)?;
    let begun = start.elapsed();
    let sorted = WriteOptions { sorted_by: Some("customer_id".to_owned()), ..Default::default() };
    let mut writer = publication.table_writer(&tables[0], sorted)?;
    for batch in &batches {
        writer.write(batch)?;
    }
    let written = writer.finish()?;
    let bytes = written.bytes();
    let finished = start.elapsed();
    publication.publish(vec![written])?;
    println!("begin {begun:?}, write {:?} ({bytes} bytes)", finished - begun);
    println!("publish {:?}", start.elapsed() - finished);

    let state = catalog.load()?;
    let entry = state.table(&tables[0].qualified_name()).ok_or("the table is gone")?;
    let partition = entry.partitions.values().next().ok_or("the partition is gone")?;
    let files = catalog.data_files(partition)?;
    let start = Instant::now();
    let mut n_read = 0;
    for batch in read_files(files, schema.clone()) {
        n_read += batch?.num_rows();
    }
    println!("read {n_read} rows in {:?}", start.elapsed());
    Ok(())
}

fn customers(schema: &SchemaRef, ids: std::ops::Range<i64>) -> Result<RecordBatch, Box<dyn Error>> {
    let ints = |range, salt: i64| -> ArrayRef {
        let value = move |id: i64| (mix(id + salt) % range) as i32 + 1;
        Arc::new(Int32Array::from_iter_values(ids.clone().map(value)))
    };
    let money = ids.clone().map(|id| i128::from(mix(id + 7) % 100_000_000));
    // whole minutes of one year, as in order data
    let orders = ids.clone().map(|id| (1_290_000_000 + mix(id + 8) % 525_600 * 60) * 1_000_000);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        ints(365, 1),
        Arc::new(Int64Array::from_iter_values(ids.clone().map(|id| mix(id + 2) % 40 + 1))),
        Arc::new(Decimal128Array::from_iter_values(money).with_precision_and_scale(20, 4)?),
        Arc::new(TimestampMicrosecondArray::from_iter_values(orders)),
        Arc::new(StringArray::from_iter_values(
            ids.clone().map(|id| format!("Country {}", mix(id + 3) % 38)),
        )),
        ints(5, 4),
        ints(5, 5),
        ints(5, 6),
    ];
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// A number that looks random, at least 0.
fn mix(n: i64) -> i64 {
    let mut x = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 31;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ x >> 29) >> 2) as i64
}
