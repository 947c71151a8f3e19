#![no_main]

// Read by sfu/core/src/connection/drive.rs, sfu/core/src/connection/feedback.rs, sfu/core/src/connection/incoming.rs, sfu/core/src/connection/probing.rs, sfu/core/src/connection/recover.rs, sfu/core/src/connection/repair.rs, sfu/core/src/connection/sent.rs, sfu/core/src/connection/uplink.rs, sfu/core/src/forward.rs, sfu/core/src/media/anchor.rs, sfu/core/src/media/layer.rs, sfu/core/src/media/policer.rs, sfu/core/src/media/scale.rs, sfu/core/src/media/vp8.rs, sfu/rtp/src/feedback.rs, sfu/rtp/src/rtcp.rs, sfu/rtp/src/srtp.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_core_fuzz::established(input));
