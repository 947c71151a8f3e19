//! One continuous output timeline over many inputs: what a receiver sees in a slot is one RTP
//! stream whose sequence numbers, timestamps and VP8 picture ids go on without a step, whoever
//! is shown and in whichever layer.
//!
//! A segment begins where the input changes. Inside it every number keeps its distance, so that
//! losses and reordering pass through unchanged. Between segments sequence numbers and picture
//! ids go on by one, and the timestamp by the time that passed between the arrivals.
//!
//! VP9's picture ids and TL0PICIDX pass unchanged: a receiver may wait after a switch until they
//! have caught up with what it saw before.

use std::time::Instant;

use super::closed::Closed;

const PICTURE_ID_MASK: u16 = 0x7fff;

/// The numbers of an input packet that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) vp8: Vp8Numbers,
}

/// RFC 7741, section 4.2. Only those that the packet carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Vp8Numbers {
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_pic_idx: Option<u8>,
    pub(crate) key_idx: Option<u8>,
}

#[derive(Debug, Clone)]
struct Segment {
    first_seq: u64,
    highest_seq: u64,
    /// Subtracted (wrapping) from every input sequence number, besides those left out before it.
    seq_delta: u64,
    left_out: Closed,
    timestamp_delta: u32,
    picture_id_delta: u16,
    tl0_delta: u8,
    key_idx_delta: u8,
}

impl Segment {
    /// A packet's output numbers; none when it lies before the first or is too old to be placed.
    fn place(&self, input: Numbers) -> Option<Numbers> {
        if input.seq < self.first_seq {
            return None;
        }
        let left_out = self.left_out.before(input.seq)?;
        let Vp8Numbers {
            picture_id,
            tl0_pic_idx,
            key_idx,
        } = input.vp8;
        Some(Numbers {
            seq: input
                .seq
                .wrapping_sub(self.seq_delta)
                .wrapping_sub(left_out),
            timestamp: input.timestamp.wrapping_add(self.timestamp_delta),
            vp8: Vp8Numbers {
                picture_id: picture_id
                    .map(|id| id.wrapping_add(self.picture_id_delta) & PICTURE_ID_MASK),
                tl0_pic_idx: tl0_pic_idx.map(|index| index.wrapping_add(self.tl0_delta)),
                key_idx: key_idx.map(|index| index.wrapping_add(self.key_idx_delta) & 0x1f),
            },
        })
    }
}

/// The output of one slot.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    clock_rate_hz: u32,
    highest_seq: u64,
    highest_timestamp: u32,
    reached_at: Option<Instant>,
    picture_id: u16,
    tl0_pic_idx: u8,
    key_idx: u8,
    segment: Option<Segment>,
    /// The one before, for its packets that come late.
    former: Option<Segment>,
    /// The last output number that was given while the former ran.
    former_reached: u64,
}

impl Timeline {
    /// A timeline whose numbers begin somewhere that a stranger cannot guess. The first sequence
    /// number stays below 2^15, so that the receiver's SRTP rollover counter begins at zero.
    pub(crate) fn new(clock_rate_hz: u32, chance: u64) -> Self {
        Timeline {
            clock_rate_hz,
            highest_seq: chance & 0x7fff,
            highest_timestamp: (chance >> 16) as u32,
            reached_at: None,
            picture_id: (chance >> 48) as u16 & PICTURE_ID_MASK,
            tl0_pic_idx: 0,
            key_idx: 0,
            segment: None,
            former: None,
            former_reached: 0,
        }
    }

