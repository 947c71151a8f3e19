//! The value that is forwarded. Read once when it arrives, then only looked at.

use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::Codec;

use super::piece::Piece;

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
    /// The layers of its track are streams of their own, not parts of one.
    pub(crate) simulcast: bool,
    /// What of a picture it carries.
    pub(crate) piece: Piece,
    /// How loud it is, as its sender wrote it (RFC 6464): a voice bit, and how far below the
    /// loudest.
    pub(crate) audio_level: Option<u8>,
    /// How the picture is to be turned, as its sender wrote it.
    pub(crate) orientation: Option<u8>,
}

impl Packet {
    /// Loudness in dBov, 0 the loudest, -127 silence.
    pub(crate) fn level_dbov(&self) -> Option<i8> {
        self.audio_level.map(|level| -((level & 0x7f) as i8))
    }
}
