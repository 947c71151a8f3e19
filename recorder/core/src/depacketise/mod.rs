//! From RTP payloads in order to whole frames.
//!
//! Packets of one timestamp are gathered until the marker; the codec says where a frame begins
//! and how its payloads join. A frame that misses a packet is dropped, and so is every later
//! one until a keyframe: what comes out can be decoded. Any payload is survived.

mod av1;
mod h264;
mod opus;
mod vp8;
mod vp9;

use std::sync::Arc;

use sfu_protocol::media::{Codec, Kind};

use crate::reorder::Packet;

/// Largest frame. A frame that grows beyond it is dropped like one with a lost packet.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// The largest picture id of 15 bits. Of the shorter kind, which comes round too soon to prove
/// anything, none is read.
const MAX_PICTURE_ID: u16 = 0x7fff;

/// A frame before it is placed on the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeFrame {
    /// Decodable without any earlier frame.
    pub keyframe: bool,
    /// As [`crate::frame::Frame::data`].
    pub data: Vec<u8>,
}

/// What became of the frames of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Frames that came out.
    pub whole: u64,
    /// Frames that miss a packet or make no sense.
    pub broken: u64,
    /// Whole frames that follow a broken one and wait for a keyframe.
    pub undecodable: u64,
}

/// Makes the frames of one layer.
#[derive(Debug)]
pub struct Depacketiser {
    codec: Codec,
    parts: Vec<Arc<[u8]>>,
    bytes: usize,
    timestamp: Option<u32>,
    torn: bool,
    decodable: bool,
    /// Of the last whole frame; VP8 and VP9 number their pictures.
    last_picture: Option<u16>,
    parameter_sets: h264::ParameterSets,
    counts: FrameCounts,
}

impl Depacketiser {
    /// Waits for the first frame: of video, the first keyframe.
    pub fn new(codec: Codec) -> Self {
        Depacketiser {
            codec,
            parts: Vec::new(),
            bytes: 0,
            timestamp: None,
            torn: false,
            decodable: codec.kind() == Kind::Audio,
            last_picture: None,
            parameter_sets: h264::ParameterSets::default(),
            counts: FrameCounts::default(),
        }
    }

    /// Takes the next packet in order; yields at most the frame that it completes. The frame
    /// has the packet's timestamp.
    pub fn push(&mut self, packet: &Packet) -> Option<WholeFrame> {
        if self.codec.kind() == Kind::Audio {
            let frame = opus::frame(&packet.payload)?;
            self.counts.whole += 1;
            return Some(frame);
        }
        self.turn_to(packet);
        if !packet.payload.is_empty() {
            self.gather(&packet.payload);
        }
        if packet.marker { self.complete() } else { None }
    }

    /// What became of the frames so far.
    pub fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Drops an unfinished frame when another begins, and notes a loss.
    fn turn_to(&mut self, packet: &Packet) {
        let unfinished = !self.parts.is_empty() || self.torn;
        if self.timestamp != Some(packet.timestamp) {
            if unfinished {
                self.drop_frame();
            }
            self.timestamp = Some(packet.timestamp);
        }
        if packet.after_loss && !self.is_next_picture(&packet.payload) {
            // What was lost may have been the tail of the last frame, the head of this one, or
            // frames between: in each case only a keyframe is safe from here.
            self.decodable = false;
            self.torn |= !self.parts.is_empty() || !self.begins(&packet.payload);
        }
    }

    /// Whether the payload begins the very next picture: then what is missing before it was
    /// padding, which has a sequence number and no part in any picture.
    fn is_next_picture(&self, payload: &[u8]) -> bool {
        let between_frames = self.parts.is_empty() && !self.torn;
        let next = self
            .last_picture
            .map(|last| if last == MAX_PICTURE_ID { 0 } else { last + 1 });
        between_frames && next.is_some() && self.begins(payload) && self.picture_of(payload) == next
    }

    fn picture_of(&self, payload: &[u8]) -> Option<u16> {
        match self.codec {
            Codec::Vp8 => vp8::picture_of(payload),
            Codec::Vp9 => vp9::picture_of(payload),
            Codec::H264 | Codec::Av1 | Codec::Opus => None,
        }
    }

    fn begins(&self, payload: &[u8]) -> bool {
        match self.codec {
            Codec::Vp8 => vp8::begins(payload),
            Codec::Vp9 => vp9::begins(payload),
            Codec::H264 => h264::begins(payload),
            Codec::Av1 => av1::begins(payload),
            Codec::Opus => true,
        }
    }

    fn gather(&mut self, payload: &Arc<[u8]>) {
        if self.parts.is_empty() && !self.begins(payload) {
            self.torn = true;
        }
        self.bytes += payload.len();
        self.torn |= self.bytes > MAX_FRAME_BYTES;
        if self.torn {
            self.parts.clear();
        } else {
            self.parts.push(payload.clone());
        }
    }

    fn complete(&mut self) -> Option<WholeFrame> {
        if self.torn {
            self.drop_frame();
            return None;
        }
        let parts = std::mem::take(&mut self.parts);
        self.bytes = 0;
        self.last_picture = self.picture_of(parts.first()?);
        let frame = match self.codec {
            Codec::Vp8 => vp8::join(&parts),
            Codec::Vp9 => vp9::join(&parts),
            Codec::H264 => h264::join(&parts, &mut self.parameter_sets),
            Codec::Av1 => av1::join(&parts),
            Codec::Opus => None,
        };
        self.judge(frame)
    }

    fn judge(&mut self, frame: Option<WholeFrame>) -> Option<WholeFrame> {
        let Some(frame) = frame else {
            self.drop_frame();
            return None;
        };
        if frame.data.is_empty() {
            // Parameter sets alone: they are kept for the picture that follows.
            return None;
        }
        self.decodable |= frame.keyframe;
        if !self.decodable {
            self.counts.undecodable += 1;
            return None;
        }
        self.counts.whole += 1;
        Some(frame)
    }

    fn drop_frame(&mut self) {
        self.parts.clear();
        self.bytes = 0;
        self.torn = false;
        self.decodable = false;
        self.counts.broken += 1;
    }
}

/// The picture id at the front (RFC 7741 and RFC 9628, section 4.2): its value when it has 15
/// bits, which its first bit says, and its length.
fn picture_id(bytes: &[u8]) -> Option<(Option<u16>, usize)> {
    let &first = bytes.first()?;
    if first & 0x80 == 0 {
        return Some((None, 1));
    }
    let id = u16::from_be_bytes([first & 0x7f, *bytes.get(1)?]);
    Some((Some(id), 2))
}

#[cfg(test)]
mod tests;
