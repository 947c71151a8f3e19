#![no_main]

// Read by sfu/core/src/connection/checks.rs, sfu/core/src/connection/way.rs, sfu/core/src/demux.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::demux(input));
