//! The same rows in every reader: Hive 4, Spark with its own reader and with Hive's of an older version, DuckDB, and
//! this suite's own.

mod every_type;
mod hive;
mod partition_values;
mod shop;
mod spark;
mod table;
mod text;
mod values;
