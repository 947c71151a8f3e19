//! VP9 (RFC 9628, section 4.2): a descriptor before each piece; the frames of several spatial
//! layers share a timestamp and become one superframe (VP9 bitstream specification, annex B).

use std::sync::Arc;

use super::WholeFrame;

/// Most frames that a superframe index can name.
const MAX_SUPERFRAME: usize = 8;

struct Piece<'a> {
    begins_frame: bool,
    ends_frame: bool,
    predicted: bool,
    /// The lowest layer, on which a superframe begins.
    base: bool,
    picture_id: Option<u16>,
    bytes: &'a [u8],
}

/// Walks over the descriptor's optional fields.
struct Walk<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

fn parse(payload: &[u8]) -> Option<Piece<'_>> {
    let mut walk = Walk { payload, at: 0 };
    let first = walk.byte()?;
    let flag = |bit: u8| first & bit != 0;
    let (has_id, predicted, has_layers, flexible) =
        (flag(0x80), flag(0x40), flag(0x20), flag(0x10));
    let mut picture_id = None;
    if has_id {
        let (id, length) = super::picture_id(payload.get(walk.at..)?)?;
        picture_id = id;
        walk.at += length;
    }
    let mut base = true;
    if has_layers {
        base = walk.byte()? & 0x0e == 0;
        if !flexible {
            walk.byte()?;
        }
    }
    if flexible && predicted {
        // At most three references, each saying whether another follows.
        for _ in 0..3 {
            if walk.byte()? & 1 == 0 {
                break;
            }
        }
    }
    if flag(0x02) {
        skip_scalability(&mut walk)?;
    }
    Some(Piece {
        begins_frame: flag(0x08),
        ends_frame: flag(0x04),
        predicted,
        base,
        picture_id,
        bytes: payload.get(walk.at..)?,
    })
}

/// The scalability structure, section 4.2.1.
fn skip_scalability(walk: &mut Walk<'_>) -> Option<()> {
    let head = walk.byte()?;
    if head & 0x10 != 0 {
        walk.at += 4 * (usize::from(head >> 5) + 1);
    }
    if head & 0x08 != 0 {
        for _ in 0..walk.byte()? {
            let references = usize::from(walk.byte()? >> 2 & 3);
            walk.at += references;
        }
    }
    Some(())
}

pub(super) fn begins(payload: &[u8]) -> bool {
    parse(payload).is_some_and(|piece| piece.begins_frame && piece.base)
}

pub(super) fn picture_of(payload: &[u8]) -> Option<u16> {
    parse(payload)?.picture_id
}

pub(super) fn join(parts: &[Arc<[u8]>]) -> Option<WholeFrame> {
    let mut data = Vec::new();
    let mut sizes = Vec::new();
    let mut keyframe = None;
    let mut frame_from = 0;
    for part in parts {
        let piece = parse(part)?;
        keyframe.get_or_insert(!piece.predicted);
        data.extend_from_slice(piece.bytes);
        if piece.ends_frame {
            sizes.push(data.len() - frame_from);
            frame_from = data.len();
        }
    }
    if frame_from < data.len() || sizes.is_empty() || sizes.len() > MAX_SUPERFRAME {
        return None;
    }
    if sizes.len() > 1 {
        append_index(&sizes, &mut data);
    }
    Some(WholeFrame {
        keyframe: keyframe?,
        data,
    })
}

/// Annex B.3: marker, sizes of four bytes each, marker.
fn append_index(sizes: &[usize], data: &mut Vec<u8>) {
    let frames = u8::try_from(sizes.len() - 1).expect("bounded by MAX_SUPERFRAME");
    let marker = 0b1101_1000 | frames;
    data.push(marker);
    for size in sizes {
        let size = u32::try_from(*size).expect("bounded by MAX_FRAME_BYTES");
        data.extend_from_slice(&size.to_le_bytes());
    }
    data.push(marker);
}
