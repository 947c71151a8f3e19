#![no_main]

// Read by sfu/core/src/media/red.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::red(input));
