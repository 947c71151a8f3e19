#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| turn_core_fuzz::client(input));
