//! One encoded frame in, a picture or samples out.
//!
//! A broken frame yields nothing and costs nothing else: the decoder goes on with the next.

use ffmpeg::codec::{Context, Flags, Id};
use ffmpeg::format::Sample;
use ffmpeg::format::sample::Type;
use ffmpeg::{Dictionary, Packet, decoder, frame};
use ffmpeg_next as ffmpeg;
use recorder_core::frame::Frame;
use sfu_protocol::media::Codec;

use super::Stereo;

/// The largest picture that is decoded, in pixels: 8K. A frame that claims more is treated as
/// broken, so that a forged header cannot make the recorder reserve gigabytes.
const MAX_PICTURE_PIXELS: &str = "35389440";

/// The decoder that reads `codec` best among those this FFmpeg has.
pub(super) fn choose(codec: Codec) -> Option<ffmpeg::Codec> {
    let (name, id) = match codec {
        Codec::Opus => ("libopus", Id::OPUS),
        Codec::Vp8 => ("vp8", Id::VP8),
        Codec::Vp9 => ("vp9", Id::VP9),
        Codec::H264 => ("h264", Id::H264),
        Codec::Av1 => ("libdav1d", Id::AV1),
    };
    decoder::find_by_name(name).or_else(|| decoder::find(id))
}

/// Frames of a video track to pictures.
pub(super) struct PictureDecoder {
    decoder: decoder::Video,
}

impl PictureDecoder {
    /// A decoder before its first keyframe.
    pub(super) fn new(codec: Codec) -> Result<Self, ffmpeg::Error> {
        super::prepare();
        let found = choose(codec).ok_or(ffmpeg::Error::DecoderNotFound)?;
        let mut context = Context::new_with_codec(found);
        // Real-time streams hold no reordered frames: each picture comes out with its own frame.
        context.set_flags(Flags::LOW_DELAY);
        let mut options = Dictionary::new();
        options.set("max_pixels", MAX_PICTURE_PIXELS);
        let decoder = context.decoder().open_as_with(found, options)?.video()?;
        Ok(PictureDecoder { decoder })
    }

    /// Decodes one frame into `picture`; false, and `picture` as it was, when it yields none.
    pub(super) fn decode(&mut self, data: &[u8], picture: &mut frame::Video) -> bool {
        // An empty packet would mean the end of the stream to FFmpeg.
        if data.is_empty() || self.decoder.send_packet(&Packet::copy(data)).is_err() {
            return false;
        }
        let mut fresh = frame::Video::empty();
        let mut found = false;
        while self.decoder.receive_frame(&mut fresh).is_ok() {
            if fresh.width() > 0 && fresh.height() > 0 {
                std::mem::swap(picture, &mut fresh);
                found = true;
            }
        }
        found
    }
}

/// Width and height of the picture in a keyframe, or None when it cannot be decoded.
pub(super) fn dimensions(codec: Codec, frame: &Frame) -> Option<(u32, u32)> {
    let mut picture = frame::Video::empty();
    let mut decoder = PictureDecoder::new(codec).ok()?;
    decoder
        .decode(&frame.data, &mut picture)
        .then(|| (picture.width(), picture.height()))
}

/// Opus packets to 48 kHz stereo.
pub(super) struct SoundDecoder {
    decoder: decoder::Audio,
    fresh: frame::Audio,
}

impl SoundDecoder {
    /// A decoder before its first packet.
    pub(super) fn new() -> Result<Self, ffmpeg::Error> {
        super::prepare();
        let found = choose(Codec::Opus).ok_or(ffmpeg::Error::DecoderNotFound)?;
        let decoder = Context::new_with_codec(found)
            .decoder()
            .open_as(found)?
            .audio()?;
        Ok(SoundDecoder {
            decoder,
            fresh: frame::Audio::empty(),
        })
    }

    /// Decodes one packet and appends its samples to `samples`. A broken one appends nothing.
    pub(super) fn decode(&mut self, data: &[u8], samples: &mut Vec<Stereo>) {
        if data.is_empty() || self.decoder.send_packet(&Packet::copy(data)).is_err() {
            return;
        }
        while self.decoder.receive_frame(&mut self.fresh).is_ok() {
            append(&self.fresh, samples);
        }
    }
}

/// Appends what a decoded frame holds, one ear copied to the other when there is only one.
fn append(sound: &frame::Audio, samples: &mut Vec<Stereo>) {
    let one_ear = sound.channels() == 1;
    let two_ears = sound.channels() == 2;
    match sound.format() {
        Sample::I16(Type::Packed) if two_ears => samples.extend(
            sound
                .plane::<(i16, i16)>(0)
                .iter()
                .map(|(left, right)| [from_i16(*left), from_i16(*right)]),
        ),
        Sample::F32(Type::Packed) if two_ears => samples.extend(
            sound
                .plane::<(f32, f32)>(0)
                .iter()
                .map(|(left, right)| [*left, *right]),
        ),
        Sample::F32(Type::Planar) if two_ears => samples.extend(
            sound
                .plane::<f32>(0)
                .iter()
                .zip(sound.plane::<f32>(1))
                .map(|(left, right)| [*left, *right]),
        ),
        Sample::I16(_) if one_ear => {
            samples.extend(sound.plane::<i16>(0).iter().map(|s| [from_i16(*s); 2]));
        }
        Sample::F32(_) if one_ear => {
            samples.extend(sound.plane::<f32>(0).iter().map(|s| [*s; 2]));
        }
        // No Opus decoder of FFmpeg yields anything else; one that did would be heard as silence.
        _ => {}
    }
}

fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}
