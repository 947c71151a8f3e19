//! A [`MediaSource`] of marked frames.

use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_protocol::media::{Kind, Source};

use sfu_rtp::dependency::{Pattern, Structure};

use super::frame::{AudioMark, Mark, write_audio, write_video};
use super::layered::{LayerMark, write_layer};
use crate::coding::Coding;
use crate::media::{
    AudioFrame, EncodedFrame, MediaSource, NEVER_US, OPUS_CLOCK_HZ, Place, VIDEO_CLOCK_HZ,
    us_to_timestamp,
};

/// Length of an Opus packet.
const AUDIO_FRAME_US: u64 = 20_000;
/// How loud a speaker is.
const SPEAKING_DBOV: i8 = -25;
/// How loud a silent room is.
const SILENT_DBOV: i8 = -90;
/// Of silence that is not sent one packet in so many is, 400 ms apart.
const SILENCE_EVERY: u32 = 20;
/// Size of an Opus packet: 32 kbit/s.
const AUDIO_FRAME_BYTES: usize = 80;
/// Temporal layers of a picture that is built of layers.
const TEMPORAL_LAYERS: u8 = 3;
/// A keyframe is this many times the size of the average frame.
const KEYFRAME_WEIGHT: usize = 4;

/// One layer of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerShape {
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// On average.
    pub bitrate_bps: u32,
}

/// What a synthetic source makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Goes into every mark.
    pub author: u32,
    /// Frames a second, both for camera and screen.
    pub frames_per_second: u32,
    /// The camera's layers, smallest first. Empty: no camera.
    pub camera: Vec<LayerShape>,
    /// The screen's layers, smallest first. Empty: no screen.
    pub screen: Vec<LayerShape>,
    /// A keyframe at least this often, besides those that are asked for.
    pub keyframe_every_ms: Option<u32>,
}

impl Shape {
    /// A camera of 720 lines at 30 frames a second with three layers, and a screen.
    pub fn meeting(author: u32) -> Self {
        let layer = |width, height, bitrate_bps| LayerShape {
            width,
            height,
            bitrate_bps,
        };
        Shape {
            author,
            frames_per_second: 30,
            camera: vec![
                layer(320, 180, 150_000),
                layer(640, 360, 500_000),
                layer(1280, 720, 1_500_000),
            ],
            screen: vec![layer(1920, 1080, 1_000_000)],
            keyframe_every_ms: None,
        }
    }
}

/// A source of marked frames: it speaks when told to, and makes keyframes when asked.
#[derive(Debug)]
pub struct Synthetic {
    shape: Shape,
    level_dbov: i8,
    coding: Coding,
    built: BTreeMap<Source, Built>,
    silent: bool,
    speaking: bool,
    pictures: BTreeMap<Source, u32>,
    layers: BTreeMap<(Source, u8), Chain>,
    sounds: BTreeMap<Source, u32>,
}

/// Where one layer stands.
#[derive(Debug, Clone, Copy)]
struct Chain {
    keyframe: u32,
    keyframe_us: u64,
    wanted: bool,
}

/// How the pictures of one source are built of layers.
#[derive(Debug)]
struct Built {
    pattern: Pattern,
    structure: Arc<Structure>,
    /// The number of the next frame.
    next: u32,
    wanted: bool,
}

impl Synthetic {
    /// A source that has made nothing yet and does not speak.
    pub fn new(shape: Shape) -> Self {
        Self::coded(shape, Coding::Vp8)
    }

    /// The same with pictures for a coding.
    pub fn coded(shape: Shape, coding: Coding) -> Self {
        Synthetic {
            coding,
            level_dbov: SPEAKING_DBOV,
            built: BTreeMap::new(),
            silent: false,
            shape,
            speaking: false,
            pictures: BTreeMap::new(),
            layers: BTreeMap::new(),
            sounds: BTreeMap::new(),
        }
    }

    /// Speaks from now on, or is silent.
    pub fn set_speaking(&mut self, speaking: bool) {
        self.speaking = speaking;
    }

    /// How loud it is when it speaks.
    pub fn set_level(&mut self, level_dbov: i8) {
        self.level_dbov = level_dbov;
    }

