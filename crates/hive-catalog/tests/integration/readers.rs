//! The same rows in every reader: Hive 4, Spark with its own reader and with Hive's of an older version, DuckDB, and
//! this suite's own.
//!
//! Trino 476 was tried by hand, for it is a download of 800 MB: on both metastores it reads all of this alike, also the
//! dates of long ago, a null key and the views, which it shows with `hive.hive-views.enabled=true`. Its default rounds
//! timestamps to milliseconds: `hive.timestamp-precision=MICROSECONDS`.

mod every_type;
mod hive;
mod orders;
mod partition_values;
mod shop;
mod spark;
mod table;
mod text;
mod values;
