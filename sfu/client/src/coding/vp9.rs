//! VP9 in RTP (RFC 9628), without flexible mode: one stream, built of spatial and temporal layers.

use sfu_rtp::dependency::Frame;

use super::{Head, Payload};
use crate::media::{EncodedFrame, Place};
use crate::vp8::MAX_PAYLOAD_BYTES;

const HAS_PICTURE_ID: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const UNUSED_ABOVE: u8 = 0x01;
const UP_SWITCH: u8 = 0x10;
const USES_BELOW: u8 = 0x01;
const HAS_RESOLUTIONS: u8 = 0x10;
const HAS_GROUP: u8 = 0x08;
const LONG_PICTURE_ID: u8 = 0x80;

/// Descriptor and structure are never longer than this.
const MAX_HEAD_BYTES: usize = 5 + 1 + 4 * 8;

/// The counters of one stream's descriptors.
#[derive(Debug)]
pub(crate) struct Vp9Packetizer {
    key_only: bool,
    picture_id: u16,
    tl0_pic_idx: u8,
    timestamp: Option<u64>,
}

impl Vp9Packetizer {
    pub(super) fn new(key_only: bool, start: u16) -> Self {
        Vp9Packetizer {
            key_only,
            picture_id: start & 0x7fff,
            tl0_pic_idx: (start >> 3) as u8,
            timestamp: None,
        }
    }

    pub(super) fn packetize(&mut self, frame: &EncodedFrame) -> Vec<Payload> {
        let Some(place) = &frame.place else {
            return Vec::new();
        };
        if self.timestamp != Some(frame.timestamp) {
            self.timestamp = Some(frame.timestamp);
            self.picture_id = (self.picture_id + 1) & 0x7fff;
            let counts = u8::from(place.frame.temporal_id == 0);
            self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(counts);
        }
        let pieces: Vec<&[u8]> = frame
            .data
            .chunks(MAX_PAYLOAD_BYTES - MAX_HEAD_BYTES)
            .collect();
        let count = pieces.len();
        let payloads = pieces.into_iter().enumerate().map(|(index, piece)| {
            let ends = index + 1 == count;
            let mut bytes = self.descriptor(place, frame.keyframe, (index == 0, ends));
            bytes.extend_from_slice(piece);
            Payload {
                bytes,
                descriptor: None,
                marker: ends && place.is_last,
            }
        });
        payloads.collect()
    }

    /// RFC 9628, section 4.2.
    fn descriptor(&self, place: &Place, key: bool, (begins, ends): (bool, bool)) -> Vec<u8> {
        let Frame {
            spatial_id,
            temporal_id,
            ..
        } = place.frame;
        let between = key || !self.key_only;
        let first = key && begins && spatial_id == 0;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = HAS_PICTURE_ID
            | HAS_LAYER
            | flag(!key, PREDICTED)
            | flag(begins, BEGINS)
            | flag(ends, ENDS)
            | flag(first, HAS_STRUCTURE)
            | flag(!between || place.is_last, UNUSED_ABOVE);
        let layer = temporal_id << 5
            | UP_SWITCH
            | spatial_id << 1
            | flag(between && spatial_id > 0, USES_BELOW);
        let [high, low] = self.picture_id.to_be_bytes();
        let mut bytes = vec![flags, LONG_PICTURE_ID | high, low, layer, self.tl0_pic_idx];
        if first {
            let resolutions = &place.structure.resolutions;
            let layers = resolutions.len().clamp(1, 8) as u8;
            bytes.push((layers - 1) << 5 | flag(!resolutions.is_empty(), HAS_RESOLUTIONS));
            for (width, height) in resolutions.iter().take(layers.into()) {
                bytes.extend_from_slice(&(*width as u16).to_be_bytes());
                bytes.extend_from_slice(&(*height as u16).to_be_bytes());
            }
        }
        bytes
    }
}

/// Reads a payload of a stream without flexible mode and without groups of pictures; none when it
/// ends too early or is another.
pub(super) fn read(payload: &[u8]) -> Option<Head> {
    let flags = *payload.first()?;
    let has = |flag: u8| flags & flag != 0;
    if has(FLEXIBLE) {
        return None;
    }
    let mut rest = payload.get(1..)?;
    let mut take = |count: usize| -> Option<&[u8]> {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let mut head = Head {
        ends_frame: has(ENDS),
        ..Head::default()
    };
    if has(HAS_PICTURE_ID) {
        let first = take(1)?[0];
        head.picture_id = Some(match first & LONG_PICTURE_ID {
            0 => first.into(),
            _ => u16::from_be_bytes([first & 0x7f, take(1)?[0]]),
        });
    }
    let mut uses_below = false;
    if has(HAS_LAYER) {
        let [layer, tl0_pic_idx] = *take(2)?.first_chunk()?;
        head.temporal_id = Some(layer >> 5);
        head.tl0_pic_idx = Some(tl0_pic_idx);
        uses_below = layer & USES_BELOW != 0;
    }
    if has(HAS_STRUCTURE) {
        let first = take(1)?[0];
        if first & HAS_GROUP != 0 {
            return None;
        }
        if first & HAS_RESOLUTIONS != 0 {
            take(4 * (usize::from(first >> 5) + 1))?;
        }
    }
    head.starts_keyframe = has(BEGINS) && !has(PREDICTED) && !uses_below;
    head.body = Some(payload.len() - rest.len());
    Some(head)
}
