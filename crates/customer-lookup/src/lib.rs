//! Customers of published snapshots, one at a time and quickly: what a page asks for while somebody waits.
//!
//! - [`CustomerFiles`]: the files of one partition, open, with their footers and page indexes in memory. A look-up reads
//!   and decodes one page of each column, without opening anything.
//! - [`BoundedCache`]: keeps such things within a number of bytes; the least recently used one goes first.
//! - [`Ranks`]: the place of an amount among all of them, in one to three bytes a customer.
//!
//! Nothing here looks at a catalog: which files are a snapshot is told by `warehouse::catalog`.

mod cache;
mod files;
mod ranks;

pub use self::cache::BoundedCache;
pub use self::files::CustomerFiles;
pub use self::ranks::{Ranks, RanksBuilder};
