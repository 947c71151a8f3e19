//! H.264 in RTP (RFC 6184, packetization mode 1): a keyframe is its parameters in one packet and a
//! picture, cut into fragments where it is long. A frame's bitstream is the body of one slice.

use super::Head;
use crate::vp8::MAX_PAYLOAD_BYTES;

const UNIT_TYPE: u8 = 0x1f;
const SLICE: u8 = 1;
const SLICE_IDR: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const REFERENCE: u8 = 0x60;
const FRAGMENT_BEGINS: u8 = 0x80;
const FRAGMENT_ENDS: u8 = 0x40;

/// The baseline profile, level 3.1 (ITU-T H.264, annex A).
const PROFILE: [u8; 3] = [0x42, 0xe0, 0x1f];

/// Picture parameters that say nothing unusual.
const PICTURE_PARAMETERS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

const MACROBLOCK: u16 = 16;

/// Where a VP8 keyframe has its dimensions: marked frames say them there (RFC 6386, section 9.1).
const DIMENSIONS: std::ops::Range<usize> = 6..10;

/// The payloads of a frame, in order.
pub(super) fn packetize(frame: &[u8], keyframe: bool) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    if keyframe {
        payloads.push(parameters(frame));
    }
    let header = REFERENCE | if keyframe { SLICE_IDR } else { SLICE };
    if frame.len() < MAX_PAYLOAD_BYTES {
        payloads.push([&[header], frame].concat());
        return payloads;
    }
    let pieces: Vec<&[u8]> = frame.chunks(MAX_PAYLOAD_BYTES - 2).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let mut fragment = header & UNIT_TYPE;
        if index == 0 {
            fragment |= FRAGMENT_BEGINS;
        }
        if index + 1 == pieces.len() {
            fragment |= FRAGMENT_ENDS;
        }
        payloads.push([&[REFERENCE | FU_A, fragment], *piece].concat());
    }
    payloads
}

/// Both kinds of parameters in one packet.
fn parameters(frame: &[u8]) -> Vec<u8> {
    let size = match frame.get(DIMENSIONS) {
        Some([w0, w1, h0, h1]) => (
            u16::from_le_bytes([*w0, *w1]) & 0x3fff,
            u16::from_le_bytes([*h0, *h1]) & 0x3fff,
        ),
        _ => (MACROBLOCK, MACROBLOCK),
    };
    let mut payload = vec![REFERENCE | STAP_A];
    for unit in [sequence_parameters(size), PICTURE_PARAMETERS.to_vec()] {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        payload.extend_from_slice(&unit);
    }
    payload
}

/// ITU-T H.264, section 7.3.2.1.1.
fn sequence_parameters((width, height): (u16, u16)) -> Vec<u8> {
    let mut bits = Bits::default();
    // seq_parameter_set_id, log2_max_frame_num_minus4, pic_order_cnt_type, max_num_ref_frames.
    for number in [0, 0, 2, 1] {
        bits.number(number);
    }
    bits.bit(false);
    let blocks = |pixels: u16| u32::from(pixels.max(1).div_ceil(MACROBLOCK));
    bits.number(blocks(width) - 1);
    bits.number(blocks(height) - 1);
    // frame_mbs_only_flag, direct_8x8_inference_flag.
    bits.bit(true);
    bits.bit(true);
    let cropped = blocks(height) * u32::from(MACROBLOCK) - u32::from(height);
    bits.bit(cropped > 0);
    if cropped > 0 {
        // Left, right, top, bottom, in units of two lines.
        for number in [0, 0, 0, cropped / 2] {
            bits.number(number);
        }
    }
    // No usability information; then the bit that ends it.
    bits.bit(false);
    bits.bit(true);
    let mut unit = vec![REFERENCE | SEQUENCE_PARAMETERS];
    unit.extend_from_slice(&PROFILE);
    unit.extend_from_slice(&bits.bytes);
    unit
}

#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn bit(&mut self, bit: bool) {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let (true, Some(last)) = (bit, self.bytes.last_mut()) {
            *last |= 0x80 >> (self.count % 8);
        }
        self.count += 1;
    }

    /// Exp-Golomb (section 9.1).
    fn number(&mut self, number: u32) {
        let code = number + 1;
        let length = u32::BITS - code.leading_zeros();
        for at in (0..2 * length - 1).rev() {
            self.bit(at < length && code >> at & 1 == 1);
        }
    }
}

pub(super) fn read(payload: &[u8]) -> Head {
    let Some(first) = payload.first() else {
        return Head::default();
    };
    let body = match first & UNIT_TYPE {
        SLICE | SLICE_IDR => Some(1),
        FU_A if payload.len() >= 2 => Some(2),
        _ => None,
    };
    // Only with the parameters a decoder can start.
    let parameters = first & UNIT_TYPE == STAP_A
        && payload.get(3).map(|header| header & UNIT_TYPE) == Some(SEQUENCE_PARAMETERS);
    Head {
        starts_picture: parameters,
        starts_keyframe: parameters,
        body,
        ..Head::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_that_an_encoder_writes() {
        // 1280 x 720, 45 rows of macroblocks; 320 x 180, twelve rows of which 12 lines are cropped.
        let full = sequence_parameters((1280, 720));
        assert_eq!(full[..4], [0x67, 0x42, 0xe0, 0x1f]);
        // 1 1 011 010 0, 0000001010000, 00000101101, 1 1 0 0, and the bit that ends it.
        assert_eq!(full[4..], [0xda, 0x01, 0x40, 0x16, 0xe4]);
        let small = sequence_parameters((320, 180));
        assert!(small.len() > 7 && small != full);
    }
}
