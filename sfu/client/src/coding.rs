//! How pictures are coded and cut into packets: VP8 and H.264 with a stream for each layer, VP9 and
//! AV1 in one stream that is built of layers.

mod av1;
mod h264;
mod vp9;

use sfu_protocol::media::Codec;
use str0m::format::Codec as RtcCodec;

pub(crate) use av1::{DescriptorValue, extension};
use vp9::Vp9Packetizer;

use crate::media::EncodedFrame;
use crate::vp8::{self, Vp8Packetizer};

/// How a peer's pictures are coded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Coding {
    /// VP8: each layer is a stream of its own.
    #[default]
    Vp8,
    /// H.264: each layer is a stream of its own.
    H264,
    /// VP9: one stream, built of layers.
    Vp9 {
        /// Only in key pictures a spatial layer needs the one below (`L3T3_KEY`).
        key_only: bool,
    },
    /// AV1: one stream, built of layers, with dependency descriptors.
    Av1 {
        /// Only in key pictures a spatial layer needs the one below (`L3T3_KEY`).
        key_only: bool,
    },
}

impl Coding {
    /// Whether the layers are in one stream.
    pub fn is_scalable(self) -> bool {
        matches!(self, Coding::Vp9 { .. } | Coding::Av1 { .. })
    }

    pub(crate) fn rtc_codec(self) -> RtcCodec {
        match self {
            Coding::Vp8 => RtcCodec::Vp8,
            Coding::H264 => RtcCodec::H264,
            Coding::Vp9 { .. } => RtcCodec::Vp9,
            Coding::Av1 { .. } => RtcCodec::Av1,
        }
    }
}

/// A packet of a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    /// The dependency descriptor.
    pub(crate) descriptor: Option<Vec<u8>>,
    /// The picture ends with it.
    pub(crate) marker: bool,
}

/// Cuts the frames of one stream into packets.
#[derive(Debug)]
pub(crate) enum Packetizer {
    Vp8(Vp8Packetizer),
    H264,
    Vp9(Vp9Packetizer),
    Av1,
}

impl Packetizer {
    /// Counters start anywhere.
    pub(crate) fn new(coding: Coding, start: u16) -> Self {
        match coding {
            Coding::Vp8 => Packetizer::Vp8(Vp8Packetizer::new(start)),
            Coding::H264 => Packetizer::H264,
            Coding::Vp9 { key_only } => Packetizer::Vp9(Vp9Packetizer::new(key_only, start)),
            Coding::Av1 { .. } => Packetizer::Av1,
        }
    }

    /// The packets of the next frame, in order; none of a frame that is not built as the stream is.
    pub(crate) fn packetize(&mut self, frame: &EncodedFrame) -> Vec<Payload> {
        match self {
            Packetizer::Vp8(vp8) => marked(vp8.packetize(&frame.data, frame.keyframe)),
            Packetizer::H264 => marked(h264::packetize(&frame.data, frame.keyframe)),
            Packetizer::Vp9(vp9) => vp9.packetize(frame),
            Packetizer::Av1 => av1::packetize(frame),
        }
    }
}

/// The last one takes the marker bit.
fn marked(payloads: Vec<Vec<u8>>) -> Vec<Payload> {
    let last = payloads.len().saturating_sub(1);
    let payloads = payloads.into_iter().enumerate();
    payloads
        .map(|(index, bytes)| Payload {
            bytes,
            descriptor: None,
            marker: index == last,
        })
        .collect()
}

/// What one received payload says of its frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// A picture begins here, as far as the payload says so by itself.
    pub(crate) starts_picture: bool,
    /// A picture begins here with which a decoder can start.
    pub(crate) starts_keyframe: bool,
    /// A frame ends here, as far as the payload says so by itself.
    pub(crate) ends_frame: bool,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_pic_idx: Option<u8>,
    pub(crate) temporal_id: Option<u8>,
    /// Where its part of the frame begins; none when it has none.
    pub(crate) body: Option<usize>,
}

/// Reads a payload. Anything may be in it.
pub(crate) fn read(codec: Codec, payload: &[u8], descriptor: Option<&[u8]>) -> Head {
    match codec {
        Codec::Vp8 => vp8_head(payload),
        Codec::H264 => h264::read(payload),
        Codec::Vp9 => vp9::read(payload).unwrap_or_default(),
        Codec::Av1 => av1::read(payload, descriptor),
        Codec::Opus => Head::default(),
    }
}

fn vp8_head(payload: &[u8]) -> Head {
    let Some(read) = vp8::read_payload(payload) else {
        return Head::default();
    };
    Head {
        starts_picture: read.starts_frame,
        starts_keyframe: read.starts_keyframe,
        picture_id: read.picture_id,
        tl0_pic_idx: read.tl0_pic_idx,
        body: Some(payload.len() - read.piece.len()),
        ..Head::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaSource;
    use crate::synthetic::{Shape, Synthetic};
    use sfu_protocol::media::Source;

    const EVERY: [Coding; 6] = [
        Coding::Vp8,
        Coding::H264,
        Coding::Vp9 { key_only: false },
        Coding::Vp9 { key_only: true },
        Coding::Av1 { key_only: false },
        Coding::Av1 { key_only: true },
    ];

    fn codec(coding: Coding) -> Codec {
        match coding {
            Coding::Vp8 => Codec::Vp8,
            Coding::H264 => Codec::H264,
            Coding::Vp9 { .. } => Codec::Vp9,
            Coding::Av1 { .. } => Codec::Av1,
        }
    }

    #[test]
    fn every_frame_survives_being_cut_whatever_its_coding() {
        for coding in EVERY {
            let mut source = Synthetic::coded(Shape::meeting(1), coding);
            let mut packetizer = Packetizer::new(coding, 0x7ffe);
            let frames = source.video(Source::Camera, 200_000);
            assert!(frames.len() > 6);
            let streams = if coding.is_scalable() { 3 } else { 1 };
            for frame in frames.iter().filter(|frame| frame.layer < streams) {
                let payloads = packetizer.packetize(frame);
                let mut joined = Vec::new();
                for payload in &payloads {
                    let head = read(codec(coding), &payload.bytes, payload.descriptor.as_deref());
                    if let Some(body) = head.body {
                        joined.extend_from_slice(&payload.bytes[body..]);
                    }
                }
                assert_eq!(joined, frame.data, "{coding:?}");
                let of = |payload: &Payload| {
                    read(codec(coding), &payload.bytes, payload.descriptor.as_deref())
                };
                let starts = frame.keyframe && (frame.layer == 0 || !coding.is_scalable());
                assert_eq!(of(&payloads[0]).starts_keyframe, starts, "{coding:?}");
                let later = payloads[1..].iter().any(|p| of(p).starts_keyframe);
                assert!(!later, "{coding:?}: once");
                let ends = frame.place.as_ref().is_none_or(|place| place.is_last);
                assert_eq!(payloads[payloads.len() - 1].marker, ends, "{coding:?}");
            }
        }
    }

    #[test]
    fn hostile_payloads_are_read_as_nothing_or_something() {
        for coding in EVERY {
            for first in 0..=255 {
                for length in 0..24 {
                    let payload: Vec<u8> = std::iter::repeat_n(first, length).collect();
                    let head = read(codec(coding), &payload, Some(&payload));
                    assert!(head.body.is_none_or(|body| body <= length));
                }
            }
        }
    }
}
