#![no_main]

// Read by sfu/rtp/src/arrivals.rs, sfu/rtp/src/reception.rs, sfu/rtp/src/rtp.rs, sfu/rtp/src/srtp.rs, sfu/rtp/src/srtp/counter.rs, sfu/rtp/src/srtp/gcm.rs, sfu/rtp/src/window.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| sfu_rtp_fuzz::packet(input));
