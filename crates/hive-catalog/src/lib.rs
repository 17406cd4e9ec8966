//! The tables of a warehouse in a Hive metastore, of Hive 4.0 or 3.1.
//!
//! [`HiveCatalog`] is a [`warehouse::catalog::Catalog`]: it creates database, tables and views from `hive/ddl`, points
//! partitions at the files of a run and views at the newest snapshot. [`Metastore`] is the client below it. Other servers
//! that keep tables as Hive does can take its place: [`MetastoreCalls`].
//!
//! # What differs from the local catalog
//! - A metastore changes one object at a time. So partitions are changed before views: whoever reads through a view
//!   sees the snapshot before or the new one whole, but the view of another table may be a moment behind.
//! - It has no lock that can be relied on (tables without transactions), so the claim is a file in the warehouse
//!   ([`warehouse::claim`]). A Hive 4 metastore also compares a view's `rfm.run_id` with what was read before it
//!   changes the view; one of Hive 3.1 does not.
//! - Order tables are locked by nobody who adds to them. Whoever moves or drops partitions holds a claim for that table,
//!   `_catalog/<table>/claim`, and waits for no publication.
//!
//! # Repetition
//! A call may be made again without being asked (`client.rs`), so every change here is one that may happen twice.
//! Nor does a call end when nobody waits for it any more: a metastore that hung carries out, when it goes on, what it
//! had received. So a publication that gave up may still show its snapshot of some table later, until it is run again;
//! its files stay as long as the metastore cannot be asked. So may a partition of an order table that could not be moved
//! be moved later: the folder that it was to get has to stay until the metastore answers again and says where it is.

mod address;
mod answer;
mod calls;
mod catalog;
mod client;
mod connect;
mod definitions;
mod error;

pub use self::address::{Address, InvalidAddress};
pub use self::calls::{FoundTable, MetastoreCalls, PARTITIONS_PER_CALL, or_none};
pub use self::catalog::HiveCatalog;
pub use self::client::{Metastore, MetastoreSettings};
pub use self::error::{MetastoreError, MetastoreErrorKind};
