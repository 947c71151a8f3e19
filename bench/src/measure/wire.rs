//! Packets as they come off the wire, before anything repairs them: RTP headers are in the clear
//! (RFC 3711, section 3.1), and each stream counts its packets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Streams of one participant. What comes under more SSRCs is counted as packets only.
const MAX_STREAMS: usize = 512;

/// How far behind a packet may come and still be told from one that came before.
const REMEMBERED: u64 = 1_024;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Media packets that came, each once.
    pub(crate) received: u64,
    /// Their bytes on the wire, without IP and UDP.
    pub(crate) bytes: u64,
    /// Numbers that never came, between the first and the last of each stream.
    pub(crate) lost: u64,
    /// Packets that came again.
    pub(crate) duplicates: u64,
    /// Packets that came after a later one.
    pub(crate) reordered: u64,
    /// Retransmissions; they are no media packets.
    pub(crate) repairs: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.received += other.received;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.repairs += other.repairs;
    }

    /// What came since `before`. A number that was lost then may have come since.
    pub(crate) fn since(&self, before: &Tally) -> Tally {
        Tally {
            received: self.received - before.received,
            bytes: self.bytes - before.bytes,
            lost: self.lost.saturating_sub(before.lost),
            duplicates: self.duplicates - before.duplicates,
            reordered: self.reordered - before.reordered,
            repairs: self.repairs - before.repairs,
        }
    }
}

/// The streams of one participant.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    streams: BTreeMap<u32, Stream>,
    bytes: u64,
    repairs: u64,
}

/// One stream (RFC 3550, appendix A.3, over the whole of it).
#[derive(Debug)]
struct Stream {
    first: u64,
    highest: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
    /// One bit for each of the last numbers.
    seen: [u64; REMEMBERED as usize / 64],
}

impl Wire {
    /// A datagram came. `repairs`: payload types of retransmissions, one bit each.
    pub(crate) fn datagram(&mut self, bytes: &[u8], repairs: u128) {
        let Some((payload_type, seq, ssrc)) = rtp(bytes) else {
            return;
        };
        if repairs >> payload_type & 1 == 1 {
            self.repairs += 1;
            return;
        }
        self.bytes += bytes.len() as u64;
        let full = self.streams.len() == MAX_STREAMS;
        match self.streams.entry(ssrc) {
            Entry::Occupied(stream) => stream.into_mut().packet(seq),
            Entry::Vacant(place) if !full => {
                place.insert(Stream::new(seq));
            }
            Entry::Vacant(_) => {}
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally {
            bytes: self.bytes,
            repairs: self.repairs,
            ..Tally::default()
        };
        for stream in self.streams.values() {
            tally.received += stream.received;
            tally.lost += (stream.highest - stream.first + 1).saturating_sub(stream.received);
            tally.duplicates += stream.duplicates;
            tally.reordered += stream.reordered;
        }
        tally
    }
}

impl Stream {
    fn new(seq: u16) -> Self {
        // One round up, so that what comes late has a number too.
        let first = (1 << 16) + u64::from(seq);
        let mut stream = Stream {
            first,
            highest: first,
            received: 1,
            duplicates: 0,
            reordered: 0,
            seen: [0; REMEMBERED as usize / 64],
        };
        stream.mark(first);
        stream
    }

    fn packet(&mut self, seq: u16) {
        let ahead = seq.wrapping_sub(self.highest as u16) as i16;
        let number = self.highest.saturating_add_signed(ahead.into());
        if number > self.highest {
            let passed = (self.highest + 1..=number).rev().take(REMEMBERED as usize);
            for skipped in passed {
                self.clear(skipped);
            }
            self.highest = number;
        } else if self.highest - number >= REMEMBERED || self.has(number) {
            self.duplicates += 1;
            return;
        } else {
            self.reordered += 1;
            self.first = self.first.min(number);
        }
        self.mark(number);
        self.received += 1;
    }

    fn place(number: u64) -> (usize, u64) {
        let bit = number % REMEMBERED;
        (bit as usize / 64, 1 << (bit % 64))
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.seen[word] & bit != 0
    }

    fn mark(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.seen[word] |= bit;
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.seen[word] &= !bit;
    }
}

/// Payload type, sequence number and SSRC of a datagram that is RTP (RFC 7983, section 7; RFC
/// 5761, section 4).
fn rtp(bytes: &[u8]) -> Option<(u8, u16, u32)> {
    let header: &[u8; 12] = bytes.first_chunk()?;
    let is_rtp = (128..=191).contains(&header[0]) && !(192..=223).contains(&header[1]);
    let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let seq = u16::from_be_bytes([header[2], header[3]]);
    is_rtp.then_some((header[1] & 0x7f, seq, ssrc))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: u8 = 96;
    const REPAIR: u8 = 97;

    fn packet(payload_type: u8, seq: u16, ssrc: u8) -> [u8; 12] {
        let [high, low] = seq.to_be_bytes();
        [0x80, payload_type, high, low, 0, 0, 0, 0, 0, 0, 0, ssrc]
    }

    fn tally_of(seqs: &[u16]) -> Tally {
        let mut wire = Wire::default();
        for seq in seqs {
            wire.datagram(&packet(MEDIA, *seq, 1), 1 << REPAIR);
        }
        wire.tally()
    }

    #[test]
    fn every_number_is_received_or_lost_once() {
        let cases: [(&[u16], u64, u64, u64, u64); 7] = [
            (&[1, 2, 3], 3, 0, 0, 0),
            (&[1, 2, 5], 3, 2, 0, 0),
            (&[1, 3, 2], 3, 0, 0, 1),
            (&[1, 2, 2, 1], 2, 0, 2, 0),
            (&[65_534, 65_535, 0, 2], 4, 1, 0, 0),
            (&[5, 3, 4], 3, 0, 0, 2),
            (&[0, 65_535], 2, 0, 0, 1),
        ];
        for (seqs, received, lost, duplicates, reordered) in cases {
            let tally = tally_of(seqs);
            let got = (
                tally.received,
                tally.lost,
                tally.duplicates,
                tally.reordered,
            );
            assert_eq!(got, (received, lost, duplicates, reordered), "{seqs:?}");
        }
    }

    #[test]
    fn a_long_gap_forgets_what_came_before_it() {
        let after = 1 + 5 * REMEMBERED as u16;
        let tally = tally_of(&[1, after, after - 1]);
        assert_eq!(
            (tally.received, tally.duplicates, tally.reordered),
            (3, 0, 1)
        );
        assert_eq!(tally.lost, 5 * REMEMBERED - 2);
    }

    #[test]
    fn streams_are_apart_and_repairs_are_no_media() {
        let mut wire = Wire::default();
        for (payload_type, seq, ssrc) in [(MEDIA, 1, 1), (MEDIA, 9, 2), (REPAIR, 70, 3)] {
            wire.datagram(&packet(payload_type, seq, ssrc), 1 << REPAIR);
        }
        wire.datagram(&[0, 1, 2], 0);
        wire.datagram(&packet(200, 1, 1), 0);
        let tally = wire.tally();
        assert_eq!((tally.received, tally.lost, tally.repairs), (2, 0, 1));
        assert_eq!(tally.bytes, 24);
    }
}
