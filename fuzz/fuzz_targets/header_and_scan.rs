#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::header_and_scan::check(data));
