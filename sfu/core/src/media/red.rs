//! Redundant audio (RFC 2198): a payload that carries earlier packets of its stream before its
//! own. Sound is not sent again when it is lost; what was lost comes with the packet after it.
//!
//! Section 3: each earlier block has four bytes of header (a one bit, 7 bits of payload type, 14
//! bits of how much earlier its timestamp is, 10 bits of length), the packet's own has one byte
//! (a zero bit and 7 bits of payload type). The blocks follow in the same order, and the last
//! one, the packet's own, takes what is left. A block has neither sequence number nor extensions.

use std::cmp::Reverse;
use std::sync::Arc;

use super::packet::Packet;

/// Earlier blocks of one payload. Browsers send one or two; a payload with more is refused.
pub(crate) const MAX_BLOCKS: usize = 4;

/// How many places before its carrier a block is believed to be.
const MAX_DISTANCE: u32 = 4;

/// How far back each earlier block of what we send lies, in packets, oldest first. One brings the
/// losses of a line that loses a tenth to a hundredth, for twice the bytes of sound.
const DISTANCES: [u64; 1] = [1];

/// Longest payload that we make, so that it fits every path with our headers around it.
const MAX_MADE_BYTES: usize = 1_200;

/// What the header's fields hold.
const OFFSET_LIMIT: u32 = 1 << 14;
const LENGTH_LIMIT: usize = 1 << 10;

/// Set while another header follows.
const FOLLOWS: u8 = 0x80;

/// Packets that are remembered for those after them: reordered ones find theirs too.
const RECENT: usize = 8;

/// Numbers that are remembered as given out: two and a half seconds of speech.
const WINDOW: u64 = 128;

/// An earlier packet that a payload carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Earlier<'a> {
    /// Places before its carrier.
    pub(crate) distance: u64,
    /// How much earlier, in units of the codec's clock.
    pub(crate) offset: u32,
    pub(crate) payload: &'a [u8],
}

/// A payload taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Carried<'a> {
    /// The packet's own.
    pub(crate) payload: &'a [u8],
    /// Oldest first.
    pub(crate) earlier: Vec<Earlier<'a>>,
}

/// Takes a payload apart. None when it is no RFC 2198, has too many blocks, or its own block is
/// of another type than the one that was negotiated with it. An earlier block is left out when
/// it is empty, of another type, or its place cannot be told: the nearest is the packet just
/// before, the others are where so many times its offset leads.
pub(crate) fn parse(payload: &[u8], payload_type: u8) -> Option<Carried<'_>> {
    let mut headers = [(0, 0, 0); MAX_BLOCKS];
    let mut count = 0;
    let mut rest = payload;
    while rest.first()? & FOLLOWS != 0 {
        let (header, after) = rest.split_first_chunk::<4>()?;
        let word = u32::from_be_bytes(*header);
        let length = word & (LENGTH_LIMIT as u32 - 1);
        let offset = (word >> 10) & (OFFSET_LIMIT - 1);
        *headers.get_mut(count)? = (header[0] & !FOLLOWS, offset, length as usize);
        count += 1;
        rest = after;
    }
    let (own, mut rest) = rest.split_first()?;
    let usable =
        |kind: u8, offset: u32, length: usize| kind == payload_type && offset > 0 && length > 0;
    let headers = &headers[..count];
    // An empty block has its place all the same.
    let nearest = headers.iter().filter(|(k, o, _)| usable(*k, *o, 1));
    let nearest = nearest.map(|(_, offset, _)| *offset).min().unwrap_or(1);
    let mut earlier = Vec::new();
    for (kind, offset, length) in headers {
        let (block, after) = rest.split_at_checked(*length)?;
        rest = after;
        let distance = offset / nearest;
        let placed = offset % nearest == 0 && distance <= MAX_DISTANCE;
        if usable(*kind, *offset, *length) && placed {
            earlier.push(Earlier {
                distance: u64::from(distance),
                offset: *offset,
                payload: block,
            });
        }
    }
    earlier.sort_by_key(|block| Reverse(block.distance));
    (*own == payload_type).then_some(Carried {
        payload: rest,
        earlier,
    })
}

