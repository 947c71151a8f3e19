#![no_main]

// Read by sfu/core/src/connection/downlink.rs, sfu/core/src/media/closed.rs, sfu/core/src/media/described.rs, sfu/core/src/media/h264.rs, sfu/core/src/media/picture_id.rs, sfu/core/src/media/rewrite.rs, sfu/core/src/media/rewrite/segment.rs, sfu/core/src/media/scale.rs, sfu/core/src/media/select.rs, sfu/core/src/media/vp8.rs, sfu/core/src/media/vp9.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::payload(input));