    /// From now on what is silence is not sent, but for a packet now and then (Opus DTX).
    pub fn leave_out_silence(&mut self) {
        self.silent = true;
    }

    /// How many frames `source` has made on each layer.
    pub fn frames_made(&self, source: Source) -> u32 {
        self.pictures.get(&source).copied().unwrap_or(0)
    }

    fn frame_at_us(&self, number: u32) -> u64 {
        u64::from(number) * 1_000_000 / u64::from(self.shape.frames_per_second.max(1))
    }

    fn shapes(&self, source: Source) -> &[LayerShape] {
        match source {
            Source::Camera => &self.shape.camera,
            Source::Screen => &self.shape.screen,
            Source::Microphone | Source::ScreenAudio => &[],
        }
    }

    fn picture(
        &mut self,
        source: Source,
        layer: u8,
        shape: LayerShape,
        number: u32,
    ) -> EncodedFrame {
        let media_us = self.frame_at_us(number);
        let every_us = self.shape.keyframe_every_ms.map(|ms| u64::from(ms) * 1_000);
        let chain = self.layers.entry((source, layer)).or_insert(Chain {
            keyframe: number,
            keyframe_us: media_us,
            wanted: true,
        });
        let overdue = every_us.is_some_and(|every| media_us - chain.keyframe_us >= every);
        if chain.wanted || overdue {
            *chain = Chain {
                keyframe: number,
                keyframe_us: media_us,
                wanted: false,
            };
        }
        let mark = Mark {
            author: self.shape.author,
            source,
            layer,
            number,
            chain: chain.keyframe,
            media_us,
        };
        let keyframe = mark.chain == number;
        let average = shape.bitrate_bps / 8 / self.shape.frames_per_second.max(1);
        let weight = if keyframe { KEYFRAME_WEIGHT } else { 1 };
        let size = (shape.width, shape.height);
        EncodedFrame {
            layer,
            timestamp: us_to_timestamp(media_us, VIDEO_CLOCK_HZ),
            keyframe,
            data: write_video(&mark, size, average as usize * weight).into(),
            place: None,
        }
    }

    /// The frames of a picture that is built of layers.
    fn built(&mut self, source: Source, shapes: &[LayerShape], number: u32) -> Vec<EncodedFrame> {
        let media_us = self.frame_at_us(number);
        let key_only = matches!(
            self.coding,
            Coding::Vp9 { key_only: true } | Coding::Av1 { key_only: true }
        );
        let built = self.built.entry(source).or_insert_with(|| {
            let pattern = Pattern::new(shapes.len() as u8, TEMPORAL_LAYERS, key_only, 0);
            let size = |shape: &LayerShape| (shape.width.into(), shape.height.into());
            let sizes: Vec<(u32, u32)> = shapes.iter().map(size).collect();
            Built {
                structure: Arc::new(pattern.structure(0, &sizes)),
                pattern,
                next: 0,
                wanted: true,
            }
        });
        if std::mem::take(&mut built.wanted) {
            built.pattern.restart();
        }
        let keyframe = built.pattern.is_key();
        let weight = if keyframe { KEYFRAME_WEIGHT } else { 1 };
        let mut frames = Vec::new();
        for (frame, shape) in built.pattern.picture().into_iter().zip(shapes) {
            let distances = frame.references.as_slice().iter();
            let mark = LayerMark {
                author: self.shape.author,
                source,
                spatial_id: frame.spatial_id,
                temporal_id: frame.temporal_id,
                number: built.next,
                needs: distances.map(|d| built.next - u32::from(*d)).collect(),
                media_us,
            };
            built.next += 1;
            let average = shape.bitrate_bps / 8 / self.shape.frames_per_second.max(1);
            frames.push(EncodedFrame {
                layer: frame.spatial_id,
                timestamp: us_to_timestamp(media_us, VIDEO_CLOCK_HZ),
                keyframe,
                data: write_layer(&mark, average as usize * weight).into(),
                place: Some(Place {
                    frame,
                    structure: built.structure.clone(),
                    is_last: usize::from(frame.spatial_id) + 1 == shapes.len(),
                }),
            });
        }
        frames
    }

