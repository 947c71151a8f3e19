#![no_main]

// Read by sfu/core/src/connection/bindings.rs, sfu/core/src/connection/drive.rs, sfu/core/src/connection/uplink.rs, sfu/core/src/forward.rs, sfu/core/src/media/anchor.rs, sfu/core/src/media/layer.rs, sfu/core/src/media/policer.rs, sfu/core/src/media/scale.rs, sfu/core/src/media/vp8.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::established(input));