    /// Units of a timestamp are in a second.
    pub(crate) fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }

    /// Begins a segment with this packet.
    pub(crate) fn begin(&mut self, input: Numbers, now: Instant) {
        let seq_delta = input.seq.wrapping_sub(self.highest_seq.wrapping_add(1));
        let timestamp = self.highest_timestamp.wrapping_add(self.ticks_since(now));
        let next_picture = self.picture_id.wrapping_add(1) & PICTURE_ID_MASK;
        let from = |input: Option<u8>, next: u8| next.wrapping_sub(input.unwrap_or(0));
        self.former = self.segment.take();
        self.former_reached = self.highest_seq;
        self.segment = Some(Segment {
            first_seq: input.seq,
            highest_seq: input.seq,
            seq_delta,
            left_out: Closed::since(input.seq),
            timestamp_delta: timestamp.wrapping_sub(input.timestamp),
            picture_id_delta: next_picture.wrapping_sub(input.vp8.picture_id.unwrap_or(0)),
            tl0_delta: from(input.vp8.tl0_pic_idx, self.tl0_pic_idx.wrapping_add(1)),
            key_idx_delta: from(input.vp8.key_idx, self.key_idx.wrapping_add(1)),
        });
        // The first packet of a segment is always the highest so far.
        self.highest_timestamp = timestamp;
        self.reached_at = Some(now);
        self.picture_id = next_picture;
    }

    /// Output numbers of a packet of the running segment; none when it lies before the
    /// segment's first or is too old to be placed.
    pub(crate) fn map(&mut self, input: Numbers, now: Instant) -> Option<Numbers> {
        let segment = self.segment.as_mut()?;
        let Numbers {
            seq,
            timestamp,
            vp8,
        } = segment.place(input)?;
        if input.seq > segment.highest_seq {
            segment.highest_seq = input.seq;
            segment.left_out.reach(input.seq);
        }
        if seq >= self.highest_seq {
            self.highest_seq = seq;
            self.picture_id = vp8.picture_id.unwrap_or(self.picture_id);
            self.tl0_pic_idx = vp8.tl0_pic_idx.unwrap_or(self.tl0_pic_idx);
            self.key_idx = vp8.key_idx.unwrap_or(self.key_idx);
            if timestamp != self.highest_timestamp {
                self.highest_timestamp = timestamp;
                self.reached_at = Some(now);
            }
        }
        Some(Numbers {
            seq,
            timestamp,
            vp8,
        })
    }

    /// Output numbers of a packet of the segment before, which had a place there and comes late;
    /// none otherwise. Without it the place would stay a hole that nothing fills. One that lies
    /// before what was left out at the segment's end has none: its number is the next segment's,
    /// and none is given twice (SRTP would seal two packets with one nonce).
    pub(crate) fn map_former(&mut self, input: Numbers) -> Option<Numbers> {
        let former = self.former.as_ref()?;
        (input.seq < former.highest_seq)
            .then(|| former.place(input))
            .flatten()
            .filter(|output| output.seq < self.former_reached)
    }

    /// Leaves a packet of the running segment out and closes its place. A packet that came late
    /// keeps its place: numbers after it are out already.
    pub(crate) fn skip(&mut self, seq: u64) {
        let Some(segment) = self.segment.as_mut() else {
            return;
        };
        if seq <= segment.highest_seq {
            return;
        }
        segment.highest_seq = seq;
        segment.left_out.close(seq);
    }

    /// Ends the running segment: the next packet begins another.
    pub(crate) fn end(&mut self) {
        self.segment = None;
        self.former = None;
    }

    /// Whether a segment runs.
    pub(crate) fn runs(&self) -> bool {
        self.segment.is_some()
    }

    /// Whether a packet of this number belongs to the running segment.
    pub(crate) fn reaches(&self, seq: u64) -> bool {
        let segment = self.segment.as_ref();
        segment.is_some_and(|segment| segment.first_seq <= seq)
    }

    fn ticks_since(&self, now: Instant) -> u32 {
        let Some(reached_at) = self.reached_at else {
            return 0;
        };
        let passed = now.saturating_duration_since(reached_at).as_micros();
        let ticks = passed * u128::from(self.clock_rate_hz) / 1_000_000;
        // Two frames never share a timestamp. A silence of more than half the range wraps.
        (ticks as u32).max(1)
    }
}

#[cfg(test)]
mod tests;
