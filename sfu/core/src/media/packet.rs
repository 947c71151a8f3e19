//! The value that is forwarded. Read once when it arrives, then only looked at.

use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::Codec;
use str0m::rtp::{ExtensionValues, Vp8Descriptor};

/// Layers of one track, at most. More rids than that are refused in the offer.
pub(crate) const MAX_LAYERS: usize = 4;

/// A codec with the parameter that makes two payload types of the same codec incompatible:
/// H.264 packetization mode and profile, VP9 and AV1 profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    pub(crate) profile: u32,
}

/// A publisher's RTP packet, decrypted.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// 0 is the smallest.
    pub(crate) layer: u8,
    pub(crate) format: Format,
    /// Extended (RFC 3550, appendix A.1); the layer's own.
    pub(crate) seq: u64,
    /// The layer's own, in units of the codec's clock.
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) arrived: Instant,
    /// Older than one that came before it: repaired or reordered.
    pub(crate) late: bool,
    /// Where a receiver can begin: the first packet of a keyframe, any packet of audio.
    pub(crate) entry_point: bool,
    /// Picture height, when this packet says it.
    pub(crate) height: Option<u16>,
    /// Where the VP8 payload descriptor keeps its numbers.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// Loudness in dBov, 0 the loudest, -127 silence (RFC 6464).
    pub(crate) level_dbov: Option<i8>,
    /// Header extensions that are passed on.
    pub(crate) extensions: ExtensionValues,
}
