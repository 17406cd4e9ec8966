//! The crate from outside.
#![allow(clippy::unwrap_used)]

mod fuzz_corpus;
mod scan;
