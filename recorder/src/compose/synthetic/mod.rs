//! A participant who is not there: real VP8 and Opus of a drawn picture and a made voice.
//!
//! The picture is a moving pattern in the participant's colour with the name and a running clock.
//! The voice babbles in spurts and pauses. Once a second a square flashes white, and a beep begins
//! at exactly the media time of the first picture with it: the reference by which anyone can
//! measure how far sound and picture have moved apart on the way.

mod camera;
mod pattern;
mod voice;

use ffmpeg::codec::{Context, Flags};
use ffmpeg::format::Sample;
use ffmpeg::format::sample::Type;
use ffmpeg::{ChannelLayout, Dictionary, Packet, encoder, frame};
use ffmpeg_next as ffmpeg;

pub use pattern::FLASH;
pub use voice::beep_hz;

use super::SAMPLE_RATE_HZ;
use camera::Camera;
use pattern::Pattern;
use voice::Voice;

/// Pictures a second.
pub const VIDEO_FPS: u64 = 15;

/// How much sound one packet holds.
pub const PACKET_US: u64 = 20_000;

/// How long the square stays white and the beep sounds.
pub const FLASH_US: u64 = 100_000;

/// The simulcast layers: width, height and bitrate, smallest first.
pub const LAYERS: [(u32, u32, usize); 3] =
    [(160, 90, 60_000), (320, 180, 150_000), (640, 360, 500_000)];

/// A flash and its beep come once in this time.
const FLASH_EVERY_US: u64 = 1_000_000;

/// The flashes of participants next to each other are a third of a second apart, which is a whole
/// number of pictures, so that their beeps do not cover each other.
const FLASH_PHASES: u64 = 3;

/// A picture this little before the flash belongs to it: times rounded to microseconds.
const ROUNDING_US: u64 = 1_000;

const PACKET_SAMPLES: usize = (SAMPLE_RATE_HZ as u64 * PACKET_US / 1_000_000) as usize;

const OPUS_BITRATE_BPS: usize = 32_000;

/// One encoded picture of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticFrame {
    /// Index in [`LAYERS`]: 0 is the smallest.
    pub layer: u8,
    /// Decodable without any earlier frame.
    pub keyframe: bool,
    /// A VP8 frame (RFC 6386).
    pub data: Vec<u8>,
}

/// One encoded packet of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticPacket {
    /// An Opus packet of 20 ms.
    pub data: Vec<u8>,
    /// How loud it is, as RFC 6464 carries it: 0 is the loudest, 127 silence.
    pub level_dbov: u8,
}

