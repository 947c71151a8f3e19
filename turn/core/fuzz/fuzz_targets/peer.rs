#![no_main]

// Read by turn/core/src/allocation.rs, turn/core/src/server.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| turn_core_fuzz::peer(input));
