//! Files from frames: the only place that knows ffmpeg.
//!
//! - [`render`] makes one MP4 (H.264 and AAC) of a whole recording: every track placed on the
//!   recording's one clock, pictures laid out by scenes, sound mixed.
//! - [`write_track`] makes one file of one track without transcoding.
//! - [`probe`] reads back what a file holds.
//! - [`synthetic`] is the participant of a demo meeting: real VP8 and Opus, drawn and spoken here.
//!
//! Everything streams: whatever the length of a recording, one picture of each video track and
//! one block of sound of each audio track are held decoded.
//!
//! What is not here: the order of frames, the clock they are placed on and the layout are
//! decided by `recorder-core`; files are named, stored and hashed by the rest of `recorder`.

mod av1;
mod canvas;
mod decode;
mod encode;
mod label;
mod lettering;
mod limiter;
mod mask;
mod mix;
mod probe;
mod reel;
mod render;
mod scale;
pub mod synthetic;
#[cfg(test)]
mod tests;
mod tracks;
mod webm;

use std::sync::Once;

use ffmpeg_next as ffmpeg;

pub use probe::{Probe, ProbeError, probe};
pub use render::{ComposeError, ComposeJob, render};
pub use tracks::{TrackFile, TrackFileError, track_extension, write_track};

/// The sample rate of everything heard, in hertz. Opus decodes to it and AAC takes it.
const SAMPLE_RATE_HZ: i64 = 48_000;

/// The longest recording whose file somebody is taken to wait for. Making it takes minutes at most.
pub(crate) const SHORT_US: i64 = 600_000_000;

/// Both ears of one sample.
type Stereo = [f32; 2];

/// How late an Opus encoder's sound comes out of the decoder, in samples at 48 kHz: the look-ahead
/// of libopus in its ordinary modes (RFC 7845, section 4.2, "pre-skip"). Browsers and this
/// module's own encoder use it, and RTP has no field that says so. Not taking it off would put
/// all sound 6.5 ms late.
const OPUS_LOOKAHEAD_SAMPLES: i64 = 312;

/// What this machine's FFmpeg lacks, by FFmpeg's names; empty when everything is there.
///
/// To be called once at start, so that a missing codec is named to the operator then and not
/// found after an hour of recording.
pub fn codecs_missing() -> Vec<&'static str> {
    prepare();
    let encoders = ["libx264", "aac", "libvpx", "libopus"]
        .into_iter()
        .filter(|name| ffmpeg::encoder::find_by_name(name).is_none());
    let decoders = [
        (
            "vp8 (decoder)",
            decode::choose(sfu_protocol::media::Codec::Vp8),
        ),
        (
            "vp9 (decoder)",
            decode::choose(sfu_protocol::media::Codec::Vp9),
        ),
        (
            "h264 (decoder)",
            decode::choose(sfu_protocol::media::Codec::H264),
        ),
        (
            "libdav1d (decoder)",
            decode::choose(sfu_protocol::media::Codec::Av1),
        ),
        (
            "opus (decoder)",
            decode::choose(sfu_protocol::media::Codec::Opus),
        ),
    ]
    .into_iter()
    .filter(|(_, found)| found.is_none())
    .map(|(name, _)| name);
    let muxer = (!encode::mp4_is_there()).then_some("mp4 (muxer)");
    encoders.chain(decoders).chain(muxer).collect()
}

/// Makes FFmpeg ready: once a process, however often it is called.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // FFmpeg prints to stderr past our log. Broken frames are expected from a network and are
        // skipped here; what cannot be skipped comes back as an error.
        ffmpeg::log::set_level(ffmpeg::log::Level::Fatal);
    });
}
