#![no_main]

// Read by sfu/core/src/connection/bindings.rs, sfu/core/src/demux.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::demux(input));
