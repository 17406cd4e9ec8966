//! How long a look-up takes: `cargo run --release -p customer-lookup --example customer_rate -- 1000000 [FOLDER]`.
//!
//! Publishes so many made-up customers in a warehouse in FOLDER (a temporary one without it; one that is there already is used
//! as it is), then asks for random ones, present and absent, each in both tables by customer.

#![allow(clippy::print_stdout, reason = "results go to stdout")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use customer_lookup::{CustomerFiles, RanksBuilder};
use warehouse::catalog::Catalog;
use warehouse::ddl::{Ddl, Naming, TableDef};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions};
use warehouse::run_id::RunId;

const LOOKUPS: usize = 20_000;
const SEGMENTS: [&str; 4] = ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let customers: i64 = arguments.next().ok_or("how many customers?")?.parse()?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.next().unwrap_or(temporary.path().to_string_lossy().into_owned());
    let ddl = Ddl::load(&Naming::new("default", "", &folder)?)?;
    let catalog = LocalCatalog::new(&folder);
    if catalog.load()?.tables.is_empty() {
        let started = Instant::now();
        publish(&catalog, &ddl, customers)?;
        println!("{customers} customers published in {:.1} s", started.elapsed().as_secs_f64());
    }

    let state = catalog.load()?;
    let mut tables = Vec::new();
    // As the dashboard reads them: all columns of the one, few of the other.
    for view in ["default.ecom_user_segments_current", "default.ecom_user_rfm_current"] {
        let (table, partition) = state.resolve_view(view).ok_or("nothing is published")?;
        tables.push((catalog.data_files(partition)?, table.arrow_schema()));
    }
    let started = Instant::now();
    let open_all = || {
        tables.iter().map(|(files, schema)| {
            let mut columns: Vec<&str> =
                schema.fields().iter().map(|f| f.name().as_str()).collect();
            if schema.column_with_name("last_order").is_some() {
                columns = vec!["country", "last_order"];
            }
            CustomerFiles::open(files, schema, &columns)
        })
    };
    let mut open: Vec<CustomerFiles> = open_all().collect::<Result<_, _>>()?;
    let bytes: usize = open.iter().map(CustomerFiles::memory_bytes).sum();
    println!(
        "opened in {:.1} ms, {:.1} MiB",
        millis(started.elapsed()),
        bytes as f64 / 1_048_576.0
    );
    println!("{:34} {:>9} {:>9} {:>9}", "", "p50 ms", "p99 ms", "max ms");
    let mut random = 42;
    // Ids are 3 apart: two of three are nobody's.
    for (what, offset) in [("present", 0), ("absent", 1)] {
        let times = measure(LOOKUPS, || {
            let id = next(&mut random) % customers * 3 + offset;
            for files in &open {
                assert_eq!(files.find(id)?.is_some(), offset == 0);
            }
            Ok(())
        })?;
        print(&format!("open files, {what}"), times);
    }
    let times = measure(200, || {
        let id = next(&mut random) % customers * 3;
        open = open_all().collect::<Result<_, _>>()?;
        for files in &open {
            assert!(files.find(id)?.is_some());
        }
        Ok(())
    })?;
    print("opening the files each time", times);

    let mut ranks = RanksBuilder::default();
    (0..customers).for_each(|n| ranks.push(monetary(n)));
    let started = Instant::now();
    let ranks = ranks.finish();
    let bytes = ranks.memory_bytes() as f64;
    let each = bytes / customers as f64;
    println!(
        "ranks: {:.1} MiB ({each:.2} bytes a customer) in {:.0} ms",
        bytes / 1_048_576.0,
        millis(started.elapsed())
    );
    let times = measure(LOOKUPS, || {
        std::hint::black_box(ranks.larger_than(monetary(next(&mut random) % customers)));
        Ok(())
    })?;
    print("rank", times);
    Ok(())
}

