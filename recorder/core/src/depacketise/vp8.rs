//! VP8 (RFC 7741, section 4.2): a descriptor before each piece of the frame.

use std::sync::Arc;

use super::WholeFrame;

struct Piece<'a> {
    begins_frame: bool,
    picture_id: Option<u16>,
    bytes: &'a [u8],
}

fn parse(payload: &[u8]) -> Option<Piece<'_>> {
    let &first = payload.first()?;
    let mut at = 1;
    let mut picture_id = None;
    if first & 0x80 != 0 {
        let &extended = payload.get(at)?;
        at += 1;
        if extended & 0x80 != 0 {
            let (id, length) = super::picture_id(payload.get(at..)?)?;
            picture_id = id;
            at += length;
        }
        at += usize::from(extended & 0x40 != 0);
        at += usize::from(extended & 0x30 != 0);
    }
    Some(Piece {
        begins_frame: first & 0x10 != 0 && first & 0x07 == 0,
        picture_id,
        bytes: payload.get(at..)?,
    })
}

pub(super) fn begins(payload: &[u8]) -> bool {
    parse(payload).is_some_and(|piece| piece.begins_frame)
}

pub(super) fn picture_of(payload: &[u8]) -> Option<u16> {
    parse(payload)?.picture_id
}

pub(super) fn join(parts: &[Arc<[u8]>]) -> Option<WholeFrame> {
    let mut data = Vec::new();
    for part in parts {
        data.extend_from_slice(parse(part)?.bytes);
    }
    // RFC 6386, section 9.1: bit 0 of the frame tag is 0 for a keyframe.
    let keyframe = data.first()? & 1 == 0;
    Some(WholeFrame { keyframe, data })
}
