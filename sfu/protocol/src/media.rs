//! Sources, kinds, codecs and media time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a track shows or plays. A participant publishes each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The participant's camera.
    Camera,
    /// The participant's microphone.
    Microphone,
    /// A shared tab, window or screen.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
}

impl Source {
    /// Every source, in the order in which lists show them.
    pub const ALL: [Source; 4] = [
        Source::Camera,
        Source::Microphone,
        Source::Screen,
        Source::ScreenAudio,
    ];

    /// Whether the source is seen or heard.
    pub fn kind(self) -> Kind {
        match self {
            Source::Camera | Source::Screen => Kind::Video,
            Source::Microphone | Source::ScreenAudio => Kind::Audio,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Camera => "camera",
            Source::Microphone => "microphone",
            Source::Screen => "screen",
            Source::ScreenAudio => "screen_audio",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a source: one of camera, microphone, screen, screen_audio")]
pub struct ParseSourceError;

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Source::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(ParseSourceError)
    }
}

/// Seen or heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Heard.
    Audio,
    /// Seen.
    Video,
}

/// A codec that the SFU forwards and the recorder can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// RFC 6716, RFC 7587.
    Opus,
    /// RFC 6386, RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// AV1 RTP payload format, version 1.0.
    Av1,
}

impl Codec {
    /// RTP clock rate in hertz.
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::Av1 => 90_000,
        }
    }

    /// Whether the codec is seen or heard.
    pub fn kind(self) -> Kind {
        match self {
            Codec::Opus => Kind::Audio,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::Av1 => Kind::Video,
        }
    }
}

/// A place on a node's media clock: microseconds since the Unix epoch as the node's wall clock
/// stood when the process started, advanced by the monotonic clock since. It never jumps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MediaTime(pub u64);

impl MediaTime {
    /// Milliseconds since the Unix epoch.
    pub fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// Microseconds from `earlier` to `self`, zero when `earlier` is later.
    pub fn since_us(self, earlier: MediaTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
