#![no_main]

#[path = "../src/decode_message.rs"]
#[allow(unreachable_pub, reason = "a module of a test as well")]
mod decode_message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode_message::check(data));
