#![no_main]

// Read by sfu/protocol/src/ids.rs, sfu/protocol/src/media.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_protocol_fuzz::signal(input));