/// Why a synthetic participant could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no synthetic participant: {0}")]
pub struct SyntheticError(#[from] ffmpeg::Error);

/// A synthetic participant.
///
/// Its clock starts at the first time that either face is asked for. For an exact flash ask for
/// picture n at `start + n * 1_000_000 / VIDEO_FPS` and for sound n at `start + n * PACKET_US`
/// with the same `start`, and ask for each time once, rising.
pub struct SyntheticPerson {
    origin_us: Option<u64>,
    phase_us: u64,
    pattern: Pattern,
    camera: Camera,
    voice: Voice,
    microphone: Microphone,
}

impl SyntheticPerson {
    /// `index` chooses colour, voice and beep, so that participants can be told apart.
    pub fn new(name: &str, index: usize) -> Result<Self, SyntheticError> {
        super::prepare();
        Ok(SyntheticPerson {
            origin_us: None,
            phase_us: phase_us(index),
            pattern: Pattern::new(name, index),
            camera: Camera::open()?,
            voice: Voice::new(index),
            microphone: Microphone::open()?,
        })
    }

    /// The picture at a media time, in every layer, smallest first. `force_keyframe` asks for a
    /// keyframe by layer. A layer that the encoder drops is missing.
    pub fn video_at(&mut self, at_us: u64, force_keyframe: [bool; 3]) -> Vec<SyntheticFrame> {
        let elapsed_us = self.elapsed_us(at_us);
        let flash = flashes(elapsed_us, self.phase_us);
        self.pattern.draw(self.camera.picture(), elapsed_us, flash);
        self.camera.encode(force_keyframe)
    }

    /// The sound of the [`PACKET_US`] from a media time on.
    pub fn audio_at(&mut self, at_us: u64) -> SyntheticPacket {
        let elapsed_us = self.elapsed_us(at_us);
        let from = samples(elapsed_us);
        let mut sound = [0.0; PACKET_SAMPLES];
        for (sample, at) in sound.iter_mut().zip(from..) {
            *sample = self.voice.sample(at, samples(self.phase_us));
        }
        SyntheticPacket {
            data: self.microphone.encode(&sound),
            level_dbov: level_dbov(&sound),
        }
    }

    fn elapsed_us(&mut self, at_us: u64) -> u64 {
        at_us.saturating_sub(*self.origin_us.get_or_insert(at_us))
    }
}

/// When in each second a participant's flash begins, counted from its first time.
pub fn phase_us(index: usize) -> u64 {
    index as u64 % FLASH_PHASES * FLASH_EVERY_US / FLASH_PHASES
}

fn flashes(elapsed_us: u64, phase_us: u64) -> bool {
    let since = elapsed_us + ROUNDING_US + FLASH_EVERY_US - phase_us;
    since >= FLASH_EVERY_US && since % FLASH_EVERY_US < FLASH_US
}

fn samples(time_us: u64) -> u64 {
    (time_us * SAMPLE_RATE_HZ as u64 + 500_000) / 1_000_000
}

/// RFC 6464: the root mean square against full scale, in whole decibels below it.
fn level_dbov(sound: &[f32]) -> u8 {
    let power = sound.iter().map(|s| s * s).sum::<f32>() / sound.len().max(1) as f32;
    if power <= 0.0 {
        return 127;
    }
    (-10.0 * power.log10()).round().clamp(0.0, 127.0) as u8
}

/// The Opus encoder.
struct Microphone {
    encoder: encoder::audio::Encoder,
    samples: i64,
}

impl Microphone {
    fn open() -> Result<Self, ffmpeg::Error> {
        let codec = encoder::find_by_name("libopus").ok_or(ffmpeg::Error::EncoderNotFound)?;
        let mut context = Context::new_with_codec(codec);
        context.set_flags(Flags::empty());
        let mut audio = context.encoder().audio()?;
        audio.set_rate(SAMPLE_RATE_HZ as i32);
        audio.set_format(Sample::F32(Type::Packed));
        audio.set_channel_layout(ChannelLayout::MONO);
        audio.set_bit_rate(OPUS_BITRATE_BPS);
        audio.set_time_base((1, SAMPLE_RATE_HZ as i32));
        let mut options = Dictionary::new();
        options.set("application", "voip");
        options.set("frame_duration", "20");
        options.set("compression_level", "3");
        Ok(Microphone {
            encoder: audio.open_as_with(codec, options)?,
            samples: 0,
        })
    }

    /// One packet of [`PACKET_SAMPLES`]; empty when the encoder refuses, which decoders take as
    /// a lost packet.
    fn encode(&mut self, sound: &[f32]) -> Vec<u8> {
        let mut held =
            frame::Audio::new(Sample::F32(Type::Packed), sound.len(), ChannelLayout::MONO);
        held.set_rate(SAMPLE_RATE_HZ as u32);
        held.set_pts(Some(self.samples));
        held.plane_mut::<f32>(0).copy_from_slice(sound);
        self.samples += sound.len() as i64;
        let mut packet = Packet::empty();
        if self.encoder.send_frame(&held).is_err()
            || self.encoder.receive_packet(&mut packet).is_err()
        {
            return Vec::new();
        }
        packet.data().map(<[u8]>::to_vec).unwrap_or_default()
    }
}
