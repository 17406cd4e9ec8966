//! What stores on the network have in common: threads of their own for their clients, whose callers block, and files
//! that are read ahead.
//!
//! A store says how a range of a file is fetched ([`Source`]); [`RemoteFile`] makes a [`store::ReadAt`] of it, which
//! any number of threads may use.

mod file;
mod read_ahead;
mod threads;

use std::fmt::Debug;
use std::future::Future;

use bytes::Bytes;
use store::{StoreError, StoreErrorKind};

pub use self::file::RemoteFile;
pub use self::threads::Threads;

/// A file that is open, as its store knows it.
pub trait Source: Debug + Send + Sync + 'static {
    /// What goes wrong. Several readers may wait for the same bytes and get the same.
    type Problem: Clone + Send + Sync + 'static;

    /// Where [`Self::fetch`] runs.
    fn threads(&self) -> &'static Threads;

    /// Bytes in the file when it was opened.
    fn size(&self) -> u64;

    /// The bytes of a range within the file, in pieces as they came: all of them.
    fn fetch(
        &self,
        offset: u64,
        length: u64,
    ) -> impl Future<Output = Result<Vec<Bytes>, Self::Problem>> + Send;

    /// A problem that did not come from the store's server.
    fn problem(&self, kind: StoreErrorKind, text: String) -> Self::Problem;

    /// What the caller gets, who was reading at `offset`.
    fn error(&self, problem: Self::Problem, offset: u64) -> StoreError;
}
