#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::dates_and_money::check(data));