fn measure(
    n: usize,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut times = Vec::with_capacity(n);
    for _ in 0..n {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn print(what: &str, times: Vec<Duration>) {
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let max = times.last().copied().unwrap_or_default();
    println!("{what:34} {:9.3} {:9.3} {:9.3}", millis(at(50)), millis(at(99)), millis(max));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// SplitMix64, without its sign.
fn next(state: &mut u64) -> i64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    (mix(*state) >> 1) as i64
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What the customer of a number has spent: widely different amounts.
fn monetary(n: i64) -> i128 {
    let unit = (mix(n as u64) >> 11) as f64 / (1_u64 << 53) as f64;
    (100_000.0 * (unit * 9.0).exp()) as i128
}

fn publish(catalog: &LocalCatalog, ddl: &Ddl, customers: i64) -> Result<(), Box<dyn Error>> {
    let options = PublicationOptions {
        lock_wait: Duration::from_secs(60),
        keep_old_runs: Duration::from_secs(86_400),
    };
    let run = RunId::new(SystemTime::now());
    let day = "2011-12-10".parse()?;
    let run_id = run.to_string();
    let publication = Publication::begin(catalog, &ddl.tables, &ddl.views, run, day, &options)?;
    let mut written = Vec::new();
    for table in &ddl.tables {
        let mut options = WriteOptions::default();
        if table.columns.iter().any(|column| column.name == "customer_id") {
            options.sorted_by = Some("customer_id".to_owned());
        }
        let is_profiles = options.sorted_by.is_none();
        let mut writer = publication.table_writer(table, options)?;
        if is_profiles {
            writer.write(&batch(table, &(0..4).collect::<Vec<_>>(), customers, &run_id)?)?;
        } else {
            let mut from = 0;
            while from < customers {
                let to = (from + 65_536).min(customers);
                writer.write(&batch(
                    table,
                    &(from..to).collect::<Vec<_>>(),
                    customers,
                    &run_id,
                )?)?;
                from = to;
            }
        }
        written.push(writer.finish()?);
    }
    publication.publish(written)?;
    Ok(())
}

fn batch(
    table: &TableDef,
    numbers: &[i64],
    customers: i64,
    run_id: &str,
) -> Result<RecordBatch, Box<dyn Error>> {
    let all = || numbers.iter().copied();
    let schema = table.arrow_schema();
    let money = |values: Vec<i128>, precision| -> Result<ArrayRef, Box<dyn Error>> {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, 4)?;
        Ok(Arc::new(array))
    };
    let mut columns: Vec<ArrayRef> = Vec::new();
    for field in schema.fields() {
        // Those of the same name in the table of profiles are of segments 0 to 3.
        let is_profile = table.name.ends_with("profiles");
        columns.push(match field.name().as_str() {
            "customer_id" => Arc::new(Int64Array::from_iter_values(all().map(|n| n * 3))),
            "recency_days" => Arc::new(Int32Array::from_iter_values(
                all().map(|n| 1 + (mix(n as u64) % 700) as i32),
            )),
            "frequency" => Arc::new(Int64Array::from_iter_values(all().map(|n| 1 + n % 40))),
            "monetary" => money(all().map(monetary).collect(), 20)?,
            "revenue" => money(all().map(|_| 10_i128.pow(10)).collect(), 24)?,
            "avg_monetary" => money(all().map(|_| 10_i128.pow(6)).collect(), 20)?,
            "segment_id" => Arc::new(Int32Array::from_iter_values(all().map(|n| (n % 4) as i32))),
            "segment" => {
                let names =
                    all().map(|n| SEGMENTS.get((n % 4) as usize).copied().unwrap_or_default());
                Arc::new(StringArray::from_iter_values(names))
            }
            "customers" if is_profile => {
                Arc::new(Int64Array::from_iter_values(all().map(|_| customers / 4)))
            }
            "rfm_group" | "country" => {
                Arc::new(StringArray::from_iter_values(all().map(|n| format!("name {}", n % 38))))
            }
            "last_order" => {
                let times = all().map(|n| 1_323_273_120_000_000 - n % 1_000 * 60_000_000);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times))
            }
            "r_score" | "f_score" | "m_score" => {
                Arc::new(Int32Array::from_iter_values(all().map(|n| (1 + n % 5) as i32)))
            }
            "k" => Arc::new(Int32Array::from_iter_values(all().map(|_| 4))),
            "run_id" => Arc::new(StringArray::from_iter_values(all().map(|_| run_id))),
            _ => {
                let values = all().map(|n| mix(n as u64) as f64 / 1e19);
                Arc::new(Float64Array::from_iter_values(values))
            }
        });
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}
