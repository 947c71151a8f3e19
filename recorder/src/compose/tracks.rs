//! One file of one track, as it was received: nothing is encoded anew.
//!
//! WebM for VP8, VP9, AV1 and Opus; MP4 for H.264. Times are those of the recording's clock: a
//! track that began late begins late in its file (in an MP4 its first picture stands until then), so that
//! files laid over each other are in step.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use ffmpeg::codec::Context;
use ffmpeg::codec::packet::Flags;
use ffmpeg::format::Pixel;
use ffmpeg::format::context::Output;
use ffmpeg::{Dictionary, Packet, Rational, encoder};
use ffmpeg_next as ffmpeg;
use recorder_core::frame::{Frame, TrackFrames};
use sfu_protocol::media::{Codec, Kind};

use super::webm::{Track, Writer};
use super::{OPUS_LOOKAHEAD_SAMPLES, av1, decode, encode, prepare};

/// How long the last frame is taken to last when nothing after it says so.
const LAST_PICTURE_US: i64 = 40_000;
const LAST_PACKET_US: i64 = 20_000;

/// How many frames at the beginning may be unreadable before a track counts as empty: ten
/// seconds of a fast camera. All of them are read and dropped.
const MAX_FRAMES_BEFORE_FIRST: usize = 600;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackFile {
    /// When the first frame is shown or heard.
    pub from_us: i64,
    /// When the last frame ends.
    pub to_us: i64,
    /// Frames in the file.
    pub frames: u64,
    /// Width and height of the first picture; None for sound.
    pub picture: Option<(u32, u32)>,
}

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum TrackFileError {
    /// The track holds nothing that can be decoded.
    #[error("the track holds no frame that can be decoded")]
    Empty,
    /// The file could not be written.
    #[error("writing the file: {0}")]
    Io(#[from] io::Error),
    /// FFmpeg refused.
    #[error("writing the file: {0}")]
    Ffmpeg(#[from] ffmpeg::Error),
}

/// The ending of the name of a file of this codec.
pub fn track_extension(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "mp4",
        Codec::Opus | Codec::Vp8 | Codec::Vp9 | Codec::Av1 => "webm",
    }
}

/// Writes a track to `out`, which is made or overwritten; after an error what is there is not a
/// file anybody should keep. Frames before the recording's start are left out.
pub fn write_track(source: TrackFrames, out: &Path) -> Result<TrackFile, TrackFileError> {
    prepare();
    let codec = source.codec;
    let mut frames = source.frames.filter(|frame| frame.at_us >= 0);
    let (first, picture) = first_frame(codec, &mut frames)?;
    let frames = std::iter::once(first).chain(frames);
    match (codec, picture) {
        (Codec::H264, Some(size)) => write_mp4(frames, size, &source.name, out),
        _ => write_webm(frames, codec, picture, &source.name, out),
    }
}

/// The first frame that can be decoded, and for a picture its size.
fn first_frame(
    codec: Codec,
    frames: &mut dyn Iterator<Item = Frame>,
) -> Result<(Frame, Option<(u32, u32)>), TrackFileError> {
    for frame in frames.take(MAX_FRAMES_BEFORE_FIRST) {
        match codec.kind() {
            Kind::Audio if !frame.data.is_empty() => return Ok((frame, None)),
            Kind::Video if frame.keyframe => {
                if let Some(size) = decode::dimensions(codec, &frame) {
                    return Ok((frame, Some(size)));
                }
            }
            _ => {}
        }
    }
    Err(TrackFileError::Empty)
}

/// Frame by frame with the time of the next, which says how long each lasts.
struct Paced<I: Iterator<Item = Frame>> {
    frames: std::iter::Peekable<I>,
    last_us: i64,
}

impl<I: Iterator<Item = Frame>> Iterator for Paced<I> {
    type Item = (Frame, i64);

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.frames.next()?;
        let lasts_us = self
            .frames
            .peek()
            .map_or(self.last_us, |next| (next.at_us - frame.at_us).max(1));
        Some((frame, lasts_us))
    }
}

fn paced<I: Iterator<Item = Frame>>(frames: I, last_us: i64) -> Paced<I> {
    Paced {
        frames: frames.peekable(),
        last_us,
    }
}