    fn sound(&self, source: Source, number: u32) -> AudioFrame {
        let media_us = u64::from(number) * AUDIO_FRAME_US;
        let mark = AudioMark {
            author: self.shape.author,
            source,
            number,
            media_us,
        };
        AudioFrame {
            timestamp: us_to_timestamp(media_us, OPUS_CLOCK_HZ),
            data: write_audio(&mark, AUDIO_FRAME_BYTES).into(),
            level_dbov: if self.speaking {
                self.level_dbov
            } else {
                SILENT_DBOV
            },
            voice: self.speaking,
        }
    }
}

impl MediaSource for Synthetic {
    fn video(&mut self, source: Source, at_us: u64) -> Vec<EncodedFrame> {
        let shapes = self.shapes(source).to_vec();
        let mut frames = Vec::new();
        if shapes.is_empty() {
            return frames;
        }
        let mut number = self.frames_made(source);
        while self.frame_at_us(number) <= at_us {
            if self.coding.is_scalable() {
                frames.extend(self.built(source, &shapes, number));
            } else {
                for (layer, &shape) in (0u8..).zip(&shapes) {
                    frames.push(self.picture(source, layer, shape, number));
                }
            }
            number += 1;
        }
        self.pictures.insert(source, number);
        frames
    }

    fn audio(&mut self, source: Source, at_us: u64) -> Vec<AudioFrame> {
        if source.kind() != Kind::Audio {
            return Vec::new();
        }
        let first = self.sounds.get(&source).copied().unwrap_or(0);
        let after = u32::try_from(at_us / AUDIO_FRAME_US + 1).unwrap_or(u32::MAX);
        self.sounds.insert(source, after.max(first));
        let sends =
            |number: &u32| !self.silent || self.speaking || number.is_multiple_of(SILENCE_EVERY);
        (first..after)
            .filter(sends)
            .map(|number| self.sound(source, number))
            .collect()
    }

    fn request_keyframe(&mut self, source: Source, layer: u8) {
        if let Some(chain) = self.layers.get_mut(&(source, layer)) {
            chain.wanted = true;
        }
        if let Some(built) = self.built.get_mut(&source) {
            built.wanted = true;
        }
    }

    fn next_at_us(&self) -> u64 {
        let pictures = self.pictures.values().map(|&n| self.frame_at_us(n));
        let sounds = self.sounds.values().map(|&n| u64::from(n) * AUDIO_FRAME_US);
        pictures.chain(sounds).min().unwrap_or(NEVER_US)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::Decoder;
    use super::*;

    #[test]
    fn every_layer_is_a_chain_and_a_request_begins_a_new_one() {
        let mut source = Synthetic::new(Shape::meeting(1));
        let mut decoders = [Decoder::new(), Decoder::new(), Decoder::new()];
        let mut keyframes = [0; 3];
        for step in 0..100u64 {
            if step == 50 {
                source.request_keyframe(Source::Camera, 1);
            }
            for frame in source.video(Source::Camera, step * 10_000) {
                let layer = usize::from(frame.layer);
                decoders[layer]
                    .decode(&frame.data)
                    .expect("an unbroken chain");
                keyframes[layer] += u32::from(frame.keyframe);
            }
        }
        assert_eq!(source.frames_made(Source::Camera), 30);
        assert_eq!(keyframes, [1, 2, 1]);
    }

    #[test]
    fn sound_comes_every_20_ms_with_the_level_of_the_speaker() {
        let mut source = Synthetic::new(Shape::meeting(1));
        assert_eq!(source.next_at_us(), NEVER_US, "nobody has asked yet");
        assert_eq!(source.audio(Source::Microphone, 99_999).len(), 5);
        source.set_speaking(true);
        let after = source.audio(Source::Microphone, 100_000);
        assert_eq!(after.len(), 1);
        assert_eq!((after[0].timestamp, after[0].voice), (4_800, true));
        assert!(source.audio(Source::Camera, 200_000).is_empty());
        assert_eq!(source.next_at_us(), 120_000);
    }
}
