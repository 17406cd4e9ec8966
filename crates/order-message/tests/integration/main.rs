//! Messages as the topic has them: every rule by name, agreement with a slow reading, and there and back.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests, and a module of the fuzz targets")]

mod agreement;
mod fuzz_corpus;
mod round_trip;
mod rules;
#[path = "../../../../fuzz/src/decode_message.rs"]
mod slow;
mod values;
