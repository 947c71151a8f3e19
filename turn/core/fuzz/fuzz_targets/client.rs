#![no_main]

// Read by turn/core/src/auth.rs, turn/core/src/channel_data.rs, turn/core/src/server.rs, turn/core/src/stun/message.rs

libfuzzer_sys::fuzz_target!(|input: &[u8]| turn_core_fuzz::client(input));
