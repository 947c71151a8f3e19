#![no_main]

// Read by sfu/rtp/src/feedback.rs, sfu/rtp/src/rtcp.rs, sfu/rtp/src/srtp.rs, sfu/rtp/src/srtp/counter.rs, sfu/rtp/src/srtp/gcm.rs, sfu/rtp/src/window.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_rtp_fuzz::control(input));