fn write_webm(
    frames: impl Iterator<Item = Frame>,
    codec: Codec,
    picture: Option<(u32, u32)>,
    title: &str,
    out: &Path,
) -> Result<TrackFile, TrackFileError> {
    let last_us = match codec.kind() {
        Kind::Audio => LAST_PACKET_US,
        Kind::Video => LAST_PICTURE_US,
    };
    let mut frames = frames.peekable();
    let first = frames.peek().ok_or(TrackFileError::Empty)?;
    let track = webm_track(codec, picture, &first.data);
    let mut tally = Tally::new(picture);
    let mut writer = Writer::begin(BufWriter::new(File::create(out)?), &track, title)?;
    let mut before_ms = i64::MIN;
    for (frame, lasts_us) in paced(frames, last_us) {
        if frame.data.is_empty() {
            continue;
        }
        // Times in the file are whole milliseconds and rise.
        let at_ms = ((frame.at_us + 500) / 1_000).max(before_ms.saturating_add(1));
        before_ms = at_ms;
        let lasts_ms = (lasts_us + 500) / 1_000;
        if codec == Codec::Av1 {
            let data = av1::without_delimiters(&frame.data);
            writer.frame(at_ms, lasts_ms, frame.keyframe, &data)?;
        } else {
            writer.frame(at_ms, lasts_ms, frame.keyframe, &frame.data)?;
        }
        tally.count(frame.at_us, lasts_us);
    }
    writer.finish()?;
    Ok(tally.file)
}

fn webm_track(codec: Codec, picture: Option<(u32, u32)>, first: &[u8]) -> Track {
    let codec_id = match codec {
        Codec::Opus | Codec::H264 => "",
        Codec::Vp8 => "V_VP8",
        Codec::Vp9 => "V_VP9",
        Codec::Av1 => "V_AV1",
    };
    match picture {
        Some((width, height)) => Track::Video {
            codec_id,
            width,
            height,
            private: if codec == Codec::Av1 {
                av1::configuration(first).unwrap_or_default()
            } else {
                Vec::new()
            },
        },
        None => Track::Opus {
            lookahead_samples: OPUS_LOOKAHEAD_SAMPLES as u16,
        },
    }
}

fn write_mp4(
    frames: impl Iterator<Item = Frame>,
    (width, height): (u32, u32),
    title: &str,
    out: &Path,
) -> Result<TrackFile, TrackFileError> {
    let unit = Rational::new(1, Codec::H264.clock_rate_hz() as i32);
    let mut output = open_mp4((width, height), unit, title, out)?;
    let into = output
        .stream(0)
        .ok_or(ffmpeg::Error::StreamNotFound)?
        .time_base();
    let mut tally = Tally::new(Some((width, height)));
    let mut before = i64::MIN;
    for (frame, lasts_us) in paced(frames, LAST_PICTURE_US) {
        if frame.data.is_empty() {
            continue;
        }
        let mut write = |at: i64, lasts: i64| {
            let mut packet = Packet::copy(&frame.data);
            packet.set_pts(Some(at));
            packet.set_dts(Some(at));
            packet.set_duration(lasts.max(1));
            if frame.keyframe {
                packet.set_flags(Flags::KEY);
            }
            packet.rescale_ts(unit, into);
            packet.set_stream(0);
            packet.write_interleaved(&mut output)
        };
        let at = in_units(frame.at_us).max(before.saturating_add(1));
        // An MP4 that begins late is cut short by browsers, which take the length of its track for
        // the end of the file. So the first picture stands from zero on.
        if tally.file.frames == 0 && at > 0 {
            write(0, at)?;
        }
        write(at, in_units(lasts_us))?;
        before = at;
        tally.count(frame.at_us, lasts_us);
    }
    output.write_trailer()?;
    Ok(tally.file)
}

/// Microseconds in units of H.264's clock.
fn in_units(time_us: i64) -> i64 {
    time_us * i64::from(Codec::H264.clock_rate_hz()) / 1_000_000
}

/// An MP4 whose parameter sets FFmpeg's muxer takes from the first keyframe, as Annex B has them.
fn open_mp4(
    (width, height): (u32, u32),
    unit: Rational,
    title: &str,
    out: &Path,
) -> Result<Output, TrackFileError> {
    let mut output = ffmpeg::format::output_as(&encode::url(out)?, "mp4")?;
    let codec = encoder::find_by_name("libx264").ok_or(ffmpeg::Error::EncoderNotFound)?;
    // Never opened: it only carries the stream's codec and size to the muxer.
    let mut shape = Context::new_with_codec(codec).encoder().video()?;
    shape.set_width(width);
    shape.set_height(height);
    shape.set_format(Pixel::YUV420P);
    output.add_stream_with(shape.as_ref())?.set_time_base(unit);
    let mut about = Dictionary::new();
    about.set("title", &title.replace('\0', " "));
    output.set_metadata(about);
    let mut options = Dictionary::new();
    options.set("movflags", "+faststart");
    output.write_header_with(options)?;
    Ok(output)
}

/// What has been written so far.
struct Tally {
    file: TrackFile,
}

impl Tally {
    fn new(picture: Option<(u32, u32)>) -> Self {
        Tally {
            file: TrackFile {
                from_us: 0,
                to_us: 0,
                frames: 0,
                picture,
            },
        }
    }

    fn count(&mut self, at_us: i64, lasts_us: i64) {
        if self.file.frames == 0 {
            self.file.from_us = at_us;
        }
        self.file.to_us = at_us + lasts_us;
        self.file.frames += 1;
    }
}
