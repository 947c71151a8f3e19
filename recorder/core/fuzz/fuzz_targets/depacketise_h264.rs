#![no_main]

// Read by recorder/core/src/depacketise/h264.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| recorder_core_fuzz::depacketise_h264(input));
