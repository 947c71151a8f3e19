//! What a source of encoded frames is. Encoding happens elsewhere: real frames come from files,
//! test frames from [`crate::synthetic`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sfu_protocol::media::Source;
use sfu_rtp::dependency::{Frame, Structure};

/// Most layers of one track: `q`, `h` and `f`.
pub const MAX_LAYERS: u8 = 3;

/// RTP clock of video, in hertz.
pub const VIDEO_CLOCK_HZ: u64 = 90_000;

/// RTP clock of Opus, in hertz (RFC 7587, section 4.1).
pub const OPUS_CLOCK_HZ: u64 = 48_000;

/// A time that does not come.
pub const NEVER_US: u64 = u64::MAX;

/// One whole frame of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// 0 is the smallest.
    pub layer: u8,
    /// Since the source began, in units of [`VIDEO_CLOCK_HZ`].
    pub timestamp: u64,
    /// Whether a decoder can start here; of a picture that is built of layers, whether it is a key
    /// picture.
    pub keyframe: bool,
    /// The bitstream of this frame; of VP8 as RFC 6386 has it.
    pub data: Bytes,
    /// Its place in a picture that is built of layers; none where each layer is a stream of its
    /// own.
    pub place: Option<Place>,
}

/// Where a frame stands in a stream that is built of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it needs, and for what it is needed.
    pub frame: Frame,
    /// How the stream is built.
    pub structure: Arc<Structure>,
    /// Whether it is the last of its picture.
    pub is_last: bool,
}

/// One Opus packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// Since the source began, in units of [`OPUS_CLOCK_HZ`].
    pub timestamp: u64,
    /// The Opus packet (RFC 6716).
    pub data: Bytes,
    /// Loudness in dBov, -127 (silence) to 0 (RFC 6464).
    pub level_dbov: i8,
    /// Whether it is a voice (RFC 6464).
    pub voice: bool,
}

/// Where a participant's media comes from. Times are microseconds since the source began.
///
/// A source is asked for every frame in order, also while its track is muted: what is not sent
/// is thrown away by the participant, so a source never holds a backlog.
pub trait MediaSource {
    /// The frames of `source` that have become due by `at_us`, every layer, in order of time.
    fn video(&mut self, source: Source, at_us: u64) -> Vec<EncodedFrame>;

    /// The packets of `source` that have become due by `at_us`, in order of time.
    fn audio(&mut self, source: Source, at_us: u64) -> Vec<AudioFrame>;

    /// A receiver needs a keyframe of this layer. A source that cannot make one at will gives
    /// one regularly.
    fn request_keyframe(&mut self, source: Source, layer: u8);

    /// When the next frame of any source that was asked for is due; [`NEVER_US`] when none is.
    fn next_at_us(&self) -> u64;
}

impl<M: MediaSource + ?Sized> MediaSource for Box<M> {
    fn video(&mut self, source: Source, at_us: u64) -> Vec<EncodedFrame> {
        (**self).video(source, at_us)
    }

    fn audio(&mut self, source: Source, at_us: u64) -> Vec<AudioFrame> {
        (**self).audio(source, at_us)
    }

    fn request_keyframe(&mut self, source: Source, layer: u8) {
        (**self).request_keyframe(source, layer);
    }

    fn next_at_us(&self) -> u64 {
        (**self).next_at_us()
    }
}

/// Microseconds of `timestamp` units of a clock, rounded down.
pub fn timestamp_to_us(timestamp: u64, clock_hz: u64) -> u64 {
    let seconds = timestamp / clock_hz;
    let rest = timestamp % clock_hz;
    seconds * 1_000_000 + rest * 1_000_000 / clock_hz
}

/// Clock units of `at_us` microseconds, rounded to the nearest.
pub fn us_to_timestamp(at_us: u64, clock_hz: u64) -> u64 {
    let seconds = at_us / 1_000_000;
    let rest = at_us % 1_000_000;
    seconds * clock_hz + (rest * clock_hz + 500_000) / 1_000_000
}

/// When a frame was captured of a source that began at `began`; never in the future, for str0m
/// dates its sender reports by it.
pub fn captured(began: Instant, now: Instant, timestamp: u64, clock_hz: u64) -> Instant {
    (began + Duration::from_micros(timestamp_to_us(timestamp, clock_hz))).min(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_and_microseconds_convert_without_overflow_or_drift() {
        for (at_us, clock_hz, timestamp) in [
            (0, VIDEO_CLOCK_HZ, 0),
            (1_000_000, VIDEO_CLOCK_HZ, 90_000),
            (33_333, VIDEO_CLOCK_HZ, 3_000),
            (20_000, OPUS_CLOCK_HZ, 960),
            (u64::MAX / 100_000_000, OPUS_CLOCK_HZ, 8_854_437_155),
        ] {
            assert_eq!(us_to_timestamp(at_us, clock_hz), timestamp);
            let back = timestamp_to_us(timestamp, clock_hz);
            assert!(
                back.abs_diff(at_us) <= 21,
                "{at_us} came back as {back}: one clock tick is the most that is lost"
            );
        }
    }
}
