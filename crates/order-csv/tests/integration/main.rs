//! The crate from outside.
#![allow(clippy::unwrap_used)]

mod far_store;
mod fuzz_corpus;
mod other_stores;
mod parts;
mod scan;
