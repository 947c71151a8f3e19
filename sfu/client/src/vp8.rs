//! VP8 in RTP (RFC 7741): a frame cut into payloads, and payloads read again.
//!
//! The descriptor carries a 15-bit picture id, TL0PICIDX, TID and KEYIDX, as browsers send it,
//! so that whoever forwards has every field to rewrite. Every frame is of temporal layer 0.

use str0m::rtp::Vp8Descriptor;

/// Largest payload that is sent. With every header it stays under the smallest path MTU of the
/// Internet's IPv6, 1280 bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1_150;

/// What the descriptor takes of a payload (RFC 7741, section 4.2).
pub const DESCRIPTOR_BYTES: usize = 6;

const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0PICIDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEYIDX: u8 = 0x10;
const LONG_PICTURE_ID: u8 = 0x80;

/// The counters of one layer's descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Vp8Packetizer {
    picture_id: u16,
    tl0_pic_idx: u8,
    key_idx: u8,
}

impl Vp8Packetizer {
    /// Counters start anywhere: a receiver must not expect zero.
    pub fn new(start: u16) -> Self {
        Vp8Packetizer {
            picture_id: start & 0x7fff,
            tl0_pic_idx: (start >> 3) as u8,
            key_idx: (start & 0x1f) as u8,
        }
    }

    /// The payloads of the next frame, in order. The last one takes the marker bit.
    pub fn packetize(&mut self, frame: &[u8], keyframe: bool) -> Vec<Vec<u8>> {
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
        if keyframe {
            self.key_idx = (self.key_idx + 1) & 0x1f;
        }
        frame
            .chunks(MAX_PAYLOAD_BYTES - DESCRIPTOR_BYTES)
            .enumerate()
            .map(|(index, piece)| self.payload(index == 0, piece))
            .collect()
    }

    fn payload(&self, first: bool, piece: &[u8]) -> Vec<u8> {
        let [picture_high, picture_low] = self.picture_id.to_be_bytes();
        let start = if first { START_OF_PARTITION } else { 0 };
        let mut payload = Vec::with_capacity(DESCRIPTOR_BYTES + piece.len());
        payload.extend_from_slice(&[
            EXTENDED | start,
            HAS_PICTURE_ID | HAS_TL0PICIDX | HAS_TID | HAS_KEYIDX,
            LONG_PICTURE_ID | picture_high,
            picture_low,
            self.tl0_pic_idx,
            self.key_idx,
        ]);
        payload.extend_from_slice(piece);
        payload
    }
}

/// What one payload says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Payload<'a> {
    /// Whether a frame begins here.
    pub starts_frame: bool,
    /// Whether a keyframe begins here.
    pub starts_keyframe: bool,
    /// The frame's number, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The number of frames of temporal layer 0.
    pub tl0_pic_idx: Option<u8>,
    /// This payload's part of the frame.
    pub piece: &'a [u8],
}

/// Reads a payload; `None` when it is not VP8.
pub fn read_payload(payload: &[u8]) -> Option<Vp8Payload<'_>> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let starts_frame = payload[0] & START_OF_PARTITION != 0 && payload[0] & PARTITION_INDEX == 0;
    Some(Vp8Payload {
        starts_frame,
        starts_keyframe: descriptor.starts_keyframe(payload),
        picture_id: descriptor.picture_id(),
        tl0_pic_idx: descriptor.tl0_pic_idx(),
        piece: &payload[descriptor_bytes(payload)..],
    })
}

/// How long the descriptor is. Call only with a payload that parsed.
fn descriptor_bytes(payload: &[u8]) -> usize {
    if payload[0] & EXTENDED == 0 {
        return 1;
    }
    let fields = payload[1];
    let mut length = 2;
    if fields & HAS_PICTURE_ID != 0 {
        length += if payload[2] & LONG_PICTURE_ID != 0 {
            2
        } else {
            1
        };
    }
    if fields & HAS_TL0PICIDX != 0 {
        length += 1;
    }
    if fields & (HAS_TID | HAS_KEYIDX) != 0 {
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(payloads: &[Vec<u8>]) -> Vec<u8> {
        payloads
            .iter()
            .flat_map(|p| read_payload(p).expect("our own payload").piece.to_vec())
            .collect()
    }

    #[test]
    fn a_frame_survives_being_cut_whatever_its_size() {
        let room = MAX_PAYLOAD_BYTES - DESCRIPTOR_BYTES;
        let mut packetizer = Vp8Packetizer::new(0x7ffe);
        for (size, pieces) in [(10, 1), (room, 1), (room + 1, 2), (10 * room, 10)] {
            let frame: Vec<u8> = (0..size).map(|i| (i % 251) as u8 & !1).collect();
            let payloads = packetizer.packetize(&frame, true);
            assert_eq!(payloads.len(), pieces);
            assert_eq!(joined(&payloads), frame);
            for (index, payload) in payloads.iter().enumerate() {
                assert!(payload.len() <= MAX_PAYLOAD_BYTES);
                let read = read_payload(payload).expect("our own payload");
                assert_eq!(read.starts_frame, index == 0);
                assert_eq!(read.starts_keyframe, index == 0);
            }
        }
    }

    #[test]
    fn picture_ids_count_frames_and_wrap_at_15_bits() {
        let mut packetizer = Vp8Packetizer::new(0x7ffe);
        let ids: Vec<_> = (0..3)
            .map(|_| packetizer.packetize(&[1, 2, 3], false))
            .map(|p| read_payload(&p[0]).and_then(|read| read.picture_id))
            .collect();
        assert_eq!(ids, [Some(0x7fff), Some(0), Some(1)]);
    }

    #[test]
    fn hostile_payloads_are_refused() {
        for payload in [
            &[][..],
            &[0x80],
            &[0x90, 0xf0, 0x80],
            &[0x90, 0x80, 0x01],
            &[0x10],
        ] {
            assert_eq!(read_payload(payload), None);
        }
        assert!(read_payload(&[0x10, 0x00]).is_some_and(|p| p.starts_keyframe && p.piece == [0]));
    }
}
