//! The AWS Glue Data Catalog in the place of a Hive metastore.
//!
//! [`Glue`] is a [`MetastoreCalls`](hive_catalog::MetastoreCalls), so what is done with it stands in
//! [`HiveCatalog`](hive_catalog::HiveCatalog): tables, partitions and views are the same as in a metastore, and Hive and
//! Spark on EMR find them there.
//!
//! # What differs from a metastore
//! - Glue counts the versions of a table, and an update can say which one it is meant for: a view that somebody else has
//!   changed meanwhile is left alone. For partitions there is no such thing; the claims in the warehouse have to do.
//! - Several partitions are added or read in one request, but not at once: some may be there and others not. They are asked
//!   for again.
//! - It never makes or removes folders.
//! - Rights are given by request. An error names the one that is missing; `emr/iam/node-glue.json` has all of them.
//!
//! # Repetition
//! Requests that fail on the way are made again, first by AWS's client, then for as long as
//! [`GlueSettings::keep_trying`] says. So each may arrive twice, as with a metastore.

mod answer;
mod calls;
mod client;
mod convert;

pub use self::client::{Glue, GlueSettings, OPERATIONS};
