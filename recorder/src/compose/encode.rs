//! Pictures and sound into one MP4: H.264 and AAC at a constant rate from the one clock.
//!
//! FFmpeg's muxer writes an edit list for both streams, so the AAC encoder's priming and the
//! H.264 encoder's reordering do not move what is seen and heard.

use std::io::Cursor;
use std::path::Path;

use ffmpeg::codec::threading;
use ffmpeg::codec::{Context, Flags};
use ffmpeg::format::context::{Output, StreamIo};
use ffmpeg::format::sample::Type;
use ffmpeg::format::{Pixel, Sample};
use ffmpeg::{ChannelLayout, Dictionary, Packet, Rational, color, encoder, frame};
use ffmpeg_next as ffmpeg;
use recorder_core::layout::Canvas;

use super::{SAMPLE_RATE_HZ, SHORT_US, Stereo};

/// A seek lands at most this far before the wanted place.
const KEYFRAME_EVERY_S: u32 = 2;

/// Composition shares the machine with meetings: it takes two cores, no more.
const H264_THREADS: usize = 2;

/// The quality that x264 keeps up (lower is better, 23 its default).
const H264_QUALITY: &str = "23";

const AAC_BITRATE_BPS: usize = 128_000;

const VIDEO: usize = 0;
const AUDIO: usize = 1;

/// How hard the picture is compressed. Somebody waits for a short recording, so it is made a
/// quarter faster; a long one is kept and carried about, so it is made smaller (by a third).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// For a short recording.
    Quick,
    /// For a long one.
    Small,
}

impl Effort {
    /// By the length of the recording.
    pub(super) fn of(duration_us: i64) -> Self {
        if duration_us <= SHORT_US {
            Effort::Quick
        } else {
            Effort::Small
        }
    }

    /// What x264 calls it.
    fn preset(self) -> &'static str {
        match self {
            Effort::Quick => "superfast",
            Effort::Small => "veryfast",
        }
    }
}

/// A file being written.
pub(super) struct Mp4 {
    output: Output,
    video: encoder::video::Encoder,
    audio: encoder::audio::Encoder,
    pictures: i64,
    samples: i64,
}

impl Mp4 {
    /// Opens the encoders and begins the file.
    pub(super) fn create(
        out: &Path,
        canvas: Canvas,
        fps: u32,
        title: &str,
        effort: Effort,
    ) -> Result<Self, ffmpeg::Error> {
        let mut output = ffmpeg::format::output_as(&url(out)?, "mp4")?;
        let video = open_h264(canvas, fps, effort)?;
        let audio = open_aac()?;
        output
            .add_stream_with(video.as_ref())?
            .set_avg_frame_rate((fps as i32, 1));
        output.add_stream_with(audio.as_ref())?;
        let mut about = Dictionary::new();
        about.set("title", &title.replace('\0', " "));
        output.set_metadata(about);
        let mut options = Dictionary::new();
        options.set("movflags", "+faststart");
        output.write_header_with(options)?;
        Ok(Mp4 {
            output,
            video,
            audio,
            pictures: 0,
            samples: 0,
        })
    }

    /// Adds the next picture.
    pub(super) fn picture(&mut self, picture: &mut frame::Video) -> Result<(), ffmpeg::Error> {
        picture.set_pts(Some(self.pictures));
        self.pictures += 1;
        // The encoder copies the picture before this returns: nothing waits in it, because its
        // packets are always taken out.
        self.video.send_frame(picture)?;
        self.take_video()
    }

    /// Adds the next samples: as many as AAC holds in a frame, fewer only at the very end.
    pub(super) fn sound(&mut self, block: &[Stereo]) -> Result<(), ffmpeg::Error> {
        let mut sound = frame::Audio::new(
            Sample::F32(Type::Planar),
            block.len(),
            ChannelLayout::STEREO,
        );
        sound.set_rate(SAMPLE_RATE_HZ as u32);
        sound.set_pts(Some(self.samples));
        for ear in 0..2 {
            let plane = sound.plane_mut::<f32>(ear);
            for (into, sample) in plane.iter_mut().zip(block) {
                *into = sample[ear];
            }
        }
        self.samples += block.len() as i64;
        self.audio.send_frame(&sound)?;
        self.take_audio()
    }

    /// Empties the encoders and ends the file.
    pub(super) fn finish(mut self) -> Result<(), ffmpeg::Error> {
        self.video.send_eof()?;
        self.take_video()?;
        self.audio.send_eof()?;
        self.take_audio()?;
        self.output.write_trailer()
    }

