#![no_main]

// Read by recorder/core/src/tape/mod.rs, recorder/core/src/tape/read.rs, recorder/core/src/tape/segments.rs, recorder/core/src/tape/write.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| recorder_core_fuzz::tape(input));
