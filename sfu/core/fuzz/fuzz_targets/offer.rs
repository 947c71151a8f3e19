#![no_main]

// Read by sfu/core/src/connection/answer.rs, sfu/core/src/connection/negotiate.rs, sfu/core/src/shard/offer.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::offer(input));
