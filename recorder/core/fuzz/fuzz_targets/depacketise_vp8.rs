#![no_main]

// Read by recorder/core/src/depacketise/vp8.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| recorder_core_fuzz::depacketise_vp8(input));
