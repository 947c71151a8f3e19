#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::signalling(input));
