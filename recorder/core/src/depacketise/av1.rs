//! AV1 (RTP payload format for AV1, version 1.0, sections 4.3 to 5): OBU elements, possibly
//! spread over packets, joined to a temporal unit in the low-overhead format, every OBU with
//! its size and without temporal delimiters (as WebM and MP4 want it).

use std::sync::Arc;

use super::WholeFrame;

const OBU_SEQUENCE_HEADER: u8 = 1;
const OBU_TEMPORAL_DELIMITER: u8 = 2;
const OBU_TILE_LIST: u8 = 8;

pub(super) fn begins(payload: &[u8]) -> bool {
    // Z: the first element continues one of the packet before.
    payload.first().is_some_and(|head| head & 0x80 == 0)
}

pub(super) fn join(parts: &[Arc<[u8]>]) -> Option<WholeFrame> {
    let mut joined = Joined::default();
    let mut open: Option<Vec<u8>> = None;
    for part in parts {
        take_packet(part, &mut open, &mut joined)?;
    }
    if open.is_some() || joined.data.is_empty() {
        return None;
    }
    // N: the first packet of a coded video sequence, which begins with a keyframe.
    let begins_sequence = parts.first()?.first()? & 0x08 != 0;
    Some(WholeFrame {
        keyframe: begins_sequence && joined.sequence_header,
        data: joined.data,
    })
}

#[derive(Default)]
struct Joined {
    data: Vec<u8>,
    sequence_header: bool,
}

fn take_packet(part: &[u8], open: &mut Option<Vec<u8>>, joined: &mut Joined) -> Option<()> {
    let head = *part.first()?;
    let (continues, goes_on) = (head & 0x80 != 0, head & 0x40 != 0);
    // Without a count, as many elements as bytes may follow.
    let count = usize::from(head >> 4 & 3);
    if continues != open.is_some() {
        return None;
    }
    let mut rest = &part[1..];
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        // With a count W, the last element has no length.
        let element = if number == count {
            std::mem::take(&mut rest)
        } else {
            let (length, used) = leb128(rest)?;
            let element = rest.get(used..used.checked_add(length)?)?;
            rest = &rest[used + length..];
            element
        };
        let mut obu = open.take().unwrap_or_default();
        obu.extend_from_slice(element);
        if rest.is_empty() && goes_on {
            *open = Some(obu);
        } else {
            append_obu(&obu, joined)?;
        }
    }
    (count == 0 || number == count).then_some(())
}

/// AV1 bitstream specification, section 5.3.
fn append_obu(obu: &[u8], joined: &mut Joined) -> Option<()> {
    let header = *obu.first()?;
    let kind = header >> 3 & 0x0f;
    let (extended, sized) = (header & 0x04 != 0, header & 0x02 != 0);
    let mut at = 1 + usize::from(extended);
    let extension = if extended { Some(*obu.get(1)?) } else { None };
    let content = if sized {
        let (length, used) = leb128(obu.get(at..)?)?;
        at += used;
        obu.get(at..at.checked_add(length)?)?
    } else {
        obu.get(at..)?
    };
    if matches!(kind, OBU_TEMPORAL_DELIMITER | OBU_TILE_LIST) {
        return Some(());
    }
    joined.sequence_header |= kind == OBU_SEQUENCE_HEADER;
    joined.data.push(header | 0x02);
    joined.data.extend(extension);
    append_leb128(content.len(), &mut joined.data);
    joined.data.extend_from_slice(content);
    Some(())
}

/// The value and how many bytes it took; at most 8 (section 4.10.5).
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, place + 1));
        }
    }
    None
}

fn append_leb128(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