    fn take_video(&mut self) -> Result<(), ffmpeg::Error> {
        let rate = self.video.frame_rate();
        let mut packet = Packet::empty();
        while self.video.receive_packet(&mut packet).is_ok() {
            // Without it the last picture would have no length.
            packet.set_duration(1);
            self.write(&mut packet, VIDEO, rate.invert())?;
        }
        Ok(())
    }

    fn take_audio(&mut self) -> Result<(), ffmpeg::Error> {
        let mut packet = Packet::empty();
        while self.audio.receive_packet(&mut packet).is_ok() {
            self.write(&mut packet, AUDIO, Rational::new(1, SAMPLE_RATE_HZ as i32))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        packet: &mut Packet,
        stream: usize,
        unit: Rational,
    ) -> Result<(), ffmpeg::Error> {
        let into = self
            .output
            .stream(stream)
            .ok_or(ffmpeg::Error::StreamNotFound)?
            .time_base();
        packet.rescale_ts(unit, into);
        packet.set_stream(stream);
        packet.write_interleaved(&mut self.output)
    }
}

/// Whether this FFmpeg writes MP4.
pub(super) fn mp4_is_there() -> bool {
    StreamIo::from_write_seek(Cursor::new(Vec::new()))
        .and_then(|sink| ffmpeg::format::output_to_stream(sink, None, Some("mp4")))
        .is_ok()
}

/// A path as FFmpeg takes it. The scheme keeps a colon in a name from being read as one.
pub(super) fn url(path: &Path) -> Result<String, ffmpeg::Error> {
    path.to_str()
        .filter(|text| !text.contains('\0'))
        .map(|text| format!("file:{text}"))
        .ok_or(ffmpeg::Error::Other {
            errno: ffmpeg::error::EINVAL,
        })
}

fn open_h264(
    canvas: Canvas,
    fps: u32,
    effort: Effort,
) -> Result<encoder::video::Encoder, ffmpeg::Error> {
    let codec = encoder::find_by_name("libx264").ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut context = Context::new_with_codec(codec);
    // Closed groups: a player that seeks to a keyframe needs nothing from before it.
    context.set_flags(Flags::GLOBAL_HEADER | Flags::CLOSED_GOP);
    context.set_threading(threading::Config {
        count: H264_THREADS,
        ..threading::Config::kind(threading::Type::Frame)
    });
    let mut video = context.encoder().video()?;
    video.set_width(canvas.width);
    video.set_height(canvas.height);
    video.set_format(Pixel::YUV420P);
    video.set_time_base((1, fps as i32));
    video.set_frame_rate(Some((fps as i32, 1)));
    video.set_gop(fps * KEYFRAME_EVERY_S);
    // What browsers' VP8 carries without saying so; players guess another for large pictures.
    video.set_colorspace(color::Space::SMPTE170M);
    video.set_color_primaries(color::Primaries::SMPTE170M);
    video.set_color_transfer_characteristic(color::TransferCharacteristic::SMPTE170M);
    video.set_color_range(color::Range::MPEG);
    let mut options = Dictionary::new();
    options.set("preset", effort.preset());
    options.set("crf", H264_QUALITY);
    options.set("sc_threshold", "0");
    video.open_as_with(codec, options)
}

fn open_aac() -> Result<encoder::audio::Encoder, ffmpeg::Error> {
    let codec = encoder::find_by_name("aac").ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut context = Context::new_with_codec(codec);
    context.set_flags(Flags::GLOBAL_HEADER);
    let mut audio = context.encoder().audio()?;
    audio.set_rate(SAMPLE_RATE_HZ as i32);
    audio.set_format(Sample::F32(Type::Planar));
    audio.set_channel_layout(ChannelLayout::STEREO);
    audio.set_bit_rate(AAC_BITRATE_BPS);
    audio.set_time_base((1, SAMPLE_RATE_HZ as i32));
    let mut options = Dictionary::new();
    // FFmpeg's thorough search takes three times as long, for what nobody hears at this rate.
    options.set("aac_coder", "fast");
    audio.open_as_with(codec, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_recording_is_made_quickly_and_a_long_one_small() {
        for (duration_us, preset) in [
            (0, "superfast"),
            (SHORT_US, "superfast"),
            (SHORT_US + 1, "veryfast"),
        ] {
            assert_eq!(Effort::of(duration_us).preset(), preset);
        }
    }
}
