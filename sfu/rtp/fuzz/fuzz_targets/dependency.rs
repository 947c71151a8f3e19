#![no_main]

// Read by sfu/rtp/src/dependency.rs, sfu/rtp/src/dependency/bits.rs, sfu/rtp/src/dependency/read.rs, sfu/rtp/src/dependency/rewrite.rs, sfu/rtp/src/dependency/write.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_rtp_fuzz::dependency(input));
