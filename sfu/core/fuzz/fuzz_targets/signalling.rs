#![no_main]

// Read by sfu/core/src/room/permission.rs, sfu/core/src/room/seat.rs, sfu/core/src/room/slots.rs, sfu/core/src/room/tracks.rs, sfu/core/src/shard/signal.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::signalling(input));
