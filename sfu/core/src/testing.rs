//! What tests begin with: a starting point on the monotonic clock, and a packet.

use std::time::Instant;

use crate::media::packet::{Format, Packet};

/// Some moment. Every other moment of a test is counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "tests need one real Instant: the type has no other constructor"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A packet with which a receiver can begin, of the smallest layer.
pub(crate) fn packet(format: Format, seq: u64, timestamp: u32) -> Packet {
    Packet {
        layer: 0,
        format,
        seq,
        timestamp,
        marker: false,
        payload: Vec::new().into(),
        arrived: start(),
        late: false,
        entry_point: true,
        height: None,
        vp8: None,
        audio_level: None,
        orientation: None,
    }
}
