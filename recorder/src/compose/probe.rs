//! What a finished file holds.

use std::path::Path;

use ffmpeg::codec::Context;
use ffmpeg::media::Type;
use ffmpeg_next as ffmpeg;

use super::{encode, prepare};

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// How long it plays.
    pub duration_us: i64,
    /// Width and height of its picture; None when it is only heard.
    pub picture: Option<(u32, u32)>,
    /// Whether it is heard.
    pub sound: bool,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("not a media file: {0}")]
pub struct ProbeError(#[from] ffmpeg::Error);

/// Opens a file and reads what it holds.
pub fn probe(file: &Path) -> Result<Probe, ProbeError> {
    prepare();
    let input = ffmpeg::format::input(&encode::url(file)?)?;
    let mut picture = None;
    if let Some(stream) = input.streams().best(Type::Video) {
        let video = Context::from_parameters(stream.parameters())?
            .decoder()
            .video()?;
        picture = Some((video.width(), video.height()));
    }
    Ok(Probe {
        // FFmpeg counts a file's length in microseconds.
        duration_us: input.duration(),
        picture,
        sound: input.streams().best(Type::Audio).is_some(),
    })
}
