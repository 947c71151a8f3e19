#![no_main]

// Read by sfu/core/src/link/mod.rs, sfu/core/src/link/recording.rs, sfu/core/src/link/recording/again.rs, sfu/core/src/link/ring.rs, sfu/core/src/shard/control.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::link(input));
