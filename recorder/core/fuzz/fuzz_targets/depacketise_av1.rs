#![no_main]

// Read by recorder/core/src/depacketise/av1.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| recorder_core_fuzz::depacketise_av1(input));
