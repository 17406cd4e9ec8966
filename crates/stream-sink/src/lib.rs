//! Writes a stream of rows to Hive-partitioned Parquet, exactly once.
//!
//! Rows are numbered by a [`source::Source`], a partition of a Kafka topic, and an offset in it. A [`sink::Sink`] collects them in files
//! (`open_files`), commits the files and the range of offsets they hold in a commit log ([`log`], where the argument stands),
//! and a [`publisher::Publisher`] makes them visible to readers of the tables. [`compact::compact`] makes few
//! large files of the many small ones of past days.
//!
//! It knows nothing of Kafka itself, nor of what is in the rows. Files are wherever a [`store::Location`] is.

pub mod compact;
pub mod entry;
pub mod error;
pub mod fault;
pub mod layout;
pub mod log;
mod open_files;
pub mod publisher;
pub mod replaced;
pub mod sink;
pub mod source;
mod staged;
