//! What tests begin with: a starting point on the monotonic clock, and a packet.

use std::time::Instant;

#[cfg(test)]
use sfu_protocol::media::Codec;

use crate::media::packet::{Format, Packet};
use crate::media::piece::Piece;

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
        simulcast: true,
        piece: Piece::default(),
        audio_level: None,
        orientation: None,
    }
}

/// A packet of a layer, with which a receiver can begin.
#[cfg(test)]
pub(crate) fn of_layer(layer: u8) -> Packet {
    let format = Format {
        codec: Codec::Vp8,
        profile: 0,
    };
    Packet {
        layer,
        ..packet(format, 0, 0)
    }
}