/// Which numbers of a layer were given out. A packet that was taken from a later one and comes
/// itself after all is not given out again: two packets of one number would be sealed with the
/// same key stream.
#[derive(Debug, Default)]
pub(crate) struct Given {
    highest: Option<u64>,
    /// The highest is the lowest bit.
    seen: u128,
}

impl Given {
    /// Gives a number out. False when it was already, or is too old to tell; what lies before
    /// the first counts as given.
    pub(crate) fn take(&mut self, seq: u64) -> bool {
        let Some(highest) = self.highest else {
            (self.highest, self.seen) = (Some(seq), u128::MAX);
            return true;
        };
        if seq > highest {
            let step = (seq - highest).min(WINDOW) as u32;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = Some(seq);
            return true;
        }
        let bit = match highest - seq {
            age if age < WINDOW => 1 << age,
            _ => return false,
        };
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// A packet that those after it may carry.
#[derive(Debug, Clone)]
struct Past {
    seq: u64,
    timestamp: u32,
    payload: Arc<[u8]>,
}

/// The newest packets of a line.
#[derive(Debug, Default)]
pub(crate) struct Recent([Option<Past>; RECENT]);

impl Recent {
    /// What a packet can carry; from now on later ones can carry it.
    pub(crate) fn load(&mut self, packet: &Packet) -> Load {
        let place = |seq: u64| (seq % RECENT as u64) as usize;
        let before = |distance: u64| {
            let seq = packet.seq.checked_sub(distance)?;
            let past = self.0[place(seq)].as_ref()?;
            (past.seq == seq && fits(packet, past)).then(|| past.clone())
        };
        let earlier = DISTANCES.map(before);
        self.0[place(packet.seq)] = Some(Past {
            seq: packet.seq,
            timestamp: packet.timestamp,
            payload: packet.payload.clone(),
        });
        Load {
            earlier,
            made: None,
        }
    }
}

fn fits(packet: &Packet, past: &Past) -> bool {
    let offset = packet.timestamp.wrapping_sub(past.timestamp);
    (1..OFFSET_LIMIT).contains(&offset) && (1..LENGTH_LIMIT).contains(&past.payload.len())
}

/// What one packet carries for those who take redundancy. The payload is made for the first of
/// them and shared by the others.
#[derive(Debug, Default)]
pub(crate) struct Load {
    earlier: [Option<Past>; DISTANCES.len()],
    made: Option<(u8, Arc<[u8]>)>,
}

impl Load {
    /// The number of the oldest packet in it; none when there is nothing to carry.
    pub(crate) fn since(&self) -> Option<u64> {
        let carried = self.earlier.iter().flatten();
        carried.map(|past| past.seq).min()
    }

    /// The payload with every block of this type; none when it would be too long.
    pub(crate) fn payload(&mut self, packet: &Packet, payload_type: u8) -> Option<Arc<[u8]>> {
        if let Some((made_for, made)) = &self.made
            && *made_for == payload_type
        {
            return Some(made.clone());
        }
        let carried = || self.earlier.iter().flatten();
        let blocks: usize = carried().map(|past| 4 + past.payload.len()).sum();
        let length = blocks + 1 + packet.payload.len();
        if length > MAX_MADE_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(length);
        for past in carried() {
            let offset = packet.timestamp.wrapping_sub(past.timestamp);
            let kind = u32::from(FOLLOWS | payload_type) << 24;
            let word = kind | offset << 10 | past.payload.len() as u32;
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.push(payload_type);
        for past in carried() {
            bytes.extend_from_slice(&past.payload);
        }
        bytes.extend_from_slice(&packet.payload);
        let made: Arc<[u8]> = bytes.into();
        self.made = Some((payload_type, made.clone()));
        Some(made)
    }
}

#[cfg(test)]
mod tests;
